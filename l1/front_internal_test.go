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

// shelf is front with what it needs.
type shelf struct {
	front[int, int]
	readers tally
	last    uint32
}

func newShelf(entries int64, hash func(int) uint64) *shelf {
	s := &shelf{}
	s.init(entries, &s.readers, hash)
	return s
}

// put adds an entry and returns its number.
func (s *shelf) put(k, v int) uint32 {
	s.last++
	s.add([]put[int, int]{{key: k, value: v, hash: s.hash(k), number: s.last}})
	return s.last
}

func (s *shelf) drop(k int, number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(s.hash(k), number)
}

func (s *shelf) get(k int) (v int, ok bool) {
	look := s.readers.begin(s.readers.mine())
	defer look.hits.Add(1)
	_, sl := s.find(s.hash(k), k)
	if sl == nil {
		return 0, false
	}
	return sl.value, true
}

// counts returns how many entries stand, and how many slots cannot be used yet.
func (s *shelf) counts() (held, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, len(s.limbo.slots)
}

// passed returns how many entries have passed buckets.
func (s *shelf) passed() (n uint64) {
	t := *s.table.Load()
	for i := range t {
		n += t[i].passed()
	}
	return n
}

// TestFrontIsAMap: whatever is added, replaced and dropped, in whatever order, however the hashes collide and while the
// table grows, a look finds the last entry of its key, and at the end nothing is left.
func TestFrontIsAMap(t *testing.T) {
	t.Parallel()
	type standing struct {
		number uint32
		value  int
	}
	for name, c := range map[string]struct {
		hash          func(int) uint64
		keys, entries int // entries: that the first table is for
		grows         bool
	}{
		"one bucket":         {func(int) uint64 { return 1 << 20 }, 200, 200, false}, // fewer pass it than are counted
		"the last bucket":    {func(k int) uint64 { return 0xffff_ffff_ffff_ff00 | uint64(k)&0xff }, 200, 200, false},
		"one of two buckets": {func(k int) uint64 { return spread(k) & (1<<63 | 0xff) }, 200, 200, false},
		"any bucket":         {spread, 300, 200, false},
		"while it grows":     {spread, 20_000, 2_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, 4))
			s := newShelf(int64(c.entries), c.hash)
			last := map[int]standing{}
			var passed, grew int
			same := func(step, k int) {
				t.Helper()
				want, ok := last[k]
				if got, found := s.get(k); found != ok || got != want.value {
					t.Fatalf("step %d, key %d: got %v, %v, want %v, %v", step, k, got, found, want.value, ok)
				}
			}
			for step := range 400 * 50 {
				k := random.IntN(c.keys)
				if e, ok := last[k]; ok && random.IntN(2) == 0 {
					if !s.drop(k, e.number) || s.drop(k, e.number) { // ristretto may be late
						t.Fatalf("step %d: key %d is not dropped, or twice", step, k)
					}
					delete(last, k)
				} else {
					last[k] = standing{s.put(k, step), step}
				}
				same(step, k)
				if s.growing() {
					grew++
				}
				if !c.grows && s.passed() > 0 {
					passed++
				}
			}
			if n := s.count(); n != len(last) {
				t.Errorf("front counts %d entries of %d", n, len(last))
			}
			for k := range c.keys {
				same(-1, k)
			}
			for k, e := range last {
				s.drop(k, e.number)
			}
			if n := s.passed(); n != 0 || s.count() != 0 {
				t.Errorf("nothing is left, and front counts %d entries, of which %d passed a bucket", s.count(), n)
			}
			s.add(nil)
			for at := range *s.table.Load() {
				b := &(*s.table.Load())[at]
				for i := range b.slots {
					if sl := &b.slots[i]; sl.state.Load() != 0 || sl.value != 0 {
						t.Fatalf("bucket %d, slot %d is not free: %d", at, i, sl.value)
					}
				}
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
	s := newShelf(2*keys, func(k int) uint64 { return uint64(k) & 0xff })
	for range 2 {
		numbers := make([]uint32, keys)
		for k := range numbers {
			numbers[k] = s.put(k, -k)
		}
		for k := range numbers {
			if got, ok := s.get(k); !ok || got != -k {
				t.Fatalf("key %d: got %v, %v", k, got, ok)
			}
		}
		for k, number := range numbers {
			s.drop(k, number)
			if got, ok := s.get(k); ok {
				t.Fatalf("key %d: got %v after it was dropped", k, got)
			}
		}
	}
	if n := (*s.table.Load())[0].passed(); n != many {
		t.Errorf("the bucket counts %d, want %d for ever", n, many)
	}
}

// TestReadersFindWhatStands: a reader finds an entry that stays, which stands behind its own bucket, whatever comes, goes
// and grows meanwhile; and of what comes and goes it finds nothing but what was put.
func TestReadersFindWhatStands(t *testing.T) {
	t.Parallel()
	const stay = 60
	s := newShelf(500, func(k int) uint64 { // the bucket of all that stay is the last but one
		if k < 100 {
			return math.MaxUint64 - 1<<58 | uint64(k)&0xff
		}
		return spread(k)
	})
	for k := range stay {
		s.put(k, -k)
	}
	if s.passed() == 0 {
		t.Fatal("nothing has passed a bucket: this shows nothing")
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(1, 2))
			for {
				select {
				case <-done:
					return
				default:
				}
				for k := range stay {
					if got, ok := s.get(k); !ok || got != -k {
						t.Errorf("key %d: got %v, %v", k, got, ok)
						return
					}
					other := 100 + random.IntN(1000)
					if got, ok := s.get(other); ok && got != -other {
						t.Errorf("key %d: got %v", other, got)
						return
					}
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(5, 6))
	come := map[int]uint32{}
	for n := 400; n < 8_000; n += n / 2 { // each more than the last table was for
		for range 4 * n {
			k := 100 + random.IntN(n)
			if e, ok := come[k]; ok {
				s.drop(k, e)
				delete(come, k)
			} else {
				come[k] = s.put(k, -k)
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
	if room := len(*c.front.table.Load()) * places; room >= n {
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
	if n := c.front.count(); n != 1 {
		t.Errorf("front holds %d entries, want 1", n)
	}
}
