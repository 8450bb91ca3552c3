package l1

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// held is a value, or what a key points to, that the collector tells apart from others.
type held struct{ _ [32]uint64 }

// watched puts under a key a value, both of them new, and returns what no longer holds them.
//
//go:noinline
func watched(t *testing.T, d *desk[*held, *held], wait bool) (key func() *held, left map[string]func() bool) {
	t.Helper()
	k, v, places := &held{}, &held{}, epoch.At(&d.own, 0, 1, 2, 3, 4)
	if !d.Put(k, v, places, d.epochs.Now(), time.Hour, 8) {
		t.Fatal("a put is refused")
	}
	if wait {
		d.Wait(0)
	}
	weakKey, weakValue, weakTags := weak.Make(k), weak.Make(v), weak.Make(places.More)
	return weakKey.Value, map[string]func() bool{
		"the key":   func() bool { return weakKey.Value() == nil },
		"the value": func() bool { return weakValue.Value() == nil },
		"its tags":  func() bool { return weakTags.Value() == nil },
	}
}

// grow puts until a larger table is being filled.
func grow(d *desk[*held, *held]) {
	for !d.Growing() {
		d.Put(&held{}, nil, epoch.At(&d.own, 0), 0, time.Hour, 8)
		d.Wait(0)
	}
}

// inBoth says that the larger table has a key, or that it has been filled.
func inBoth(d *desk[*held, *held], key *held) bool {
	d.front.mu.Lock()
	defer d.front.mu.Unlock()
	return d.front.next == nil || d.front.next.has(d.hash(key), key)
}

// TestWhatIsDroppedIsLetGo: when nobody looks, nothing of an entry is kept that ristretto has dropped, once somebody has
// waited.
func TestWhatIsDroppedIsLetGo(t *testing.T) {
	t.Parallel()
	drop := func(d *desk[*held, *held], key func() *held) { d.store.Del(d.hash(key())) }
	for name, c := range map[string]struct {
		waits bool // before it goes
		goes  func(d *desk[*held, *held], key func() *held)
		keeps string
	}{
		"dropped": {true, func(d *desk[*held, *held], key func() *held) { drop(d, key); d.Wait(0) }, ""},
		"dropped, and others put": {true, func(d *desk[*held, *held], key func() *held) {
			drop(d, key)
			d.Put(nil, nil, epoch.At(&d.own, 0), 0, time.Hour, 8)
			d.Wait(0)
		}, ""},
		"dropped before it stood in front": {false, func(d *desk[*held, *held], key func() *held) {
			d.store.Wait()
			drop(d, key)
			d.Wait(0)
		}, ""},
		"replaced": {true, func(d *desk[*held, *held], key func() *held) {
			d.Put(key(), nil, epoch.At(&d.own, 0), 0, time.Hour, 8)
			d.Wait(0)
			d.Wait(0)
		}, "the key"},
		"closed":                        {true, func(d *desk[*held, *held], _ func() *held) { d.Close() }, ""},
		"closed, and nobody has waited": {false, func(d *desk[*held, *held], _ func() *held) { d.Close() }, ""},
		"a table that is left": {true, func(d *desk[*held, *held], key func() *held) {
			for before := len(*d.front.table.Load()); len(*d.front.table.Load()) == before; d.Wait(0) {
				d.Put(&held{}, nil, epoch.At(&d.own, 0), 0, time.Hour, 8)
			}
			drop(d, key)
			d.Wait(0)
		}, ""},
		"dropped while a table is filled": {true, func(d *desk[*held, *held], key func() *held) {
			for grow(d); !inBoth(d, key()); {
				d.Wait(0)
			}
			drop(d, key)
			d.Wait(0)
		}, ""},
		"closed while a table is filled": {true, func(d *desk[*held, *held], _ func() *held) {
			grow(d)
			d.Close()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk[*held, *held](t, 1<<20)
			key, left := watched(t, d, c.waits)
			runtime.GC()
			for what, is := range left {
				if is() {
					t.Errorf("%s is not held: this shows nothing", what)
				}
			}
			c.goes(d, key)
			runtime.GC()
			runtime.GC()
			for what, is := range left {
				if is() == (what == c.keeps) {
					t.Errorf("%s: held is %v", what, !is())
				}
			}
			runtime.KeepAlive(d)
		})
	}
}

// TestLargeValuesAreLetGo, their boxes too.
func TestLargeValuesAreLetGo(t *testing.T) {
	t.Parallel()
	type large struct {
		first *held
		_     [100]byte
	}
	var own Counter
	c, err := New[int, large](Config{Capacity: 1 << 20, Epochs: NewEpochs(), Cache: &own})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put := func(k int) weak.Pointer[held] {
		v := large{first: &held{}}
		c.Put(k, v, epoch.At(&own, 0), 0, time.Hour, 8)
		c.Wait(0)
		return weak.Make(v.first)
	}
	first, stays := put(1), put(2)
	second := put(1)
	c.Wait(0)
	if runtime.GC(); first.Value() != nil || second.Value() == nil || stays.Value() == nil {
		t.Error("what was replaced is held, or what stays is not")
	}
	c.PutMissing(1, epoch.At(&own, 0), 0, time.Hour)
	c.Wait(0)
	c.Wait(0)
	if runtime.GC(); second.Value() != nil {
		t.Error("the value of a key that has none is held")
	}
	c.Close()
	if runtime.GC(); stays.Value() != nil {
		t.Error("a closed cache holds a value")
	}
	runtime.KeepAlive(c)
}

// TestWhatIsDroppedIsLetGoThoughNobodyWaits, all but the last few: ristretto drops much at once for one large value.
func TestWhatIsDroppedIsLetGoThoughNobodyWaits(t *testing.T) {
	t.Parallel()
	const n = 1000
	s := newShelf(n, spread)
	numbers := make([]uint32, n)
	for k := range numbers {
		numbers[k] = s.put(k, k)
	}
	for k, number := range numbers {
		s.drop(k, number)
		if _, waiting := s.counts(); waiting > takeAtOnce {
			t.Fatalf("after %d were dropped, %d cannot be used yet, and nobody looks", k+1, waiting)
		}
	}
}

// TestTheMemoryOfManyPutsIsLetGo: what was put at once is remembered no longer, nor is there room for as many.
func TestTheMemoryOfManyPutsIsLetGo(t *testing.T) {
	t.Parallel()
	d := newDesk[int, int](t, 64<<20)
	for range 3 {
		for k := range 10 * spare {
			d.Put(k, k, epoch.At(&d.own, 0), 0, time.Hour, 8)
		}
		d.Wait(0)
		d.Wait(0)
		d.put(t, 1, 1)
		if n := cap(d.fresh.some) + cap(d.fresh.taken); n > 2*spare {
			t.Errorf("room for %d puts is kept", n)
		}
	}
	before := cap(d.fresh.some) + cap(d.fresh.taken)
	for k := range 100 {
		d.put(t, k, k)
	}
	if after := cap(d.fresh.some) + cap(d.fresh.taken); before == 0 || after != before {
		t.Errorf("room for %d puts, then for %d: it is to be used again", before, after)
	}
}
