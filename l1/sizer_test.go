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
type walker map[uintptr]bool

func (w walker) beyond(v reflect.Value) (n int64) {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() && !w.met(v) {
			return int64(v.Type().Elem().Size()) + w.beyond(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			return int64(v.Elem().Type().Size()) + w.beyond(v.Elem())
		}
	case reflect.Slice:
		if v.Cap() == 0 || w.met(v) {
			return 0
		}
		n = int64(v.Cap()) * int64(v.Type().Elem().Size())
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			n += w.beyond(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			n += w.beyond(field)
		}
	case reflect.Map:
		if v.IsNil() || w.met(v) {
			return 0
		}
		for it := v.MapRange(); it.Next(); {
			n += int64(v.Type().Key().Size()+v.Type().Elem().Size()) + 16 + w.beyond(it.Key()) + w.beyond(it.Value())
		}
	}
	return n
}

func (w walker) met(v reflect.Value) bool {
	before := w[v.Pointer()]
	w[v.Pointer()] = true
	return before
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
	k.Any = []any{nil, 1, "text", leaves[0], k.Pair, bytes, time.Now(), map[string]int{"a": 1}}[r.IntN(8)]
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
