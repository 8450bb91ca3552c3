package l1

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// spread is a hash that is the same in each run.
func spread(k int) uint64 {
	h := (uint64(k) + 1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	return h ^ h>>27
}

// TestFrontIsAMap: whatever is added, replaced and dropped, in whatever order, however the hashes collide and while the
// table grows, a look finds the last entry of its key, and at the end nothing is left.
func TestFrontIsAMap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hash          func(int) uint64
		keys, entries int // entries: that the first table is for
		grows         bool
	}{
		"one bucket":         {func(int) uint64 { return 1 << 20 }, 200, 8, false}, // fewer pass it than are counted
		"the last bucket":    {func(k int) uint64 { return 0xffff_ffff_ffff_ff00 | uint64(k)&0xff }, 200, 8, false},
		"one of two buckets": {func(k int) uint64 { return spread(k) & (1<<63 | 0xff) }, 200, 8, false},
		"any bucket":         {spread, 300, 8, false},
		"while it grows":     {spread, 60_000, 5_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, 4))
			var f front[int, int]
			f.init(int64(c.entries))
			last := map[int]*entry[int, int]{}
			var replaced []*entry[int, int]
			var passed, grew int
			for step := range 400 * 200 {
				k := random.IntN(c.keys)
				switch e := last[k]; {
				case e != nil && random.IntN(2) == 0:
					f.drop(e, c.hash(k))
					delete(last, k)
				case len(replaced) > 0 && random.IntN(2) == 0: // ristretto may be late
					f.drop(replaced[0], c.hash(replaced[0].key))
					replaced = replaced[1:]
				default:
					if e != nil {
						replaced = append(replaced, e)
					}
					last[k] = &entry[int, int]{key: k, value: step}
					f.add([]*entry[int, int]{last[k]}, c.hash)
				}
				if got := f.find(c.hash(k), k); got != last[k] {
					t.Fatalf("step %d, key %d: got %v, want %v", step, k, got, last[k])
				}
				if f.next != nil {
					grew++
				}
				if len(*f.table.Load()) < 100 && counted(*f.table.Load()) > 0 {
					passed++
				}
			}
			if f.held != len(last) {
				t.Errorf("front counts %d entries of %d", f.held, len(last))
			}
			for k := range c.keys {
				if got := f.find(c.hash(k), k); got != last[k] {
					t.Errorf("key %d: got %v, want %v", k, got, last[k])
				}
				if last[k] != nil {
					replaced = append(replaced, last[k])
				}
			}
			for _, e := range replaced {
				f.drop(e, c.hash(e.key))
			}
			if n := counted(*f.table.Load()); n != 0 || f.held != 0 {
				t.Errorf("nothing is left, and front counts %d entries, of which %d passed a bucket", f.held, n)
			}
			if !c.grows && passed == 0 || c.grows && grew == 0 {
				t.Errorf("%d steps with entries that had passed a bucket, %d while a table was filled: this shows nothing", passed, grew)
			}
		})
	}
}

// TestManyPassABucket: more than are counted.
func TestManyPassABucket(t *testing.T) {
	t.Parallel()
	const keys = many + 100
	hash := func(k int) uint64 { return uint64(k) & 0xff }
	var f front[int, int]
	f.init(2 * keys)
	all := make([]*entry[int, int], keys)
	for k := range all {
		all[k] = &entry[int, int]{key: k}
	}
	for range 2 {
		f.add(all, hash)
		for k, e := range all {
			if got := f.find(hash(k), k); got != e {
				t.Fatalf("key %d: got %v, want %v", k, got, e)
			}
		}
		for k, e := range all {
			f.drop(e, hash(k))
			if got := f.find(hash(k), k); got != nil {
				t.Fatalf("key %d: got %v after it was dropped", k, got)
			}
			e.state.Store(0)
		}
	}
	if n := (*f.table.Load())[0].passed(); n != many {
		t.Errorf("the bucket counts %d, want %d for ever", n, many)
	}
}

// TestReadersFindWhatStands: a reader finds an entry that stays, which stands behind its own bucket, whatever comes, goes
// and grows meanwhile.
func TestReadersFindWhatStands(t *testing.T) {
	t.Parallel()
	hash := func(k int) uint64 { // the bucket of all that stay is the last but one
		if k < 100 {
			return math.MaxUint64 - 1<<57 | uint64(k)&0xff
		}
		return spread(k)
	}
	var f front[int, int]
	f.init(500)
	var stay []*entry[int, int]
	for k := range 60 {
		stay = append(stay, &entry[int, int]{key: k})
	}
	f.add(stay, hash)
	if counted(*f.table.Load()) == 0 {
		t.Fatal("nothing has passed a bucket: this shows nothing")
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for k, e := range stay {
					if got := f.find(hash(k), k); got != e {
						t.Errorf("key %d: got %v, want %v", k, got, e)
						return
					}
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(5, 6))
	come := map[int]*entry[int, int]{}
	for n := 400; n < 20_000; n += n / 2 { // each more than the last table was for
		for range 4 * n {
			k := 100 + random.IntN(n)
			if e := come[k]; e != nil {
				f.drop(e, hash(k))
				delete(come, k)
			} else {
				come[k] = &entry[int, int]{key: k}
				f.add([]*entry[int, int]{come[k]}, hash)
			}
		}
	}
	close(done)
	readers.Wait()
}

// TestManyPutsOneWait: however many there are, all have a place when Wait returns.
func TestManyPutsOneWait(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var own Counter
	c, err := New[int, int](Config{Capacity: 8 << 20, Epochs: NewEpochs(), Cache: &own})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at := Places{Cache: &own}
	for k := range n {
		if !c.Put(k, -k, at, 0, time.Hour, 8) {
			t.Fatalf("put %d is refused", k)
		}
	}
	if room := len(*c.front.table.Load()) * 2 * places; room >= n {
		t.Fatalf("room for %d before: this shows nothing", room)
	}
	c.Wait(0)
	for k := range n {
		if v, _, ok := c.Get(k, 0); !ok || v != -k {
			t.Fatalf("%d: got %d, %v", k, v, ok)
		}
	}
}

// TestKeysThatAreNotEqualToThemselves are refused: nobody would find them, or know them again when they are to go.
func TestKeysThatAreNotEqualToThemselves(t *testing.T) {
	t.Parallel()
	type point struct{ lat, lon float64 }
	var own Counter
	c, err := New[point, int](Config{Capacity: 1 << 20, Epochs: NewEpochs(), Cache: &own})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, k := range []point{{1, math.NaN()}, {1, 2}} {
		if took := c.Put(k, 1, Places{Cache: &own}, 0, time.Hour, 8); took != (k.lon == 2) {
			t.Errorf("%v: put is %v", k, took)
		}
	}
	c.Wait(0)
	if c.front.held != 1 {
		t.Errorf("front holds %d entries, want 1", c.front.held)
	}
}

func counted(t table[int, int]) (n uint64) {
	for i := range t {
		n += t[i].passed()
	}
	return n
}
