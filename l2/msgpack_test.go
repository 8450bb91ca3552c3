package l2_test

import (
	"bytes"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tieredcache/tieredcache/l2"
)

// same are the options of an exact comparison: times by all that a caller can see of them, floats by their bits.
var same = cmp.Options{
	cmp.Comparer(sameTime),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmp.Comparer(func(a, b ratio) bool { return math.Float32bits(float32(a)) == math.Float32bits(float32(b)) }),
	cmp.Comparer(func(a, b day) bool { return sameTime(time.Time(a), time.Time(b)) }),
	cmp.Exporter(func(reflect.Type) bool { return true }),
}

func sameTime(a, b time.Time) bool {
	aZone, aOffset := a.Zone()
	bZone, bOffset := b.Zone()
	return a.Equal(b) && a.Nanosecond() == b.Nanosecond() && aZone == bZone && aOffset == bOffset &&
		a.Location().String() == b.Location().String() && a.IsDST() == b.IsDST()
}

// roundTrip encodes and decodes v, and fails unless the result is the same, src was not kept and equal values gave
// equal bytes.
func roundTrip[V any](t *testing.T, c l2.Codec[V], v V) V {
	t.Helper()
	b := encode(t, c, v)
	got, err := c.Decode(b)
	if err != nil {
		t.Fatalf("Decode(%x) of %#v: %v", b, v, err)
	}
	again := encode(t, c, v)
	if !bytes.Equal(again, b) {
		t.Errorf("%#v was encoded as %x, then as %x", v, b, again)
	}
	clear(b)
	if diff := cmp.Diff(v, got, same); diff != "" {
		t.Errorf("came back different (-want +got):\n%s", diff)
	}
	return got
}

func encode[V any](t *testing.T, c l2.Codec[V], v V) []byte {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	prefix := []byte("envelope")
	b, err := c.Append(prefix, v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, prefix) {
		t.Fatalf("Append lost what was there: %x", b)
	}
	return bytes.Clone(b[len(prefix):])
}

func survives[V any](values ...V) func(*testing.T) {
	return func(t *testing.T) {
		c := l2.MessagePack[V]()
		seen := map[string]int{}
		for i, v := range values {
			roundTrip(t, c, v)
			b := string(encode(t, c, v))
			if j, ok := seen[b]; ok {
				t.Errorf("values %d and %d are written the same: %x", j, i, b)
			}
			seen[b] = i
		}
	}
}

type (
	color   string
	level   int8
	octet   uint8
	ratio   float32
	blob    []byte
	octets  []octet
	tags    []string
	index   map[color]level
	optimal *int
	day     time.Time
)

type base struct {
	ID    string
	Inner struct{ X, Y int }
}

type Named struct{ Name string }

type shape struct {
	base
	Named
	*Nested
	_      int
	Marker struct{}
	Fn     [0]func() `json:"-"`
	Color  color
	When   time.Time
	Sub    *shape
	List   []shape
	ByName map[string]*shape
	Bytes  [4]byte
}

type Nested struct{ Deep [2][]*int }

func TestMessagePackRoundTrip(t *testing.T) {
	var nilInt *int
	one := 1
	t.Run("bool", survives(false, true))
	t.Run("int", survives(0, 1, -1, 127, 128, -32, -33, -128, -129, math.MaxInt, math.MinInt))
	t.Run("int8", survives[int8](0, math.MaxInt8, math.MinInt8))
	t.Run("int16", survives[int16](0, math.MaxInt16, math.MinInt16))
	t.Run("int32", survives[int32](0, math.MaxInt32, math.MinInt32))
	t.Run("int64", survives[int64](0, math.MaxInt64, math.MinInt64, math.MaxUint32, math.MaxUint32+1))
	t.Run("uint", survives[uint](0, math.MaxUint))
	t.Run("uint8", survives[uint8](0, 127, 128, math.MaxUint8))
	t.Run("uint16", survives[uint16](0, math.MaxUint16))
	t.Run("uint32", survives[uint32](0, math.MaxUint32))
	t.Run("uint64", survives[uint64](0, math.MaxInt64, math.MaxInt64+1, math.MaxUint64))
	t.Run("float64", survives(0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 1.5, math.SmallestNonzeroFloat64,
		math.Float64frombits(0x7ff8_0000_0000_0001), math.Float64frombits(0x7ff0_0000_0000_0001), math.Float64frombits(0xfff8_dead_beef_0000)))
	t.Run("float32", survives[float32](0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), 1.5, math.Float32frombits(0x7f80_0001), math.Float32frombits(0xffc0_1234)))
	t.Run("named float32", survives(ratio(math.Float32frombits(0x7f80_0001)), 0.1))
	t.Run("complex", survives(complex(1, math.Copysign(0, -1)), 0))
	t.Run("complex64", survives(complex64(complex(1, 2)), 0))
	t.Run("string", survives("", "a", "\xff\xfe\x00", "žluťoučký", string(make([]byte, 31)), string(make([]byte, 32)), string(make([]byte, 256)), string(make([]byte, 70000))))
	t.Run("bytes", survives(nil, []byte{}, []byte{0}, make([]byte, 300), make([]byte, 70000)))
	t.Run("named bytes", survives(nil, blob{}, blob("x")))
	t.Run("bytes of a named type", survives(nil, octets{}, octets{1, 2}))
	t.Run("byte arrays", survives([3]byte{}, [3]byte{1, 2, 3}))
	t.Run("arrays", survives([2]string{}, [2]string{"a", "b"}))
	t.Run("large array", survives([100]int{99: 5}))
	t.Run("empty array", survives([0]string{}))
	t.Run("slices", survives(nil, []string{}, []string{""}, make([]string, 20), make([]string, 1<<16)))
	t.Run("slices of nothing", survives(nil, []struct{}{}, make([]struct{}, 5)))
	t.Run("named slices", survives(nil, tags{}, tags{"x"}))
	t.Run("nested slices", survives(nil, [][]int{}, [][]int{nil}, [][]int{{}}, [][]int{{1}, nil}))
	t.Run("maps", survives(nil, map[string]int{}, map[string]int{"": 0}, map[string]int{"b": 1, "a": 2, "c": 3}))
	t.Run("named maps", survives(nil, index{}, index{"red": 1}))
	t.Run("int keys", survives(map[int64][]byte{-1: nil, 0: {}, math.MaxInt64: {1}}))
	t.Run("uint keys", survives(map[octet]bool{1: true, 255: false}))
	t.Run("bool keys", survives(map[bool]string{true: "t", false: "f"}))
	t.Run("array keys", survives(map[[2]string]int{{"a", "b"}: 1, {"a", ""}: 2}))
	t.Run("struct keys", survives(map[Named]int{{"a"}: 1, {"b"}: 2}))
	t.Run("float keys", survives(map[float64]int{math.Inf(1): 1, 0: 2}))
	t.Run("pointers", survives(nil, new(0), new(7)))
	t.Run("named pointers", survives[optimal](nil, new(0)))
	t.Run("pointers to pointers", survives(nil, &nilInt, new(&one)))
	t.Run("pointers to slices", survives(nil, new([]int(nil)), new([]int{}), new([]int{1})))
	t.Run("pointers to maps", survives(nil, new(map[string]int(nil)), new(map[string]int{})))
	t.Run("duration", survives[time.Duration](0, time.Nanosecond, math.MinInt64))
	t.Run("month", survives(time.May))
	t.Run("struct", survives(shape{}, shape{
		base: base{ID: "1", Inner: struct{ X, Y int }{1, 2}}, Named: Named{"n"}, Nested: &Nested{[2][]*int{{&one, nil}, {}}},
		Color: "red", When: time.Date(2024, 7, 1, 0, 0, 0, 1, time.UTC), Sub: &shape{Color: "blue"}, List: []shape{{}, {List: []shape{}}},
		ByName: map[string]*shape{"x": nil, "y": {}}, Bytes: [4]byte{1, 2, 3, 4},
	}))
	t.Run("addresses", survives(netip.MustParseAddr("fe80::1%eth0"), netip.Addr{}))
	t.Run("locations", survives(url.URL{}, url.URL{Scheme: "https", Host: "example.org", Path: "/a b"}))
}

func TestMessagePackOrderOfMapsIsFixed(t *testing.T) {
	c := l2.MessagePack[map[int]map[string]int]()
	build := func(from, step int) map[int]map[string]int {
		m := map[int]map[string]int{}
		for i := range 50 {
			k := (from + i*step) % 50
			m[k] = map[string]int{"a": k, "b": -k, string(rune('c' + k)): 3}
		}
		return m
	}
	if up, down := encode(t, c, build(0, 1)), encode(t, c, build(49, 49)); !bytes.Equal(up, down) {
		t.Errorf("equal maps were encoded as\n%x\n%x", up, down)
	}
	roundTrip(t, c, build(0, 1))
}

func TestMessagePackRefusesKeysThatLookTheSame(t *testing.T) {
	nan := math.NaN()
	_, err := l2.MessagePack[map[float64]int]().Append(nil, map[float64]int{nan: 1, nan: 2})
	wantError(t, err, "l2: encode map[float64]int: two keys are written the same")
}

func TestMessagePackErrorsNameThePlace(t *testing.T) {
	type row struct {
		Scores map[string][]int8
		At     *time.Time
	}
	type wide struct {
		Scores map[string][]int
		At     *time.Time
	}
	b := encode(t, l2.MessagePack[[]wide](), []wide{{}, {Scores: map[string][]int{"x": {1, 300}}}})
	_, err := l2.MessagePack[[]row]().Decode(b)
	wantError(t, err, `l2: decode []row[1].Scores["x"][1]: 300 does not fit in int8`)

	_, err = l2.MessagePack[string]().Decode([]byte{0xc3})
	wantError(t, err, `l2: decode string: msgp: attempted to decode type "bool" with method for "str"`)
	_, err = l2.MessagePack[string]().Decode([]byte{0xa0, 0xa0})
	wantError(t, err, `l2: decode string: 1 bytes are left over`)
	_, err = l2.MessagePack[string]().Decode(nil)
	wantError(t, err, `l2: decode string: msgp: too few bytes left to read object`)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got error\n\t%v\nwant\n\t%s", err, want)
	}
}
