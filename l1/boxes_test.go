package l1_test

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l1"
)

type (
	largestInline [64]byte
	smallestBoxed [65]byte
	large         struct {
		name string
		list []int
		_    [300]byte
	}
)

// TestLargeValues: where a value stands is nothing that its readers see.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	one := map[bool]byte{true: 1}
	t.Run("64 bytes", func(t *testing.T) {
		t.Parallel()
		valuesOf(t, false, func(first bool) largestInline { return largestInline{63: one[first] + 1} })
	})
	t.Run("65 bytes", func(t *testing.T) {
		t.Parallel()
		valuesOf(t, true, func(first bool) smallestBoxed { return smallestBoxed{64: one[first] + 1} })
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		valuesOf(t, false, func(bool) struct{} { return struct{}{} })
	})
}

func valuesOf[V comparable](t *testing.T, boxed bool, value func(first bool) V) {
	t.Helper()
	c := newRig[string, V](t, capacity)
	if c.Boxed() != boxed {
		t.Errorf("boxed: got %v, want %v", c.Boxed(), boxed)
	}
	p := c.places("k", "tag1", "tag2", "tag3", "tag4")
	here := func(what string, want V) {
		t.Helper()
		c.Prefetch([]string{"k", "none"})
		if got, missing, ok := c.Get("k", time.Second-1); !ok || missing || got != want {
			t.Fatalf("%s: got %v, %v, %v, want %v", what, got, missing, ok, want)
		}
	}
	gone := func(what string, now time.Duration) {
		t.Helper()
		if got, missing, ok := c.Get("k", now); ok || missing || got != *new(V) {
			t.Fatalf("%s: got %v, %v, %v, want a miss", what, got, missing, ok)
		}
	}
	used := func(what string, entries int, bytes int64) {
		t.Helper()
		if got, want := c.Usage(), (l1.Usage{Entries: entries, Bytes: bytes}); got != want {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	put := func(v V, expires time.Duration) {
		t.Helper()
		if !c.Put("k", v, p, c.epochs.Now(), expires, 1000) {
			t.Fatal("a put is refused")
		}
		c.Wait()
	}
	each := 17 + l1.Each(c.Cache) // the text k and its header

	gone("empty", 0)
	put(value(true), time.Second)
	here("put", value(true))
	gone("expired", time.Second)
	used("put", 1, each+1000)
	put(value(false), time.Second)
	here("replaced", value(false))
	used("replaced", 1, each+1000)

	for _, tag := range []string{"tag1", "tag4"} {
		c.epochs.Raise(c.epochs.Place(tag))
		gone("raised "+tag, 0)
		put(value(true), time.Second)
		here("put again", value(true))
	}

	if !c.PutMissing("k", p, c.epochs.Now(), time.Second) {
		t.Fatal("a put is refused")
	}
	c.Wait()
	if got, missing, ok := c.Get("k", 0); !ok || !missing || got != *new(V) {
		t.Errorf("missing: got %v, %v, %v", got, missing, ok)
	}
	gone("missing, expired", time.Second)
	used("missing", 1, each)
	c.epochs.RaiseCounter(&c.member)
	gone("missing, raised", 0)
	put(value(true), time.Second)
	here("no longer missing", value(true))
	if hits, misses := c.Lookups(); hits != 6 || misses != 6 {
		t.Errorf("%d hits and %d misses, want 6 and 6", hits, misses)
	}

	c.Close()
	c.Close()
	gone("closed", 0)
	used("closed", 0, 0)
	c.Prefetch([]string{"k"})
	if c.Put("k", value(true), p, 0, never, 1) || c.PutMissing("k", p, 0, never) {
		t.Error("a closed cache takes a put")
	}
	c.Wait()
}

// TestBoxedValuesAreTheCallersOwn: who was given a value, and changes it, changes nobody else's.
func TestBoxedValuesAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	c := newRig[string, large](t, capacity)
	v := large{name: "a", list: []int{1}}
	c.Put("k", v, c.places("k"), c.epochs.Now(), never, 1)
	c.Wait()
	v.name = "b"
	got, _, _ := c.Get("k", 0)
	got.name = "c"
	if got, _, ok := c.Get("k", 0); !ok || got.name != "a" || got.list[0] != 1 {
		t.Errorf("got %q, %v, want a", got.name, ok)
	}
}

// TestBoxesGoWithTheirEntries: of large values too, no more is kept than there is room for.
func TestBoxesGoWithTheirEntries(t *testing.T) {
	t.Parallel()
	c := newRig[int, large](t, 64<<10)
	for k := range 1000 {
		c.Put(k, large{}, c.places("k"), c.epochs.Now(), never, 1000)
		if k%32 == 0 {
			c.Wait()
		}
	}
	c.Wait()
	here := 0
	for k := range 1000 {
		if _, _, ok := c.Get(k, 0); ok {
			here++
		}
	}
	if u := c.Usage(); u.Entries != here || here == 0 || here > 64 || u.Evicted == 0 || u.Bytes > 64<<10 {
		t.Errorf("%d values are there: %+v", here, u)
	}
}
