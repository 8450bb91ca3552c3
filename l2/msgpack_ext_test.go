package l2_test

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/tieredcache/tieredcache/l2"
)

// celsius hides its data, so only its own package could teach it.
type celsius struct{ degrees float64 }

func celsiusExt(tag int8) l2.Extension {
	return l2.Extend(tag,
		func(dst []byte, c celsius) ([]byte, error) {
			if math.IsNaN(c.degrees) {
				return dst, errors.New("no temperature")
			}
			return binary.BigEndian.AppendUint64(dst, math.Float64bits(c.degrees)), nil
		},
		func(src []byte) (celsius, error) {
			return celsius{math.Float64frombits(binary.BigEndian.Uint64(src))}, nil
		})
}

func TestExtend(t *testing.T) {
	c := l2.MessagePack[map[string][]celsius](celsiusExt(7))
	roundTrip(t, c, map[string][]celsius{"home": {{21.5}, {-3}}, "away": nil})
	roundTrip(t, l2.MessagePack[map[celsius]*celsius](celsiusExt(7)), map[celsius]*celsius{{1}: {2}, {3}: nil})
	if got, want := encode(t, l2.MessagePack[celsius](celsiusExt(7)), celsius{1})[:3], "\xc7\x08\x07"; string(got) != want {
		t.Errorf("got header %x, want %x", got, want)
	}

	_, err := c.Append(nil, map[string][]celsius{"home": {{1}, {math.NaN()}}})
	wantError(t, err, `l2: encode map[string][]celsius["home"][1]: no temperature`)
	_, err = l2.MessagePack[celsius](celsiusExt(7)).Decode([]byte{0xc7, 1, 7, 0})
	wantError(t, err, `l2: decode celsius: its decoder panicked: runtime error: index out of range [7] with length 1`)
	_, err = l2.MessagePack[celsius](celsiusExt(7)).Decode([]byte{0xc7, 1, 8, 0})
	wantError(t, err, `l2: decode celsius: ext of tag 8, want 7`)
	_, err = l2.MessagePack[celsius](celsiusExt(7)).Decode([]byte{0xc7, 2, 7, 0})
	wantError(t, err, `l2: decode celsius: msgp: too few bytes left to read object`)
}

func TestExtendedValuesOfEverySize(t *testing.T) {
	type text struct{ s string }
	ext := l2.Extend(1,
		func(dst []byte, v text) ([]byte, error) { return append(dst, v.s...), nil },
		func(src []byte) (text, error) { return text{string(src)}, nil })
	for _, n := range []int{0, 1, 255, 256, 65535, 65536, 1 << 20} {
		roundTrip(t, l2.MessagePack[[]text](ext), []text{{"before"}, {strings.Repeat("x", n)}, {"after"}})
	}
}

// hidden has methods, and data that only they reach.
type hidden struct{ n int64 }

func (h *hidden) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendInt64(b, h.n), nil }

func (h *hidden) UnmarshalMsg(b []byte) (rest []byte, err error) {
	h.n, rest, err = msgp.ReadInt64Bytes(b)
	return rest, err
}

type bitten struct{ b []byte }

func (x bitten) MarshalBinary() ([]byte, error) { return x.b, nil }

func (x *bitten) UnmarshalBinary(b []byte) error {
	x.b = append([]byte{}, b...)
	return nil
}

func TestMessagePackUsesMethods(t *testing.T) {
	roundTrip(t, l2.MessagePack[hidden](), hidden{5})
	roundTrip(t, l2.MessagePack[map[string]hidden](), map[string]hidden{"a": {1}, "b": {math.MinInt64}})
	roundTrip(t, l2.MessagePack[[]*hidden](), []*hidden{nil, {7}})
	roundTrip(t, l2.MessagePack[map[hidden]bitten](), map[hidden]bitten{{1}: {[]byte{}}, {2}: {[]byte("x")}})
	roundTrip(t, l2.MessagePack[struct{ A, B bitten }](), struct{ A, B bitten }{bitten{make([]byte, 300)}, bitten{[]byte{1}}})

	_, err := l2.MessagePack[hidden]().Decode([]byte{0xc7, 2, 125, 1, 1})
	wantError(t, err, "l2: decode hidden: 1 bytes are left over")
	// An array that claims four billion elements: generated code would allocate them.
	_, err = l2.MessagePack[hidden]().Decode([]byte{0xc7, 5, 125, 0xdd, 0xff, 0xff, 0xff, 0xff})
	wantError(t, err, "l2: decode hidden: msgp: too few bytes left to read object")
}

// Extended without functions, a type is written by its fields whatever methods it has.
func TestExtendByFields(t *testing.T) {
	c := l2.MessagePack[listing](l2.Extend[listing](1, nil, nil))
	roundTrip(t, c, listing{nil})
	roundTrip(t, c, listing{[]string{}})
	roundTrip(t, l2.MessagePackAny[any](l2.Extend[listing](1, nil, nil)), any(listing{[]string{"x"}}))
}
