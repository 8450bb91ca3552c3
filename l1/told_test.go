package l1_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

// TestFewHitsAreTold: ristretto is told of the first hits of an entry, and then of one in sixteen: it knows what is read
// much, and hits do not wait for it.
func TestFewHitsAreTold(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 64<<10)
	put := func(key string) {
		c.Put(key, 1, c.places(key), c.epochs.Now(), never, 500)
		c.Wait()
	}
	for i := 0; !c.Full(); i++ {
		put(strconv.Itoa(i))
	}
	for !c.InFront("k") { // it may be refused
		put("k")
	}
	told := func(hits int) uint64 {
		t.Helper()
		before := c.Asked()
		for range hits {
			if _, _, ok := c.Get("k", 0); !ok {
				t.Fatal("a miss")
			}
		}
		return c.Asked() - before
	}
	const first, many = 4, 1600
	if n := told(first); n != first || c.Told("k") != first {
		t.Errorf("told of %d of the first %d hits, %d counted", n, first, c.Told("k"))
	}
	if n := told(many); n < many/16-2 || n > many/16+2 || c.Told("k") != first {
		t.Errorf("told of %d of %d hits, %d counted", n, many, c.Told("k"))
	}
}

// TestWhatIsKnownIsReplacedWhereItIsFull too: the entry that is there makes room for its successor.
func TestWhatIsKnownIsReplacedWhereItIsFull(t *testing.T) {
	t.Parallel()
	c := newRig[string, int](t, 8<<10)
	for i := range 100 {
		c.Put("k", i, c.places("k"), c.epochs.Now(), time.Hour, 7000)
		c.Wait()
		if got, _, ok := c.Get("k", 0); !ok || got != i {
			t.Fatalf("put %d: got %d, %v", i, got, ok)
		}
		if u, want := c.Usage(), (l1.Usage{Entries: 1, Bytes: 7000 + 17 + l1.Overhead}); u != want {
			t.Fatalf("got %+v, want %+v", u, want)
		}
	}
}
