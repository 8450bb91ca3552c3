package neo4jstore

import (
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/tieredcache/tieredcache/l2"
)

// They change with the bytes that are written.
const (
	preferencesID = 0x70726601
	preferenceID  = 0x70726f01
)

const (
	maxTexts  = 256 << 20     // a Redis string holds twice that, and the numbers are in it, too
	minPacked = 1 + 7 + 9 + 6 // the fewest bytes of a packed: it bounds what a length can claim
)

var (
	errTooLong  = errors.New("more than 256 MB of texts, with which a Redis string would be full")
	errTexts    = errors.New("the texts are longer or shorter than it says")
	errTimes    = errors.New("times in two forms")
	errLeftOver = errors.New("bytes are left over")
)

var (
	_ l2.Codec[[]Preference] = preferencesCodec{}
	_ l2.Codec[Preference]   = preferenceCodec{}
)

// preferencesCodec writes nil, or all texts, the number of preferences and each one packed.
type preferencesCodec struct{ packer }

// ID implements [l2.Codec].
func (preferencesCodec) ID() uint32 { return preferencesID }

// Check implements [l2.Codec].
func (preferencesCodec) Check() error { return nil }

// Append implements [l2.Codec].
func (c preferencesCodec) Append(dst []byte, list []Preference) ([]byte, error) {
	if list == nil {
		return msgp.AppendNil(dst), nil
	}
	out, err := appendTexts(dst, list)
	if err == nil {
		out = msgp.AppendArrayHeader(out, uint32(len(list)))
	}
	for i := 0; i < len(list) && err == nil; i++ {
		out, err = c.pack(out, &list[i])
	}
	if err != nil {
		return dst, fmt.Errorf("neo4jstore: encode preferences: %w", err)
	}
	return out, nil
}

// Decode implements [l2.Codec].
func (c preferencesCodec) Decode(src []byte) ([]Preference, error) {
	if len(src) == 1 && msgp.IsNil(src) {
		return nil, nil
	}
	list, err := c.decode(src)
	if err != nil {
		return nil, fmt.Errorf("neo4jstore: decode preferences: %w", err)
	}
	return list, nil
}

func (c preferencesCodec) decode(src []byte) ([]Preference, error) {
	texts, src, err := msgp.ReadStringBytes(src)
	if err != nil {
		return nil, err
	}
	n, src, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return nil, err
	}
	if int64(n) > int64(len(src)/minPacked) {
		return nil, fmt.Errorf("%d preferences claimed in %d bytes", n, len(src))
	}
	list := make([]Preference, n)
	for i := range list {
		if src, texts, err = c.unpack(src, texts, &list[i]); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return list, ended(src, texts)
}

// preferenceCodec writes the texts and the preference packed.
type preferenceCodec struct{ packer }

// ID implements [l2.Codec].
func (preferenceCodec) ID() uint32 { return preferenceID }

// Check implements [l2.Codec].
func (preferenceCodec) Check() error { return nil }

// Append implements [l2.Codec].
func (c preferenceCodec) Append(dst []byte, p Preference) ([]byte, error) {
	out, err := appendTexts(dst, []Preference{p})
	if err == nil {
		out, err = c.pack(out, &p)
	}
	if err != nil {
		return dst, fmt.Errorf("neo4jstore: encode preference: %w", err)
	}
	return out, nil
}

// Decode implements [l2.Codec].
func (c preferenceCodec) Decode(src []byte) (p Preference, err error) {
	texts, src, err := msgp.ReadStringBytes(src)
	if err == nil {
		src, texts, err = c.unpack(src, texts, &p)
	}
	if err == nil {
		err = ended(src, texts)
	}
	if err != nil {
		return Preference{}, fmt.Errorf("neo4jstore: decode preference: %w", err)
	}
	return p, nil
}

func ended(src []byte, texts string) error {
	switch {
	case len(src) > 0:
		return errLeftOver
	case len(texts) > 0:
		return errTexts
	}
	return nil
}
