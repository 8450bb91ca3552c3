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
		for _, s := range [...]string{p.ID, p.Tenant, p.User, p.Key, p.Value, p.Sentiment, p.Domain} {
			dst = binary.AppendUvarint(dst, uint64(len(s)))
			dst = append(dst, s...)
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.Confidence))
		for _, t := range [...]time.Time{p.CreatedAt, p.UpdatedAt} {
			_, offset := t.Zone()
			dst = binary.AppendVarint(dst, t.UnixNano())
			dst = binary.AppendVarint(dst, int64(offset))
		}
		dst = binary.AppendVarint(dst, p.Reinforcements)
		dst = binary.AppendVarint(dst, p.Rejections)
	}
	return dst
}

// Encode is Append to a slice of its own.
func Encode(list List) []byte { return Append(make([]byte, 0, 160*len(list)+8), list) }

// Decode reads what Append wrote, in three allocations: the list, one string that all texts are parts of, and no more
// unless a time has an offset.
func Decode(src []byte) (List, error) {
	r := reader{src: src, text: string(src)}
	n := r.uvarint()
	if n > uint64(len(src)) {
		return nil, errDamaged
	}
	list := make(List, n)
	for i := range list {
		p := &list[i]
		for _, s := range [...]*string{&p.ID, &p.Tenant, &p.User, &p.Key, &p.Value, &p.Sentiment, &p.Domain} {
			*s = r.string()
		}
		p.Confidence = r.float()
		p.CreatedAt, p.UpdatedAt = r.time(), r.time()
		p.Reinforcements, p.Rejections = r.varint(), r.varint()
	}
	if r.failed || r.at != len(src) {
		return nil, errDamaged
	}
	return list, nil
}

// reader reads values one after the other; when one is cut off, all that follow are zero.
type reader struct {
	src    []byte
	text   string
	at     int
	failed bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src[r.at:])
	return advance(r, v, n)
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.src[r.at:])
	return advance(r, v, n)
}

func advance[T int64 | uint64](r *reader, v T, n int) T {
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.at += n
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.src)-r.at) {
		r.failed = true
		return ""
	}
	s := r.text[r.at : r.at+int(n)]
	r.at += int(n)
	return s
}

func (r *reader) float() float64 {
	if len(r.src)-r.at < 8 {
		r.failed = true
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.src[r.at:]))
	r.at += 8
	return v
}

func (r *reader) time() time.Time {
	t := time.Unix(0, r.varint())
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
