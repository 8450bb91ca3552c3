package l1

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// desk is a cache with the epochs that it goes by.
type desk[K comparable, V any] struct {
	*Cache[K, V]
	own Counter
}

func newDesk[K comparable, V any](t testing.TB, capacity int64) *desk[K, V] {
	t.Helper()
	d := &desk[K, V]{}
	var err error
	if d.Cache, err = New[K, V](Config{Capacity: capacity, Epochs: NewEpochs(), Cache: &d.own}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// put puts an entry that depends on its key's stripe, 0, and on tags, and waits for it.
func (d *desk[K, V]) put(t testing.TB, key K, value V, tags ...uint32) {
	t.Helper()
	if !d.Put(key, value, epoch.At(&d.own, 0, tags...), d.epochs.Now(), time.Hour, 8) {
		t.Fatalf("%v is refused", key)
	}
	d.Wait(0)
}

func (d *desk[K, V]) hits(key K) bool {
	_, _, ok := d.Get(key, 0)
	return ok
}

// TestTagsGoWithTheirEntry: an entry goes with each of its own tags, however many those are, and with nobody else's: not
// with those of the entry that it replaces, nor of who had its slot, nor of its neighbours in the bucket.
func TestTagsGoWithTheirEntry(t *testing.T) {
	t.Parallel()
	const a, b = 1000, 2000 // the first of four tags
	four := func(first uint32) []uint32 { return []uint32{first, first + 1, first + 2, first + 3} }
	d := newDesk[int, int](t, 1<<20)
	room := len(*d.front.table.Load()) * places
	for name, c := range map[string]struct {
		then   []uint32 // what the entry is put with at last, after it had the tags of a
		before func(k int)
	}{
		"replaced, other tags": {four(b), func(int) {}},
		"replaced, none":       {nil, func(int) {}},
		"dropped, other tags":  {four(b), func(k int) { d.store.Del(d.hash(k)); d.Wait(0) }},
		"dropped, none":        {nil, func(k int) { d.store.Del(d.hash(k)); d.Wait(0) }},
	} {
		for k := range room / 2 { // every bucket has entries with and without tags, and slots that are free
			if k%2 == 0 {
				d.put(t, k, k, four(a)...)
			} else {
				d.put(t, k, k)
			}
		}
		for k := 0; k < room/2; k += 4 {
			c.before(k)
			d.put(t, k, -k, c.then...)
		}
		if len(c.then) == 0 {
			b := 0
			for ; b < 4; b++ {
				d.epochs.Raise(a + uint32(b))
			}
		} else {
			d.epochs.Raise(a + 3)
		}
		for k := range room / 2 {
			if want := k%4 != 2; d.hits(k) != want {
				t.Fatalf("%s: %d is here: %v, after tags of others were raised", name, k, !want)
			}
		}
		d.epochs.Raise(b + 3)
		for k := range room / 2 {
			if want := k%4 != 2 && (k%4 != 0 || len(c.then) == 0); d.hits(k) != want {
				t.Fatalf("%s: %d is here: %v, after its last tag was raised", name, k, !want)
			}
		}
	}
}

// TestGrowthLosesNothingOfAnEntry: what was put before a table grew is as valid after as it was.
func TestGrowthLosesNothingOfAnEntry(t *testing.T) {
	t.Parallel()
	const n, kinds = 700, 6
	d := newDesk[int, int](t, 1<<20)
	before := len(*d.front.table.Load())
	at := func(k int, tags ...uint32) Places { return epoch.At(&d.own, uint32(k), tags...) }
	for k := range n {
		d.epochs.Raise(uint32(k)) // before it is put
	}
	now := d.epochs.Now()
	for k := range n {
		tag := uint32(10_000 + 10*k)
		switch k % kinds {
		case 0:
			d.Put(k, k, at(k), now, time.Hour, 8)
		case 1:
			d.PutMissing(k, at(k), now, time.Hour)
		case 2:
			d.Put(k, k, at(k), now, time.Second, 8)
		case 3, 4:
			d.Put(k, k, at(k, tag, tag+1, tag+2, tag+3), now, time.Hour, 8)
		case 5:
			d.Put(k, k, at(k, tag), now, time.Hour, 8)
		}
	}
	d.Wait(0)
	numbers := map[int]uint32{}
	for k := range n {
		_, s := d.front.find(d.hash(k), k)
		numbers[k] = s.number()
	}
	for k := n; len(*d.front.table.Load()) < 2*before || d.Growing(); k++ {
		d.put(t, k, k)
	}
	for k := range n {
		if k%kinds == 3 {
			d.epochs.Raise(uint32(10_000 + 10*k + 3))
		}
		if k%kinds == 5 {
			d.epochs.Raise(uint32(10_000 + 10*k))
		}
	}
	for k := range n {
		v, missing, ok := d.Get(k, time.Second)
		want := k%kinds == 0 || k%kinds == 1 || k%kinds == 4
		if ok != want || missing != (k%kinds == 1) || ok && !missing && v != k {
			t.Errorf("kind %d: got %d, %v, %v", k%kinds, v, missing, ok)
		}
		if _, s := d.front.find(d.hash(k), k); s.number() != numbers[k] {
			t.Fatalf("ristretto knows %d by %d, front by %d", k, numbers[k], s.number())
		}
	}
	d.epochs.Raise(0)
	if d.hits(0) {
		t.Error("the stripe of its key was raised, and it answers")
	}
}
