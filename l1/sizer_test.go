package l1_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

// walker is what a Sizer does without compiling anything: every value is looked at.
type walker map[place]span

// place is where values of a type stand, and span how many of them were met, and room for how many.
type place struct {
	at uintptr
	of reflect.Type
}

type span struct{ values, room int }

func (w walker) beyond(v reflect.Value) (n int64) {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			if before, _ := w.met(v, v.Type().Elem(), 1, 1); before == 0 {
				return int64(v.Type().Elem().Size()) + w.beyond(v.Elem())
			}
		}
	case reflect.Interface:
		if !v.IsNil() {
			return int64(v.Elem().Type().Size()) + w.beyond(v.Elem())
		}
	case reflect.Slice:
		if v.Cap() > 0 {
			before, more := w.met(v, v.Type().Elem(), v.Len(), v.Cap())
			n = int64(more) * int64(v.Type().Elem().Size())
			for i := before; i < v.Len(); i++ {
				n += w.beyond(v.Index(i))
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			n += w.beyond(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			n += w.beyond(field)
		}
	case reflect.Map:
		if v.IsNil() {
			return 0
		}
		if before, _ := w.met(v, v.Type(), 1, 1); before > 0 {
			return 0
		}
		n = l1.MapSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			n += w.beyond(it.Key()) + w.beyond(it.Value())
		}
	}
	return n
}

func (w walker) met(v reflect.Value, t reflect.Type, values, room int) (before, more int) {
	at := place{v.Pointer(), t}
	had := w[at]
	w[at] = span{max(had.values, values), max(had.room, room)}
	return had.values, max(room-had.room, 0)
}

// rose holds itself in every way, and only itself.
type rose []struct{ Petals [2]rose }

type thicket struct {
	Name     string
	Left     *thicket
	Twigs    []thicket
	ByName   map[string]*thicket
	ByNumber map[int]float64
	Any      any
	Pair     [2]*leaf
	hidden   []leaf
	Rose     rose
	Bytes    [][]byte
	At       *time.Time
	_        func()
}

// grow makes a random one, some of whose parts are shared.
func grow(r *rand.Rand, depth int, leaves []*leaf) thicket {
	k := thicket{Name: strings.Repeat("x", r.IntN(9)), hidden: make([]leaf, r.IntN(3), 4)}
	k.Pair = [2]*leaf{leaves[r.IntN(len(leaves))], leaves[r.IntN(len(leaves))]}
	bytes := make([]byte, r.IntN(9), 10)
	k.Bytes = [][]byte{bytes, bytes[:0], nil, {}}
	// In boxes of their own: those of constants are shared.
	k.Any = []any{nil, 1000 + depth, strings.Repeat("x", 1+r.IntN(9)), leaves[0], k.Pair, bytes, time.Now(), map[string]int{"a": 1}}[r.IntN(8)]
	if r.IntN(2) == 0 {
		k.At = new(time.Now())
		k.ByNumber = map[int]float64{1: 2, 3: 4}
	}
	for range r.IntN(3) {
		k.Rose = append(k.Rose, struct{ Petals [2]rose }{[2]rose{k.Rose, make(rose, r.IntN(3))}})
	}
	if depth == 0 {
		return k
	}
	left := grow(r, depth-1, leaves)
	k.Left, k.ByName = &left, map[string]*thicket{"left": &left, "none": nil}
	for range r.IntN(3) {
		k.Twigs = append(k.Twigs, grow(r, depth-1, leaves))
	}
	return k
}

// TestSizerMeasuresEverything compares a Sizer with a walk that looks at everything.
func TestSizerMeasuresEverything(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	leaves := []*leaf{nil, {name: "a"}, {name: "bc"}}
	measure := l1.Sizer[thicket]()
	for range 200 {
		v := grow(r, r.IntN(4), leaves)
		if got, want := measure(v), int64(reflect.TypeOf(v).Size())+(walker{}).beyond(reflect.ValueOf(v)); got != want || l1.Size(v) != want {
			t.Fatalf("got %d, and %d from Size, want %d of %+v", got, l1.Size(v), want, v)
		}
	}
}

// TestSizerAtOnce uses a Sizer that has yet to meet its types, from several goroutines.
func TestSizerAtOnce(t *testing.T) {
	t.Parallel()
	v := grow(rand.New(rand.NewPCG(1, 2)), 3, []*leaf{{name: "a"}})
	want := l1.Size(v)
	measure := l1.Sizer[any]()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if got := measure(v); got != 16+want {
					t.Errorf("got %d, want %d", got, 16+want)
				}
			}
		})
	}
	all.Wait()
}

// TestSizerEnds: what is shared is measured once, and a list that is too deep to that depth, so that no value keeps a
// reader waiting or ends the process.
func TestSizerEnds(t *testing.T) {
	type pair struct{ A, B any }
	var shared pair
	for range 64 {
		shared = pair{shared, shared}
	}
	if got := l1.Sizer[pair]()(shared); got != 32+2*64*32 {
		t.Errorf("64 pairs: got %d bytes", got)
	}
	type chain struct{ Next *chain }
	type loose struct{ Next any }
	var list *chain
	var boxes any
	for range 4_000_000 {
		list, boxes = &chain{list}, loose{boxes}
	}
	for name, got := range map[string]int64{"pointers": l1.Sizer[*chain]()(list), "interfaces": l1.Sizer[any]()(boxes)} {
		if got < 8*10_000 || got > 8*4_000_000 {
			t.Errorf("%s: got %d bytes", name, got)
		}
	}
}

// branded is told from others by a type that it does not hold.
type branded[T any] struct {
	_ [0]*T
	n int
}

type citizen struct{ id branded[citizen] }

// TestSizerOfPhantoms: a type may name itself where it holds nothing.
func TestSizerOfPhantoms(t *testing.T) {
	type pair struct {
		Own    citizen
		Shared *citizen
	}
	if got := l1.Sizer[pair]()(pair{Shared: &citizen{id: branded[citizen]{n: 1}}}); got != 16+8 {
		t.Errorf("got %d bytes", got)
	}
}

func TestSizerAllocatesNothing(t *testing.T) {
	list := make([]preference, 10)
	for i := range list {
		list[i].Value = fmt.Sprint(i)
	}
	tags := []string{"a", "b"}
	allocates(t, 0, 7)
	allocates(t, 0, "text")
	allocates(t, 0, list)
	allocates(t, 0, &list[0])
	// What may be met twice is remembered in a map of the pool, which drops a part of what it gets under the race detector.
	allocates(t, 1, [][]string{tags, tags, nil})
	allocates(t, 1, []*leaf{{name: "a"}, nil})
	allocates(t, 1, map[int]int{1: 2})
	allocates(t, 1, []any{"text", 1000, nil})
	allocates(t, 1, struct{ A, B []byte }{[]byte("a"), nil})
}

func allocates[V any](t *testing.T, most float64, v V) {
	t.Helper()
	measure := l1.Sizer[V]()
	if got := testing.AllocsPerRun(100, func() { measure(v) }); got > most {
		t.Errorf("%T: got %v allocations, want at most %v", v, got, most)
	}
}

func BenchmarkSizer(b *testing.B) {
	list := slices.Repeat([]preference{{ID: "6f9619ff-8b86-d011-b42d-00c04fc964ff", Tenant: "acme", User: "ada", Key: "food.coffee", Value: "espresso"}}, 10)
	measure := l1.Sizer[[]preference]()
	b.ReportAllocs()
	for b.Loop() {
		measure(list)
	}
}
