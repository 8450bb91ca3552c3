package l2_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

type everything struct {
	Shape  shape
	Prefs  []preference
	Names  map[string][]string
	Times  map[day]*time.Time
	Any    any
	Rows   []map[string]any
	Chain  *chain
	Hidden []hidden
	Temp   celsius
	Bytes  blob
	Ptr    **[]int
	Floats [3]float32
}

func everythingCodec() l2.Codec[everything] {
	return l2.MessagePackAny[everything](celsiusExt(1), l2.Extend[Named](2, nil, nil))
}

func aLot() everything {
	now := time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("Offset", 3600))
	return everything{
		Shape: shape{Sub: &shape{Color: "red"}, List: []shape{{}}, ByName: map[string]*shape{"a": nil}}, Prefs: preferences(2),
		Names: map[string][]string{"a": nil, "b": {"x", "y"}}, Times: map[day]*time.Time{day(now.UTC()): &now},
		Any:  map[string]any{"x": []any{int64(1), 2.5, "s", []byte("b"), now, nil, celsius{3}, Named{"n"}, []any(nil)}},
		Rows: []map[string]any{nil, {}, {"k": true}}, Chain: &chain{Next: &chain{N: 1}}, Hidden: []hidden{{5}}, Temp: celsius{1},
		Bytes: blob("bytes"), Ptr: new(new([]int{1})), Floats: [3]float32{1, 2, 3},
	}
}

func TestMessagePackDecodesNothingElse(t *testing.T) {
	c := everythingCodec()
	b := encode(t, c, aLot())
	roundTrip(t, c, aLot())
	for n := range b {
		if _, err := c.Decode(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were decoded", n, len(b))
		}
	}
	if _, err := c.Decode(append(bytes.Clone(b), 0xc0)); err == nil {
		t.Error("a byte too many was decoded")
	}
	// Other values of single bytes: an error, or another value, and never a panic.
	for i := range b {
		for _, x := range []byte{0x7f, 0xc0, 0xc7, 0xdd, 0xff, b[i] ^ 1} {
			hostile := bytes.Clone(b)
			hostile[i] = x
			again(t, c, hostile)
		}
	}
}

// again decodes b and, where that gives a value, fails unless it encodes and decodes to the same.
func again[V any](t *testing.T, c l2.Codec[V], b []byte) {
	t.Helper()
	v, err := c.Decode(b)
	if err != nil {
		return
	}
	first, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("%x was decoded, and is not encoded: %v", b, err)
	}
	w, err := c.Decode(first)
	if err != nil {
		t.Fatalf("%x was decoded and encoded as %x: %v", b, first, err)
	}
	second, err := c.Append(nil, w)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%x became %x, then %x: %v", b, first, second, err)
	}
}

// A pair is far wider than the fewest bytes that the compiler knows of it, because a bush is not compiled by then.
type (
	pair struct{ L, R bush }
	bush struct {
		Kids []pair
		Data [4096]byte
	}
	padded struct {
		_ [8192]byte
		N int8
	}
)

// Each of these claims more than it holds.
func TestMessagePackAllocatesLittleForHostileLengths(t *testing.T) {
	filler := bytes.Repeat([]byte{0xff}, 64<<10)
	nested := bytes.Repeat([]byte{0xdd, 0, 0, 0xf0, 0}, 13<<10)
	bushes := append(bytes.Repeat([]byte{0x92, 0xdc, 1, 44, 0x92}, 70), filler...)
	for name, decode := range map[string]func() error{
		"string":         func() error { return decodeError(l2.MessagePack[string](), []byte{0xdb, 0xff, 0xff, 0xff, 0xff}) },
		"bytes":          func() error { return decodeError(l2.MessagePack[[]byte](), []byte{0xc6, 0xff, 0xff, 0xff, 0xff}) },
		"slice":          func() error { return decodeError(l2.MessagePack[[]string](), []byte{0xdd, 0xff, 0xff, 0xff, 0xff}) },
		"slice of empty": func() error { return decodeError(l2.MessagePack[[]struct{}](), []byte{0xdd, 0xff, 0xff, 0xff, 0xff}) },
		"map": func() error {
			return decodeError(l2.MessagePack[map[string]string](), []byte{0xdf, 0xff, 0xff, 0xff, 0xff})
		},
		"ext": func() error {
			return decodeError(l2.MessagePack[time.Time](), []byte{0xc9, 0xff, 0xff, 0xff, 0xff, 127})
		},
		"any array": func() error { return decodeError(l2.MessagePackAny[any](), []byte{0xdd, 0xff, 0xff, 0xff, 0xff}) },
		"any map":   func() error { return decodeError(l2.MessagePackAny[any](), []byte{0xdf, 0xff, 0xff, 0xff, 0xff}) },
		"large structs": func() error {
			return decodeError(l2.MessagePack[[]preference](), append([]byte{0xdd, 0, 0, 0x03, 0}, filler...))
		},
		"wide elements": func() error {
			return decodeError(l2.MessagePack[[]padded](), append([]byte{0xdc, 0x7f, 0xff}, filler...))
		},
		"some wide elements": func() error {
			return decodeError(l2.MessagePack[[]padded](), slices.Concat([]byte{0xdc, 7, 208}, bytes.Repeat([]byte{0x91, 0}, 20), filler[:4<<10]))
		},
		"recursive elements": func() error {
			return decodeError(l2.MessagePack[bush](), append([]byte{0x92, 0xdc, 0x4e, 0x20}, filler...))
		},
		"nested bushes": func() error { return decodeError(l2.MessagePack[bush](), bushes) },
		"nested any":    func() error { return decodeError(l2.MessagePackAny[any](), nested) },
		"nested rings":  func() error { return decodeError(l2.MessagePack[ring](), nested) },
		"deep any":      func() error { return decodeError(l2.MessagePackAny[any](), bytes.Repeat([]byte{0x91}, 64<<10)) },
		"deep rings":    func() error { return decodeError(l2.MessagePack[ring](), bytes.Repeat([]byte{0x91}, 64<<10)) },
		"deep methods": func() error {
			return decodeError(l2.MessagePack[hidden](), append([]byte{0xc8, 0xff, 0xff, 125}, bytes.Repeat([]byte{0x91}, 0xffff)...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := decode(); err == nil {
				t.Error("got no error")
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = decode()
			runtime.ReadMemStats(&after)
			if got, want := after.TotalAlloc-before.TotalAlloc, uint64(4<<20); got > want {
				t.Errorf("64 kB of input made Decode allocate %d bytes, want at most %d", got, want)
			}
		})
	}
}

func decodeError[V any](c l2.Codec[V], b []byte) error {
	_, err := c.Decode(b)
	return err
}

// What a list takes grows with the elements that are there.
func TestMessagePackGrowsWithWideElements(t *testing.T) {
	for _, n := range []int{1, 2, 3, 100, 1000} {
		c := l2.MessagePack[[]padded]()
		list := make([]padded, n)
		for i := range list {
			list[i].N = int8(i)
		}
		b := encode(t, c, list)
		got, err := c.Decode(b)
		check(t, err)
		if !slices.Equal(got, list) {
			t.Errorf("%d elements came back different", n)
		}
		if most := 2 * n; cap(got) > most {
			t.Errorf("%d elements came back with room for %d", n, cap(got))
		}
		// The last element is no number.
		b[len(b)-1] = 0xc0
		_, err = c.Decode(b)
		if want := fmt.Sprintf("l2: decode []padded[%d].N: ", n-1); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %v, want one of %s", err, want)
		}
	}
	roundTrip(t, l2.MessagePack[bush](), bush{Kids: []pair{{L: bush{Kids: []pair{}}}, {R: bush{Kids: []pair{{}, {}}}}}})
}

// Lists of anything usual are allocated at once, whatever they hold and however little that is written in.
func TestMessagePackAllocatesAtOnce(t *testing.T) {
	allocates(t, 1, make([]int64, 10_000))
	allocates(t, 1, make([]string, 10_000))
	allocates(t, 1, make([][]byte, 10_000))
	allocates(t, 1, make([]*bush, 10_000))
	allocates(t, 1, make([]map[string]int, 10_000))
	allocates(t, 1, make([]shape, 1000))
	allocates(t, 1, make([]preference, 1000))
	allocates(t, 1, make([][2][]string, 1000))
	allocates(t, 1, make([]struct{ L, R []chain }, 1000))
	allocates(t, 1, make([]padded, 1))
	kids := make([]thread, 1000)
	allocates(t, 5, []thread{{Kids: []thread{{Kids: []thread{{Kids: []thread{{Kids: kids}}}}}}}})
}

type thread struct {
	ID, Text string
	Kids     []thread
	Likes    []string
}

// allocates fails unless the list is decoded with that many allocations.
func allocates[V any](t *testing.T, want float64, list []V) {
	t.Helper()
	c := l2.MessagePack[[]V]()
	b := encode(t, c, list)
	if got := testing.AllocsPerRun(10, func() { _, _ = c.Decode(b) }); got > want {
		t.Errorf("%T of %d: got %v allocations, want %v", list, len(list), got, want)
	}
}

func TestMessagePackSurvivesNoise(t *testing.T) {
	c, r := everythingCodec(), rand.New(rand.NewPCG(1, 2))
	b := encode(t, c, aLot())
	for range 3_000 {
		hostile := bytes.Clone(b)
		for range 1 + r.IntN(4) {
			hostile[r.IntN(len(hostile))] = byte(r.Uint32())
		}
		again(t, c, hostile)
	}
}

func TestMessagePackAllocations(t *testing.T) {
	list := preferences(10)
	c := l2.MessagePack[[]preference]()
	b := encode(t, c, list)
	buf := make([]byte, 0, 2*len(b))
	if got := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], list) }); got > 1 {
		t.Errorf("Append: got %v allocations, want at most 1", got)
	}
	if got := testing.AllocsPerRun(100, func() { _, _ = c.Decode(b) }); got > 72 {
		t.Errorf("Decode: got %v allocations, want 70 strings, 1 slice and at most 1 more", got)
	}
}
