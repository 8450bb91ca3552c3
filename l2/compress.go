package l2

import (
	"github.com/klauspost/compress/s2"
)

// Payloads are compressed by S2 in the form of a Snappy block. It shrank text as well as S2's own form does, as fast; and
// no byte of it can claim more than 64 bytes for 3, so that a claim is believed or refused before anything is allocated.
const mostPerByte = 22

// compress puts the compressed payload in place of the payload, which begins at head, if it is longer than above and
// shrinks.
func compress(b []byte, head, above int) []byte {
	payload := b[head:]
	if above == 0 || len(payload) <= above || len(payload) > maxEncoded {
		return b
	}
	small := s2.EncodeSnappy(nil, payload)
	if len(small) >= len(payload) {
		return b
	}
	b[head-1] = followsCompressed
	return append(b[:head], small...)
}

// decompress returns what compress was given.
func decompress(payload []byte) ([]byte, error) {
	n, err := s2.DecodedLen(payload)
	if err != nil || n > maxEncoded || n > mostPerByte*len(payload) {
		return nil, errGarbage
	}
	return s2.Decode(nil, payload)
}
