package l2

import (
	"fmt"
	"io"
	"strconv"
)

// reply is what an MGET brings. go-redis writes it here line by line as it comes (RawWriteToCmd), so that many words share
// a block of memory, and none is copied on its way to the codec: a string and an interface for each were a tenth of a batch.
type reply struct {
	words [][]byte // nil: not there, or of another type
	keys  int      // that were asked for
	size  int      // of the word that comes next
	block []byte   // that no word has yet
	err   error    // what came in place of words
}

// A block has room for all words that are still to come if they are like this one, up to so many bytes.
const maxBlock = 128 << 10

const crlf = "\r\n"

// maxWord is more than Redis keeps in a string unless it is told to (proto-max-bulk-len).
const maxWord = 1 << 30

// redisError is what Redis sent in place of words: a redis.Error.
type redisError string

func (e redisError) Error() string { return string(e) }

// RedisError marks it.
func (e redisError) RedisError() {}

// Write takes a line of RESP, or the end of one. It fails only where the connection cannot be read on.
func (r *reply) Write(line []byte) (int, error) {
	if string(line) == crlf {
		return len(line), nil
	}
	n, err := strconv.Atoi(string(line[1:]))
	switch kind := line[0]; {
	case n > maxWord:
		return 0, fmt.Errorf("l2: MGET is answered %q", line)
	case kind == '_', kind == '$' && n == -1:
		r.words = append(r.words, nil)
	case kind == '*' && n == r.keys && r.words == nil:
		r.words = make([][]byte, 0, n)
	case kind == '$' && n >= 0 && err == nil:
		r.size = n
	case kind == '-':
		r.err = redisError(line[1:])
	default: // what follows, if anything, is read too
		r.size, r.err = max(n, 0), fmt.Errorf("l2: MGET of %d keys is answered %q", r.keys, line)
	}
	return len(line), nil
}

// ReadFrom takes a word and the end of its line.
func (r *reply) ReadFrom(src io.Reader) (int64, error) {
	need := r.size + len(crlf)
	if len(r.block) < need {
		r.block = make([]byte, max(need, min(need*(r.keys-len(r.words)), maxBlock)))
	}
	n, err := io.ReadFull(src, r.block[:need])
	r.words = append(r.words, r.block[:r.size:r.size])
	r.block = r.block[need:]
	return int64(n), err
}

// result returns a word for each key.
func (r *reply) result(err error) ([][]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case r.err != nil:
		return nil, r.err
	case len(r.words) != r.keys:
		return nil, fmt.Errorf("l2: MGET of %d keys is answered with %d words", r.keys, len(r.words))
	}
	return r.words, nil
}
