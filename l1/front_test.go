package l1_test

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestFrontFollowsAPut(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Of(&p), never, 1)
	c.Wait()
	prove(t, c, "k")
	c.epochs.Raise(p.Key())
	c.Put("k", 2, p, c.epochs.Of(&p), never, 1)
	c.Wait()
	for range 10 {
		if got, _, ok := c.Get("k", 0); !ok || got != 2 {
			t.Fatalf("got %d, %v, want 2", got, ok)
		}
	}
	if n := c.Stray(); n != 0 {
		t.Errorf("%d entries stand in front that were replaced", n)
	}
}

func TestFrontExpires(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Of(&p), time.Second, 1)
	c.Wait()
	prove(t, c, "k")
	if _, _, ok := c.Get("k", time.Second); ok {
		t.Error("a hit at the time of expiry")
	}
}

func TestFrontAfterClose(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Of(&p), never, 1)
	c.Wait()
	prove(t, c, "k")
	c.Close()
	if _, _, ok := c.Get("k", 0); ok {
		t.Error("a hit after Close")
	}
}

func TestNothingIsPutInFrontAfterItIsGone(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, capacity)
	p := c.places("k")
	c.Put("k", 1, p, c.epochs.Of(&p), never, 1)
	c.Wait()
	prove(t, c, "k")
	c.PromoteAfterDrop("k")
	if c.InFront("k") {
		t.Error("an entry that ristretto has dropped stands in front: its memory is nobody's")
	}
}

// TestFrontHoldsWhatRistrettoHolds: whatever the order of lookups, puts and evictions, nothing stays in front that was
// dropped.
func TestFrontHoldsWhatRistrettoHolds(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 64<<10)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 20_000 {
				key := strconv.Itoa((i*(w+1) + i/100) % 500)
				if _, _, ok := c.Get(key, 0); !ok {
					p := c.places(key)
					c.Put(key, i, p, c.epochs.Of(&p), never, 500)
				}
				if i%50 == 0 {
					c.epochs.Raise(c.epochs.Place(key))
				}
			}
		})
	}
	all.Wait()
	c.Wait()
	if n := c.Stray(); n != 0 {
		t.Errorf("%d entries stand in front that ristretto has dropped", n)
	}
}
