package tiered

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// onTrip returns a cache of this process alone, and what a reader of it asks for.
func onTrip(t *testing.T) (*Cache[string, string], trip[string, string]) {
	t.Helper()
	c, err := New(Config[string, string]{Name: "a", Load: func(context.Context, string) (string, error) { return "v", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	var asked trip[string, string]
	if err := c.plan(&asked, "k", c.load); err != nil {
		t.Fatal(err)
	}
	return c, asked
}

// Who flies while another flight of the key lingers under an epoch that holds raises it, so that the put of the one that
// lingers can never be seen after the answer of the other.
func TestFlightBesideOneThatLingersRaisesTheEpoch(t *testing.T) {
	c, trip := onTrip(t)
	for _, behind := range []uint64{0, 1} {
		c.member.Raise(&trip.places)
		now := c.member.Epoch()
		lingering := &flight[string, string]{trip: trip, answered: true, put: true, expires: time.Hour, e0: now - behind}
		f := &flight[string, string]{trip: trip}
		c.flights.mark(func() { c.lead(f, lingering) })
		if got, want := f.e0, now+1-behind; got != want {
			t.Errorf("lingering %d behind: the new flight's epoch is %d, want %d", behind, got, want)
		}
		c.finish(f, answer[string]{})
	}
}

// A flight that lingers answers nobody once its answer has expired.
func TestLingeringFlightExpires(t *testing.T) {
	c, trip := onTrip(t)
	for expires, want := range map[time.Duration]bool{c.bus.Now() + time.Hour: true, c.bus.Now(): false} {
		f := &flight[string, string]{trip: trip, answered: true, put: true, expires: expires, e0: c.member.Epoch()}
		if got := c.mayShare(f, &flight[string, string]{trip: trip}, 1); got != want {
			t.Errorf("expires at %v: shared is %v, want %v", expires, got, want)
		}
	}
}

// Each key of a large batch is known until memory shows it: none is loaded twice.
func TestLingeringKeysAreKnownUntilMemoryShowsThem(t *testing.T) {
	t.Parallel()
	for range 20 {
		var loads atomic.Int64
		c, err := New(Config[int, int]{Name: "a", Load: func(_ context.Context, k int) (int, error) { loads.Add(1); return k, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all := make([]int, 1000)
		for i := range all {
			all[i] = i
		}
		if _, err := c.GetMany(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		for linger := true; linger; {
			for _, k := range all {
				if _, err := c.Get(t.Context(), k); err != nil {
					t.Fatal(err)
				}
			}
			c.flights.mark(func() { linger = len(c.flights.byName) > 0 })
		}
		if n := loads.Load(); n != int64(len(all)) {
			t.Fatalf("%d loads of %d keys", n, len(all))
		}
	}
}
