package neo4jstore

import (
	"encoding/binary"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/tieredcache/tieredcache/l2"
)

// The methods of packed are generated; a test of internal/generate compares them with this file.
//go:generate go tool -modfile=../internal/generate/go.mod msgp -unexported -io=false -tests=false

//msgp:tuple packed
//msgp:ignore packer

// packed is a preference in Redis, but for its texts: they stand before it, those of a whole list in one string. So a
// list is decoded in two allocations, and keeps no more in memory than its own texts.
type packed struct {
	ID, Tenant, User, Key, Value, Sentiment, Domain uint32 // bytes of the texts, which follow each other in this order

	Confidence                 float64
	CreatedAt, UpdatedAt       int64  // UnixNano of times in UTC
	Times                      []byte // of other times: both, as l2.MessagePack writes them, and UnixNano is 0
	Reinforcements, Rejections int64
}

// packer packs preferences whose texts are written, and unpacks them.
type packer struct{ times l2.Codec[[2]time.Time] }

func newPacker() packer { return packer{l2.MessagePack[[2]time.Time]()} }

// appendTexts appends the texts of all preferences as one, and leaves room for the rest.
func appendTexts(dst []byte, list []Preference) ([]byte, error) {
	n := 0
	for i := range list {
		p := &list[i]
		n += len(p.ID) + len(p.Tenant) + len(p.User) + len(p.Key) + len(p.Value) + len(p.Sentiment) + len(p.Domain)
	}
	if n > maxTexts {
		return dst, errTooLong
	}
	dst = msgp.Require(dst, msgp.StringPrefixSize+n+msgp.ArrayHeaderSize+len(list)*(&packed{}).Msgsize())
	dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n)) // a string of up to 4 GB
	for i := range list {
		p := &list[i]
		dst = append(dst, p.ID...)
		dst = append(dst, p.Tenant...)
		dst = append(dst, p.User...)
		dst = append(dst, p.Key...)
		dst = append(dst, p.Value...)
		dst = append(dst, p.Sentiment...)
		dst = append(dst, p.Domain...)
	}
	return dst, nil
}

func (c packer) pack(dst []byte, p *Preference) ([]byte, error) {
	w := packed{
		ID: uint32(len(p.ID)), Tenant: uint32(len(p.Tenant)), User: uint32(len(p.User)), Key: uint32(len(p.Key)),
		Value: uint32(len(p.Value)), Sentiment: uint32(len(p.Sentiment)), Domain: uint32(len(p.Domain)),
		Confidence: p.Confidence, Reinforcements: p.Reinforcements, Rejections: p.Rejections,
	}
	if plain(p.CreatedAt) && plain(p.UpdatedAt) {
		w.CreatedAt, w.UpdatedAt = p.CreatedAt.UnixNano(), p.UpdatedAt.UnixNano()
	} else {
		var err error
		if w.Times, err = c.times.Append(nil, [2]time.Time{p.CreatedAt, p.UpdatedAt}); err != nil {
			return dst, err
		}
	}
	return w.MarshalMsg(dst)
}

// unpack returns what is left of both.
func (c packer) unpack(src []byte, texts string, p *Preference) ([]byte, string, error) {
	var w packed
	src, err := w.UnmarshalMsg(src)
	if err != nil {
		return src, texts, err
	}
	n := uint64(w.ID) + uint64(w.Tenant) + uint64(w.User) + uint64(w.Key) + uint64(w.Value) + uint64(w.Sentiment) + uint64(w.Domain)
	if n > uint64(len(texts)) {
		return src, texts, errTexts
	}
	p.ID, texts = texts[:w.ID], texts[w.ID:]
	p.Tenant, texts = texts[:w.Tenant], texts[w.Tenant:]
	p.User, texts = texts[:w.User], texts[w.User:]
	p.Key, texts = texts[:w.Key], texts[w.Key:]
	p.Value, texts = texts[:w.Value], texts[w.Value:]
	p.Sentiment, texts = texts[:w.Sentiment], texts[w.Sentiment:]
	p.Domain, texts = texts[:w.Domain], texts[w.Domain:]
	p.Confidence, p.Reinforcements, p.Rejections = w.Confidence, w.Reinforcements, w.Rejections
	if len(w.Times) == 0 {
		p.CreatedAt, p.UpdatedAt = time.Unix(0, w.CreatedAt).UTC(), time.Unix(0, w.UpdatedAt).UTC()
		return src, texts, nil
	}
	if w.CreatedAt != 0 || w.UpdatedAt != 0 {
		return src, texts, errTimes
	}
	both, err := c.times.Decode(w.Times)
	p.CreatedAt, p.UpdatedAt = both[0], both[1]
	return src, texts, err
}

// plain says whether UnixNano keeps t whole: it is in UTC, and from 1678 to 2262.
func plain(t time.Time) bool {
	const most = 1<<63/1_000_000_000 - 1
	s := t.Unix()
	return t.Location() == time.UTC && -most <= s && s <= most
}
