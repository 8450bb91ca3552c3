package l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tieredcache/tieredcache/internal/word"
)

// The layout of a value's word. Numbers are big-endian.
//
//	offset  bytes  what
//	0       1      'V'
//	1       8      id: random, new with every store
//	9       1      format: 1
//	10      4      CRC-32C of the format and of all that follows this field
//	14      4      schema
//	18      4      codec
//	22      8      generation of the cache
//	30      1      number of tags, n
//	31      8n     version of each tag, as it was before the load
//	31+8n   8      expiry, in ms of Redis time
//	39+8n   1      what follows: 0 nothing, the source has no value; 1 the payload; 2 the payload, compressed
//	40+8n          payload, in the codec's encoding; compressed: that as a Snappy block
//
// In every later format the first 14 bytes mean the same, so that a damaged format is told from a newer one.
const (
	idAt         = 1
	formatAt     = 9
	checksumAt   = 10
	schemaAt     = 14
	codecAt      = 18
	generationAt = 22
	tagsAt       = 30
	versionsAt   = 31
	format       = 1
	versionSize  = 8

	followsNothing    = 0
	followsPayload    = 1
	followsCompressed = 2

	// MaxTags is how many tags an entry can have.
	MaxTags = 255

	maxHead = versionsAt + MaxTags*versionSize + 8 + 1 // what is before the payload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// version is a tag's version or a value's id: 64 random bits.
type version = [versionSize]byte

// envelope is what a value's word says.
type envelope struct {
	id         version
	schema     uint32
	codec      uint32
	generation uint64
	versions   []version
	expires    int64 // ms of Redis time
	missing    bool
	compressed bool   // where it was read
	payload    []byte // likewise: a part of the word
}

var (
	errGarbage = errors.New("l2: not a word of ours")
	errNewer   = errors.New("l2: a newer format")
)

// appendHead appends all but the payload; seal closes the word once the payload is behind it.
func (e *envelope) appendHead(b []byte) ([]byte, error) {
	if len(e.versions) > MaxTags {
		return nil, fmt.Errorf("l2: %d tags: at most %d", len(e.versions), MaxTags)
	}
	b = append(b, word.Value)
	b = append(b, e.id[:]...)
	b = append(b, format, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, e.schema)
	b = binary.BigEndian.AppendUint32(b, e.codec)
	b = binary.BigEndian.AppendUint64(b, e.generation)
	b = append(b, byte(len(e.versions)))
	for _, v := range e.versions {
		b = append(b, v[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.expires))
	if e.missing {
		return append(b, followsNothing), nil
	}
	return append(b, followsPayload), nil
}

func seal(b []byte) { binary.BigEndian.PutUint32(b[checksumAt:], checksum(b)) }

func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[formatAt:checksumAt], castagnoli), castagnoli, b[schemaAt:])
}

// parse reads a value's word. errGarbage: it is damaged; errNewer: it is whole, and not for us to read.
func parse(b []byte) (e envelope, err error) {
	if len(b) < schemaAt || b[0] != word.Value || checksum(b) != binary.BigEndian.Uint32(b[checksumAt:]) {
		return e, errGarbage
	}
	if b[formatAt] > format {
		return e, errNewer
	}
	if len(b) < versionsAt || b[formatAt] < format {
		return e, errGarbage
	}
	e.schema = binary.BigEndian.Uint32(b[schemaAt:])
	e.codec = binary.BigEndian.Uint32(b[codecAt:])
	e.generation = binary.BigEndian.Uint64(b[generationAt:])
	n := int(b[tagsAt])
	rest := b[versionsAt:]
	if len(rest) < n*versionSize+9 {
		return e, errGarbage
	}
	for range n {
		e.versions = append(e.versions, version(rest[:versionSize]))
		rest = rest[versionSize:]
	}
	e.expires = int64(binary.BigEndian.Uint64(rest))
	e.missing, e.compressed = rest[8] == followsNothing, rest[8] == followsCompressed
	e.payload = rest[9:]
	if rest[8] > followsCompressed || e.missing && len(e.payload) > 0 {
		return e, errGarbage
	}
	return e, nil
}
