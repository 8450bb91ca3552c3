package tiered_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

// TestStatsOfMemory: an operator sees how full memory is, and that it is too small.
func TestStatsOfMemory(t *testing.T) {
	t.Parallel()
	const capacity, size = 1 << 20, 1 << 10
	c := newLocal(t, tiered.Config[int, []byte]{
		Capacity: capacity,
		Load:     func(_ context.Context, k int) ([]byte, error) { return bytes.Repeat([]byte{byte(k)}, size), nil },
	})
	get := func(from, to int) {
		for k := from; k < to; k++ {
			if _, err := c.Get(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	get(0, 100)
	eventually(t, "memory shows 100 entries", 10*time.Second, func() bool { return c.Stats().Entries == 100 })
	if s := c.Stats(); s.Bytes < 100*size || s.Bytes > 200*size || s.Evicted > 0 {
		t.Errorf("got %d bytes, %d evicted", s.Bytes, s.Evicted)
	}
	get(100, 10*capacity/size)
	eventually(t, "entries make room", 10*time.Second, func() bool { return c.Stats().Evicted > 0 })
	if s := c.Stats(); s.Bytes > capacity || s.Entries > capacity/size {
		t.Errorf("got %d bytes, %d entries", s.Bytes, s.Entries)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("closed: got %d bytes, %d entries", s.Bytes, s.Entries)
	}
}

// Each key is counted that was loaded in vain, alone or in a batch, and each that was not loaded for want of a place;
// what was loaded well is none of them.
func TestStatsOfLoadsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		c := newLocal(t, tiered.Config[int, string]{
			MaxLoads: 1, LoadTimeout: time.Second,
			Load: func(_ context.Context, k int) (string, error) {
				switch k {
				case 0:
					return "v", nil
				case 5:
					<-goOn
				}
				return "", errTimeout
			},
			LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
				if keys[0] == 1 {
					return map[int]string{1: "v", 2: "v"}, nil
				}
				return nil, errTimeout
			},
		})
		want := func(what string, loads, loadErrors, noPlace uint64) {
			t.Helper()
			if s := c.Stats(); s.Loads != loads || s.LoadErrors != loadErrors || s.NoPlace != noPlace {
				t.Errorf("%s: got %d loads, %d errors, %d without a place", what, s.Loads, s.LoadErrors, s.NoPlace)
			}
		}
		mustGet(t, c, 0, "v")
		want("a load", 1, 0, 0)
		_, err := c.GetMany(t.Context(), []int{1, 2})
		wantIs(t, "a batch", err, nil)
		want("a batch", 3, 0, 0)
		_, err = c.GetMany(t.Context(), []int{3, 4})
		wantIs(t, "a batch that fails", err, errTimeout)
		want("a batch that fails", 5, 2, 0)
		_, err = c.Get(t.Context(), 3)
		wantIs(t, "a load that fails", err, errTimeout)
		want("a load that fails", 6, 3, 0)

		ctx, origin := tiered.WithOrigin(t.Context())
		_, err = c.Get(ctx, 5) // its loader keeps the one place
		wantIs(t, "a load that hangs", err, context.DeadlineExceeded)
		want("a load that hangs", 7, 4, 0)
		if origin.Tier() != tiered.Source {
			t.Errorf("a load that hangs: it came from %v", origin.Tier())
		}
		_, err = c.GetMany(t.Context(), []int{6, 7, 8})
		wantError(t, err, "no place among MaxLoads")
		want("a batch without a place", 7, 4, 3)
		close(goOn)
		_ = c.Close()
	})
}
