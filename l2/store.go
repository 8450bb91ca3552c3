// Package l2 is the tier in Redis: one string per entry, whose first byte says what it is: a value, a lease of somebody
// who loads, or the intents of those who write.
//
// # Guarantees
//
// A value is stored only by who holds the lease (Fill) or is its source (Set), and only while nobody has intended a
// write or invalidated meanwhile: the words are compared inside Redis. What is damaged, of an older generation, or
// recorded under other versions of its tags is never returned.
//
// # Failure
//
// Every error is Redis's or the codec's; a word that cannot be read is Garbage, not an error.
//
// # Concurrency
//
// A Store is safe for concurrent use. It owns nothing: there is no Close. What it starts, to ask Redis for many readers
// at once, ends with the round trip.
//
// # Who uses what
//
// An application uses the codecs. Store, and what it takes and returns, is for package tiered.
package l2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

// Config says what a Store needs to know.
type Config[V any] struct {
	// Redis should not retry by itself: a Set sent again after a lost reply may undo another process's. It is one server:
	// Cluster would refuse keys of several slots at once.
	Redis redis.UniversalClient
	// Codec encodes the values. nil: MessagePack.
	Codec Codec[V]
	// Schema is written beside each value; values of another schema are left alone.
	Schema uint
	// CompressAbove is the size in bytes above which an encoded value is compressed, if that makes it smaller. Zero: never.
	// Every store reads both.
	CompressAbove int
	// PipelineBeyond is how many reads may run at once before further ones share round trips. Zero: DefaultPipelineBeyond;
	// negative: they never do.
	PipelineBeyond int
	// Generation is the Redis key of the cache's generation; Sequence, Journal and Channel are where Set announces.
	Generation, Sequence, Journal, Channel string
}

// Store reads and fills the words of one cache.
type Store[V any] struct {
	config Config[V]
	codec  Codec[V]
	schema uint32
	reads  reads
}

// DefaultPipelineBeyond is what was measured to pay: see docs/performance.md.
const DefaultPipelineBeyond = 4

// New returns a store, or an error that names the field of config that is unusable: a type of value that the codec
// cannot keep, for one.
func New[V any](config Config[V]) (*Store[V], error) {
	codec := config.Codec
	if codec == nil {
		codec = MessagePack[V]()
	}
	switch err := codec.Check(); {
	case config.Redis == nil:
		return nil, errors.New("l2: Redis is nil")
	case config.Schema > math.MaxUint32:
		return nil, fmt.Errorf("l2: Schema is %d: at most %d", config.Schema, uint32(math.MaxUint32))
	case config.CompressAbove < 0:
		return nil, fmt.Errorf("l2: CompressAbove is %d: give bytes, or zero for never", config.CompressAbove)
	case err != nil:
		return nil, fmt.Errorf("l2: Codec: %w", err)
	}
	if config.PipelineBeyond == 0 {
		config.PipelineBeyond = DefaultPipelineBeyond
	}
	s := &Store[V]{config: config, codec: codec, schema: uint32(config.Schema)}
	s.reads.client, s.reads.beyond = config.Redis, int64(config.PipelineBeyond)
	return s, nil
}

// Entry says where an entry lives.
type Entry struct {
	Key  string   // the Redis key of its word
	Name string   // what messages call it
	Tags []string // the Redis keys of its tags' words
}

// Kind is what was found at an entry's key.
type Kind int

// What can be found. Only a Found word has a value.
const (
	Absent   Kind = iota // nothing
	Found                // a value, or the fact that the source has none
	Stale                // a value of an older generation, of other versions of its tags, or that has expired, as intents may
	Foreign              // a value of a newer format, another schema or another codec: to be left alone
	Garbage              // none of ours, or damaged
	Leased               // somebody is loading
	Intended             // somebody is writing the entry or one of its tags
)

// Word is what was found.
type Word[V any] struct {
	Kind    Kind
	Value   V
	Missing bool   // Found: the source has no value
	Expires int64  // Found: in ms of Redis time
	Token   string // Leased: whose lease it is
	id      []byte // of a value: what LEASE may replace
}

// Get reads an entry in one round trip. generation is the least that a value may carry; now is Redis time in ms, never
// earlier than it is.
func (s *Store[V]) Get(ctx context.Context, e Entry, generation uint64, now int64) (Word[V], error) {
	if len(e.Tags) == 0 {
		raw, err := s.reads.get(ctx, e.Key)
		switch {
		case err == nil:
			return s.read(raw, nil, generation, now), nil
		case errors.Is(err, redis.Nil):
			return Word[V]{Kind: Absent}, nil
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			return Word[V]{Kind: Garbage}, nil
		}
		return Word[V]{}, fmt.Errorf("l2: get: %w", err)
	}
	words, err := s.reads.mget(ctx, append([]string{e.Key}, e.Tags...))
	if err != nil {
		return Word[V]{}, fmt.Errorf("l2: get: %w", err)
	}
	return s.view(words[0], words[1:], generation, now), nil
}

// view reads an entry and the words of its tags, as MGET returned them at one moment.
func (s *Store[V]) view(entry []byte, tags [][]byte, generation uint64, now int64) Word[V] {
	versions := make([]version, len(tags))
	known := true
	for i, w := range tags {
		if _, alive := intended(w, now); alive {
			return Word[V]{Kind: Intended}
		}
		if len(w) != 1+versionSize || w[0] != word.Value {
			known = false
			continue
		}
		copy(versions[i][:], w[1:])
	}
	if entry == nil {
		return Word[V]{Kind: Absent} // or of another type: LEASE looks for itself
	}
	found := s.read(entry, versions, generation, now)
	if !known && found.Kind == Found {
		found = Word[V]{Kind: Stale, id: idOf(entry)}
	}
	return found
}

// bytesOf is the memory of a string, which is only read: a copy of each value would be all that a conversion adds.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// read says what a word is, seen beside these versions of its tags.
func (s *Store[V]) read(raw []byte, versions []version, generation uint64, now int64) Word[V] {
	if len(raw) == 0 {
		return Word[V]{Kind: Garbage}
	}
	switch raw[0] {
	case word.Lease:
		return Word[V]{Kind: Leased, Token: strings.TrimSuffix(string(raw[1:]), "+")}
	case word.Intent:
		switch is, alive := intended(raw, now); {
		case alive:
			return Word[V]{Kind: Intended}
		case is:
			return Word[V]{Kind: Stale}
		}
		return Word[V]{Kind: Garbage}
	case word.Value:
		return s.readValue(raw, versions, generation, now)
	default:
		return Word[V]{Kind: Garbage}
	}
}

func (s *Store[V]) readValue(raw []byte, versions []version, generation uint64, now int64) Word[V] {
	var w Word[V]
	e, err := parse(raw)
	switch {
	case errors.Is(err, errNewer):
		w.Kind = Foreign
	case err != nil:
		w.Kind = Garbage
	case e.generation < generation: // also of another release: it reads this no more than we do
		w.Kind = Stale
	case e.schema != s.schema || e.codec != s.codec.ID():
		w.Kind = Foreign
	case !slices.Equal(e.versions, versions), e.expires <= now: // its word may have lost its life to PERSIST or a migration
		w.Kind = Stale
	default:
		value, err := s.decode(e)
		if err == nil {
			return Word[V]{Kind: Found, Value: value, Missing: e.missing, Expires: e.expires}
		}
		w.Kind = Garbage
	}
	w.id = idOf(raw)
	return w
}

// idOf returns what follows the first byte of a word, as a copy: who holds it does not hold what was read with it.
func idOf(raw []byte) []byte { return bytes.Clone(raw[idAt:min(len(raw), formatAt)]) }

// decode makes a panic of the codec an error: bytes that were written by others must not decide what a reader gets.
func (s *Store[V]) decode(e envelope) (v V, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = *new(V), fmt.Errorf("l2: decode: the codec panicked: %v", p)
		}
	}()
	if e.missing {
		return v, nil
	}
	if e.compressed {
		if e.payload, err = decompress(e.payload); err != nil {
			return v, err
		}
	}
	return s.codec.Decode(e.payload)
}
