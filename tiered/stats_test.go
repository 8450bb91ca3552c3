package tiered_test

import (
	"bytes"
	"context"
	"testing"
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
