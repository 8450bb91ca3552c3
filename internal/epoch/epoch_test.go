package epoch_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

func TestEachPartRaisesTheEpoch(t *testing.T) {
	t.Parallel()
	table, cache := epoch.New(), &epoch.Counter{}
	const key, tag1, tag2, other = 1, 2, 3, 4
	p := epoch.At(cache, key, tag1, tag2)
	neighbour := epoch.At(&epoch.Counter{}, other)
	for _, c := range []struct {
		name      string
		raise     func()
		neighbour bool // whether it concerns an entry of another cache too
	}{
		{"key", func() { table.Raise(key) }, false},
		{"first tag", func() { table.Raise(tag1) }, false},
		{"second tag", func() { table.Raise(tag2) }, false},
		{"several at once", func() { table.Raise(key, tag1) }, false},
		{"cache", func() { cache.Add(1) }, false},
		{"whole", table.RaiseAll, true},
	} {
		before, beside := table.Of(&p), table.Of(&neighbour)
		c.raise()
		if after := table.Of(&p); after <= before {
			t.Errorf("%s: got %d after a raise of %d", c.name, after, before)
		}
		if changed := table.Of(&neighbour) != beside; changed != c.neighbour {
			t.Errorf("%s: the neighbour's epoch changed: %v, want %v", c.name, changed, c.neighbour)
		}
	}
	before := table.Of(&p)
	table.Raise(other)
	table.Raise()
	if after := table.Of(&p); after != before {
		t.Errorf("a raise of something else: got %d, want %d", after, before)
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
		before[i] = table.Of(&places[i])
	}
	for size := int64(epoch.MinStripes); size <= 4*epoch.MinStripes; size *= 2 {
		table.Grow(size)
		for i := range places {
			if got := table.Of(&places[i]); got != before[i] {
				t.Fatalf("%d stripes: got epoch %d, want %d", size, got, before[i])
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
	if got := table.Of(&b); got != 1 {
		t.Fatalf("before Grow they share a stripe: got %d, want 1", got)
	}
	table.Grow(2 * epoch.MinStripes)
	table.Raise(a.Key())
	if got := table.Of(&a); got != 2 {
		t.Errorf("the one that was raised: got %d, want 2", got)
	}
	if got := table.Of(&b); got != 1 {
		t.Errorf("its neighbour: got %d, want 1", got)
	}
}

// TestRaiseIsSeen: a raise that has returned is seen by every later Of, by whichever goroutine and however the table
// grows meanwhile, and none is lost.
func TestRaiseIsSeen(t *testing.T) {
	t.Parallel()
	for range 3 {
		table, cache := epoch.New(), &epoch.Counter{}
		var all sync.WaitGroup
		grown := make(chan struct{})
		for w := range uint32(3) {
			p := epoch.At(cache, w, 100+w)
			told := make(chan uint64) // epochs that a raise has reached
			all.Go(func() {
				defer close(told)
				for n := uint64(1); ; n++ {
					table.Raise(p.Key())
					if got := table.Of(&p); got != n {
						t.Errorf("writer %d: got epoch %d after raise %d", w, got, n)
						return
					}
					select {
					case told <- n:
					case <-grown:
						return
					default: // the reader is not there yet
					}
				}
			})
			all.Go(func() {
				for least := range told {
					if got := table.Of(&p); got < least {
						t.Errorf("reader %d: got epoch %d after a raise to %d had returned", w, got, least)
					}
				}
			})
		}
		for size := int64(epoch.MinStripes); size <= 4*epoch.MinStripes; size *= 2 {
			table.Grow(size)
		}
		close(grown)
		all.Wait()
	}
}
