package l1_test

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

type leaf struct {
	name  string
	count int64
}

type preference struct {
	ID, Tenant, User, Key, Value string
	Confidence                   float64
	Created, Updated             time.Time
}

type tree struct {
	left   *tree
	hidden []leaf
}

func TestSize(t *testing.T) {
	t.Parallel()
	shared := &leaf{name: "abc"}
	ring := &tree{}
	ring.left = ring
	self := []any{nil}
	self[0] = self
	own := map[string]any{}
	own["k"] = own
	when := time.Now().In(time.FixedZone("there", 3600))
	var none *leaf
	list := append(make([]leaf, 0, 4), leaf{name: "abc"}, leaf{name: "de"})
	boxed := any(leaf{name: strings.Repeat("x", 3)})
	for _, c := range []struct {
		name string
		v    any
		want int64
	}{
		{"nil", nil, 0},
		{"int", 7, 8},
		{"bool", true, 1},
		{"string", "hello", 16 + 5},
		{"empty string", "", 16},
		{"bytes, by capacity", make([]byte, 3, 100), 24 + 100},
		{"nil slice", []byte(nil), 24},
		{"strings", []string{"ab", "cde"}, 24 + 2*16 + 5},
		{"array", [2]string{"ab", "c"}, 2*16 + 3},
		{"struct", leaf{"abc", 1}, 24 + 3},
		{"pointer", shared, 8 + 24 + 3},
		{"nil pointer", none, 8},
		{"one thing twice", []*leaf{shared, shared}, 24 + 2*8 + 24 + 3},
		{"two things", []*leaf{{}, {}}, 24 + 2*8 + 2*24},
		{"ring", ring, 8 + 32},
		{"an element, then its list", []any{&list[0], list}, 24 + 2*16 + 8 + 24 + 4*24 + 5},
		{"a list, then its element", []any{list, &list[0]}, 24 + 2*16 + 24 + 8 + 4*24 + 5},
		{"a part of a list, then all of it", struct{ Active, All []leaf }{list[:1:2], list}, 2*24 + 4*24 + 3 + 2},
		{"one box twice", [2]any{boxed, boxed}, 2*16 + 24 + 3},
		{"slice in itself", self, 24 + 16 + 24},
		{"map in itself", own, 8 + l1.MapSize(reflect.TypeOf(own), 1) + 1 + 8},
		{"interface", []any{"abc", int64(1), nil}, 24 + 3*16 + (16 + 3) + 8},
		{"unexported fields", tree{hidden: []leaf{{"ab", 0}}}, 32 + 24 + 2},
		{"time, its zone shared", when, 24},
		{"times", []time.Time{when, when}, 24 + 2*24},
		{"map", map[string]int{"ab": 1, "c": 2}, 8 + l1.MapSize(reflect.TypeFor[map[string]int](), 2) + 3},
		{"nil map", map[string]int(nil), 8},
		{"channel", make(chan [100]int, 10), 8},
		{"function", func() {}, 8},
	} {
		if got := l1.Size(c.v); got != c.want {
			t.Errorf("%s: got %d bytes, want %d", c.name, got, c.want)
		}
		if got := l1.Sizer[any]()(c.v); c.v != nil && got != 16+c.want {
			t.Errorf("%s in an interface: got %d bytes, want %d", c.name, got, 16+c.want)
		}
	}
}

// TestSizeAgainstTheHeap compares what Size says with what the values really take.
func TestSizeAgainstTheHeap(t *testing.T) {
	text := func(i, n int) string { return fmt.Sprintf("%0*d", n, i) }
	for _, c := range []struct {
		name  string
		value func(i int) any
	}{
		{"preferences", func(i int) any {
			list := make([]preference, 10)
			for j := range list {
				list[j] = preference{ID: text(j, 32), Tenant: text(i, 8), User: text(i, 8), Key: text(j, 16), Value: text(j, 48)}
			}
			return list
		}},
		{"preferences cut from one text", func(i int) any {
			all, list := text(i, 10*112), make([]preference, 10)
			for j := range list {
				s := all[j*112:]
				list[j] = preference{ID: s[:32], Tenant: s[32:40], User: s[40:48], Key: s[48:64], Value: s[64:112]}
			}
			return list
		}},
		{"map of ten", func(i int) any {
			m := map[string]any{}
			for j := range 10 {
				m[text(j, 16)] = text(i, 32)
			}
			return m
		}},
		{"map of one", func(i int) any { return map[string]string{text(i, 8): text(i, 8)} }},
		{"map of nine", func(i int) any {
			m := map[int]int{}
			for j := range 9 {
				m[i+j] = j
			}
			return m
		}},
		{"map of thousands", func(i int) any {
			m := map[int]int{}
			for j := range 3000 {
				m[i+j] = j
			}
			return m
		}},
		{"map of large values", func(i int) any {
			m := map[string][200]byte{}
			for j := range 20 {
				m[text(i+j, 16)] = [200]byte{}
			}
			return m
		}},
		{"empty maps", func(int) any { return []map[string]int{{}, {}, {}} }},
		{"map of hundred", func(i int) any {
			m := make(map[int]string, 100)
			for j := range 100 {
				m[j] = text(i, 32)
			}
			return m
		}},
		{"pointers", func(i int) any {
			list := make([]*leaf, 20)
			for j := range list {
				list[j] = &leaf{name: strings.Clone(text(i, 24))}
			}
			return list
		}},
	} {
		const n = 1000
		kept := make([]any, n)
		before := heap()
		for i := range kept {
			kept[i] = c.value(i)
		}
		grown := int64(heap() - before)
		var said int64
		for _, v := range kept {
			said += l1.Size(v)
		}
		ratio := float64(said) / float64(grown)
		t.Logf("%s: Size says %d, the heap grew by %d: %.2f", c.name, said/n, grown/n, ratio)
		if ratio < 0.8 || ratio > 1.2 {
			t.Errorf("%s: Size says %d bytes a value, the heap grew by %d", c.name, said/n, grown/n)
		}
	}
}

// heap returns the bytes that live.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSizerMeasuresEachOnce: what a value shares is measured once, by however many pointers and lists, the shorter of
// which say nothing of the longer.
func TestSizerMeasuresEachOnce(t *testing.T) {
	t.Parallel()
	one := new([1000]byte)
	pointers := l1.Sizer[[]*[1000]byte]()
	if got, want := pointers([]*[1000]byte{one, one, one}), pointers([]*[1000]byte{one, nil, nil}); got != want {
		t.Errorf("pointers: got %d, want %d", got, want)
	}
	texts := []string{"first", strings.Repeat("x", 1000)}
	lists := l1.Sizer[[][]string]()
	if got, want := lists([][]string{texts, texts[:1:1], texts}), lists([][]string{texts, nil, nil}); got != want {
		t.Errorf("lists: got %d, want %d", got, want)
	}
}

// TestSizeOfMaps: a map takes the table that its length needs, one group of eight slots, or so many that at most seven
// of eight are used.
func TestSizeOfMaps(t *testing.T) {
	t.Parallel()
	const head, slot, header = 48, 1 + 8 + 8, 8
	for entries, slots := range map[int]int{0: 0, 1: 8, 8: 8, 9: 16, 14: 16, 15: 32, 28: 32, 29: 64} {
		m, wide, narrow := map[int64]int64{}, map[int64]int8{}, map[int8]int64{}
		for i := range entries {
			m[int64(i)], wide[int64(i)], narrow[int8(i)] = 0, 0, 0
		}
		for _, got := range []int64{l1.Size(m), l1.Size(wide), l1.Size(narrow)} {
			if want := int64(header + head + slots*slot); got != want {
				t.Errorf("%d entries: got %d, want %d", entries, got, want)
			}
		}
	}
	const limit = 128 // of what lies in a slot
	if got, want := l1.Size(map[int64][limit]byte{1: {}}), int64(header+head+8*(1+8+limit)); got != want {
		t.Errorf("what still lies in a slot: got %d, want %d", got, want)
	}
	if got, want := l1.Size(map[int64][limit + 1]byte{1: {}}), int64(header+head+8*(1+8+8)+limit+1); got != want {
		t.Errorf("what does not: got %d, want %d", got, want)
	}
}
