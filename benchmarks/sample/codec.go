package sample

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// The codec that somebody would write by hand for this one type: fields in a fixed order, lengths and counts as
// varints, times as nanoseconds and the offset of their zone. It is the floor that codecs are measured against.

var errDamaged = errors.New("sample: damaged")

// Append appends the encoding of a list. With a dst that is large enough it allocates nothing.
func Append(dst []byte, list List) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		p := &list[i]
		dst = appendText(dst, p.ID)
		dst = appendText(dst, p.Tenant)
		dst = appendText(dst, p.User)
		dst = appendText(dst, p.Key)
		dst = appendText(dst, p.Value)
		dst = appendText(dst, p.Sentiment)
		dst = appendText(dst, p.Domain)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.Confidence))
		dst = appendTime(dst, p.CreatedAt)
		dst = appendTime(dst, p.UpdatedAt)
		dst = binary.AppendVarint(dst, p.Reinforcements)
		dst = binary.AppendVarint(dst, p.Rejections)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.UnixNano()))
	return binary.AppendVarint(dst, int64(offset))
}

// Encode is Append to a slice of its own.
func Encode(list List) []byte { return Append(make([]byte, 0, 160*len(list)+8), list) }

// Decode reads what Append wrote, in two allocations: the list, and one string that all texts are parts of. A time with
// an offset takes one more.
func Decode(src []byte) (List, error) {
	r := reader{rest: string(src)}
	n := r.uvarint()
	if n > uint64(len(src)) {
		return nil, errDamaged
	}
	list := make(List, n)
	for i := range list {
		p := &list[i]
		p.ID = r.string()
		p.Tenant = r.string()
		p.User = r.string()
		p.Key = r.string()
		p.Value = r.string()
		p.Sentiment = r.string()
		p.Domain = r.string()
		p.Confidence = math.Float64frombits(r.word())
		p.CreatedAt = r.time()
		p.UpdatedAt = r.time()
		p.Reinforcements = r.varint()
		p.Rejections = r.varint()
	}
	if r.failed || r.rest != "" {
		return nil, errDamaged
	}
	return list, nil
}

// reader reads values one after the other; when one is cut off, all that follow are zero.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) fail() {
	r.rest, r.failed = "", true
}

func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // nearly always
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() (v uint64) {
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		b := r.rest[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) word() (v uint64) {
	if len(r.rest) < 8 {
		r.fail()
		return 0
	}
	b := r.rest[:8]
	r.rest = r.rest[8:]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (r *reader) time() time.Time {
	t := time.Unix(0, int64(r.word()))
	if offset := r.varint(); offset != 0 {
		return t.In(time.FixedZone("", int(offset)))
	}
	return t.UTC()
}

// Codec is Append and Decode as a codec of package l2.
type Codec struct{}

// ID is of no release: these bytes are never kept.
func (Codec) ID() uint32 { return 0xFFFF_FFF1 }

// Append implements l2.Codec.
func (Codec) Append(dst []byte, list List) ([]byte, error) { return Append(dst, list), nil }

// Decode implements l2.Codec.
func (Codec) Decode(src []byte) (List, error) { return Decode(src) }

// Check implements l2.Codec.
func (Codec) Check() error { return nil }
