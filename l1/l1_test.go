package l1_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

const (
	capacity = 1 << 20
	never    = time.Duration(1<<63 - 1)
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config l1.Config
		want   string
	}{
		{l1.Config{Epochs: l1.NewEpochs()}, "Capacity is 0"},
		{l1.Config{Capacity: -1, Epochs: l1.NewEpochs()}, "Capacity is -1"},
		{l1.Config{Capacity: capacity}, "Epochs is nil: use NewEpochs"},
		{l1.Config{Capacity: capacity, Epochs: l1.NewEpochs()}, "Cache is nil"},
	} {
		got, err := l1.New[string, int](c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
			t.Errorf("got %v, %v, want an error with %q", got, err, c.want)
		}
	}
}

func TestHit(t *testing.T) {
	t.Parallel()
	c := newRig[string, string](t, capacity)
	if _, _, ok := c.Get("k", 0); ok {
		t.Fatal("an empty cache hits")
	}
	p := c.places("k", "tag")
	if !c.Put("k", "v", p, c.epochs.Now(), time.Second, 1) {
		t.Fatal("Put refused")
	}
	c.Wait()
	if got, _, ok := c.Get("k", time.Second-1); !ok || got != "v" {
		t.Fatalf("got %q, %v, want v", got, ok)
	}
	if hits, misses := c.Lookups(); hits != 1 || misses != 1 {
		t.Errorf("got %d hits and %d misses, want 1 and 1", hits, misses)
	}
}

// TestAnyCapacity: more than any machine has costs no more than 16 GiB do.
func TestAnyCapacity(t *testing.T) {
	t.Parallel()
	c := newRig[string, string](t, math.MaxInt64)
	p := c.places("k")
	c.Put("k", "v", p, c.epochs.Now(), time.Second, 1)
	c.Wait()
	if got, _, ok := c.Get("k", 0); !ok || got != "v" {
		t.Errorf("got %q, %v, want v", got, ok)
	}
	if n := l1.Entries(math.MaxInt64); n != l1.Entries(16<<30) {
		t.Errorf("laid out for %d entries", n)
	}
}

func TestMissByExpiry(t *testing.T) {
	t.Parallel()
	c := newRig[string, string](t, capacity)
	p := c.places("k")
	c.Put("k", "v", p, c.epochs.Now(), time.Second, 1)
	c.Wait()
	for _, now := range []time.Duration{time.Second, time.Hour} {
		if _, _, ok := c.Get("k", now); ok {
			t.Errorf("a hit at %v of an entry that expires at 1s", now)
		}
	}
}

func TestMissByEpoch(t *testing.T) {
	t.Parallel()
	for name, raise := range map[string]func(*rig[string, string], l1.Places){
		"key":          func(c *rig[string, string], p l1.Places) { c.epochs.Raise(p.Key()) },
		"tag":          func(c *rig[string, string], _ l1.Places) { c.epochs.Raise(c.epochs.Place("tag1")) },
		"a fourth tag": func(c *rig[string, string], _ l1.Places) { c.epochs.Raise(c.epochs.Place("tag4")) },
		"cache":        func(c *rig[string, string], _ l1.Places) { c.epochs.RaiseCounter(&c.member) },
		"whole":        func(c *rig[string, string], _ l1.Places) { c.epochs.RaiseAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newRig[string, string](t, capacity)
			p := c.places("k", "tag1", "tag2", "tag3", "tag4")
			e0 := c.epochs.Now()
			c.Put("k", "old", p, e0, never, 1)
			c.Wait()
			prove(t, c, "k")
			raise(c, p)
			if got, _, ok := c.Get("k", 0); ok {
				t.Fatalf("after a raise: got %q", got)
			}
			// What was looked up before the raise, and is put after it, is no hit either.
			c.Put("k", "late", p, e0, never, 1)
			c.Wait()
			if got, _, ok := c.Get("k", 0); ok {
				t.Fatalf("put under the epoch of before: got %q", got)
			}
			c.Put("k", "new", p, c.epochs.Now(), never, 1)
			c.Wait()
			if got, _, ok := c.Get("k", 0); !ok || got != "new" {
				t.Errorf("got %q, %v, want new", got, ok)
			}
		})
	}
}

// TestKeysOfOneHash: identity is the key's, never its hash's alone.
func TestKeysOfOneHash(t *testing.T) {
	t.Parallel()
	c := newRig[string, string](t, capacity)
	c.PutInPlaceOf("ada", "bob", "bob's", c.places("ada"), never)
	c.Wait()
	if got, _, ok := c.Get("ada", 0); ok {
		t.Errorf("ada got %q", got)
	}
}

func TestStructKeys(t *testing.T) {
	t.Parallel()
	type key struct{ tenant, user string }
	c := newRig[key, int](t, capacity)
	for i, k := range []key{{"a", "bc"}, {"ab", "c"}, {"", "abc"}} {
		p := c.places(k.tenant + "\x00" + k.user)
		c.Put(k, i, p, c.epochs.Now(), never, 8)
		c.Wait()
		if got, _, ok := c.Get(k, 0); !ok || got != i {
			t.Errorf("%v: got %d, %v, want %d", k, got, ok, i)
		}
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	c := newRig[string, string](t, capacity)
	p := c.places("k")
	c.Put("k", "v", p, c.epochs.Now(), never, 1)
	c.Wait()
	c.Close()
	c.Close()
	if _, _, ok := c.Get("k", 0); ok {
		t.Error("a closed cache hits")
	}
	if c.Put("k", "v", p, c.epochs.Now(), never, 1) {
		t.Error("a closed cache takes a put")
	}
	c.Wait()
}

func TestHitAllocatesNothing(t *testing.T) {
	c := newRig[string, string](t, capacity)
	p := c.places("k", "tag")
	c.Put("k", "v", p, c.epochs.Now(), never, 1)
	c.Wait()
	allocs := testing.AllocsPerRun(2000, func() {
		if _, _, ok := c.Get("k", 0); !ok {
			t.Fatal("a miss")
		}
	})
	if allocs != 0 {
		t.Errorf("a hit: got %v allocations, want 0", allocs)
	}
}
