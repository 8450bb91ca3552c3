package epoch_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

func TestEachPartRaises(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	const key, tag1, tag2, tag3, other = 1, 2, 3, 4, 5
	p := epoch.At(cache, key, tag1, tag2, tag3)
	neighbour := epoch.At(&epoch.Counter{}, other)
	for _, c := range []struct {
		name      string
		raise     func()
		neighbour bool // whether it concerns an entry of another cache too
	}{
		{"key", func() { table.Raise(key) }, false},
		{"first tag", func() { table.Raise(tag1) }, false},
		{"second tag", func() { table.Raise(tag2) }, false},
		{"third tag", func() { table.Raise(tag3) }, false},
		{"several at once", func() { table.Raise(key, tag1) }, false},
		{"cache", func() { table.RaiseCounter(cache) }, false},
		{"whole", table.RaiseAll, true},
	} {
		before := table.Now()
		c.raise()
		if table.Holds(before, &p) {
			t.Errorf("%s: what was read before holds", c.name)
		}
		if !table.Holds(table.Now(), &p) {
			t.Errorf("%s: what was read after does not hold", c.name)
		}
		if got := table.Last(&p); got != table.Now() { // who looks while somebody raises has nothing else
			t.Errorf("%s: raised last at %d, want %d", c.name, got, table.Now())
		}
		if got := !table.Holds(before, &neighbour); got != c.neighbour {
			t.Errorf("%s: the neighbour was raised: %v, want %v", c.name, got, c.neighbour)
		}
	}
	before := table.Now()
	table.Raise(other)
	table.Raise()
	if !table.Holds(before, &p) {
		t.Error("a raise of something else")
	}
}

// TestGroupsAreNoMoreThanAHint: a stripe's neighbours in its group hold, and are moved on past its raise.
func TestGroupsAreNoMoreThanAHint(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	p := epoch.At(cache, 7, 8)
	for n, beside := range []uint32{7 + epoch.Groups, 8 + epoch.Groups, 7 + 2*epoch.Groups} {
		var at epoch.Counter
		at.Store(table.Now())
		table.Raise(beside)
		if !table.Holds(at.Load(), &p) || !table.HoldsFor(&at, cache, &p.Stripes, p.More) {
			t.Fatalf("raise %d is another's, and makes it stale", n)
		}
		if got := at.Load(); got != table.Now() {
			t.Errorf("raise %d: it stays at epoch %d, want %d", n, got, table.Now())
		}
		table.Raise(8)
		if table.HoldsFor(&at, cache, &p.Stripes, p.More) {
			t.Errorf("raise %d: moved on past a raise of its own", n)
		}
	}
}

func TestPlaceIsStable(t *testing.T) {
	t.Parallel()
	table := epoch.New()
	before := table.Place("prefs:acme:ada")
	table.Grow(1 << 17)
	if after := table.Place("prefs:acme:ada"); after != before {
		t.Errorf("after Grow: got place %d, want %d", after, before)
	}
}

func TestGrowSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entries    int64
		size, want int
	}{
		{-1, epoch.MinStripes, epoch.MinStripes},
		{0, epoch.MinStripes, epoch.MinStripes},
		{epoch.MinStripes, epoch.MinStripes, epoch.MinStripes},
		{epoch.MinStripes + 1, epoch.MinStripes, 2 * epoch.MinStripes},
		{1 << 62, epoch.MinStripes, epoch.MaxStripes},
		{1, epoch.MaxStripes, epoch.MaxStripes}, // it never shrinks
	} {
		if got := epoch.SizeFor(c.entries, c.size); got != c.want {
			t.Errorf("%d entries in %d stripes: got %d stripes, want %d", c.entries, c.size, got, c.want)
		}
	}
	table := epoch.New()
	for _, entries := range []int64{1, 1 << 17, 1} {
		table.Grow(entries)
	}
	if got, want := table.Stripes(), 1<<17; got != want {
		t.Errorf("got %d stripes, want %d", got, want)
	}
}

func TestGrowKeepsEveryEpoch(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	var places []epoch.Places
	for range 500 {
		tag := rand.Uint32()
		p := epoch.At(cache, rand.Uint32(), tag, rand.Uint32())
		places = append(places, p)
		for range rand.IntN(4) {
			table.Raise(p.Key(), tag)
		}
	}
	before := make([]uint64, len(places))
	for i := range places {
		before[i] = table.Last(&places[i])
	}
	for size := int64(epoch.MinStripes); size <= 4*epoch.MinStripes; size *= 2 {
		table.Grow(size)
		for i := range places {
			if got := table.Last(&places[i]); got != before[i] {
				t.Fatalf("%d stripes: raised last at %d, want %d", size, got, before[i])
			}
		}
	}
}

// TestGrowTellsNeighboursApart: two keys of one stripe have one each in a larger table.
func TestGrowTellsNeighboursApart(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	a := epoch.At(cache, 7)
	b := epoch.At(cache, 7+epoch.MinStripes)
	table.Raise(a.Key())
	if table.Holds(0, &b) {
		t.Fatal("before Grow they do not share a stripe: this shows nothing")
	}
	table.Grow(2 * epoch.MinStripes)
	before := table.Now()
	table.Raise(a.Key())
	if table.Holds(before, &a) {
		t.Error("the one that was raised holds")
	}
	if !table.Holds(before, &b) {
		t.Error("its neighbour does not hold")
	}
}

// TestRaiseIsSeen: a raise that has returned is seen by every later look, by whichever goroutine, whoever has moved the
// epoch on, and however the table grows meanwhile; once one look has seen it, all do; and what was read after it holds.
func TestRaiseIsSeen(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	p, beforeIt := epoch.At(cache, 1, 2), make([]uint32, 0, 100)
	for i := range uint32(cap(beforeIt) - 1) { // looks, and some raises, take longer by that: they are to meet
		p.Add(1000 + i)
		beforeIt = append(beforeIt, 2000+i)
	}
	holds := func(at *epoch.Counter) bool { return table.HoldsFor(at, cache, &p.Stripes, p.More) }
	var read, seen atomic.Pointer[epoch.Counter] // the epoch that something was read at, and the last that was not held
	read.Store(&epoch.Counter{})
	var beside sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		beside.Go(func() {
			for !isDone(done) {
				at := read.Load()
				was := seen.Load() == at || table.Last(&p) > at.Load()
				switch {
				case !holds(at):
					seen.Store(at)
				case was:
					t.Error("a raise that was seen is seen no more")
					return
				}
			}
		})
	}
	beside.Go(func() {
		for size := int64(2 * epoch.MinStripes); size <= epoch.MaxStripes; size *= 2 {
			table.Grow(size)
		}
	})
	for n := range 60_000 {
		at := read.Load()
		if n%4 < 2 {
			table.Raise(p.Key()+epoch.Groups, p.Stripes[1]+epoch.Groups) // looks go on to the stripes
			for range n % 100 {
				table.Now()
			}
		}
		if n%8 == 0 {
			table.Raise(append(beforeIt, p.Stripes[n/8%2])...)
		} else {
			table.Raise(p.Stripes[n%2])
		}
		if holds(at) || table.Holds(at.Load(), &p) {
			t.Errorf("raise %d has returned, and what was read before it holds", n)
			break
		}
		at = &epoch.Counter{}
		at.Store(table.Now())
		read.Store(at)
		if !holds(at) {
			t.Errorf("what was read after raise %d does not hold", n)
		}
	}
	close(done)
	beside.Wait()
}

// TestStripeIsNeverAheadOfItsGroup: when one look has found a stripe raised, no later one finds its group quiet.
func TestStripeIsNeverAheadOfItsGroup(t *testing.T) {
	t.Parallel()
	table, p := epoch.New(), epoch.At(&epoch.Counter{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
			for range 1000 {
				table.Raise(p.Key())
			}
		}
	}()
	for at := table.Now(); !isDone(done); {
		last := table.Last(&p)
		if last > at && table.Holds(at, &p) {
			t.Fatal("a raise that a stripe shows is not seen")
		}
		at = max(at, last)
	}
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
