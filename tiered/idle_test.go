package tiered_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// TestReadsAfterALull: what nobody has read for long is answered from memory still, after one question to Redis, however
// many ask at once.
func TestReadsAfterALull(t *testing.T) {
	t.Parallel()
	var loads atomic.Int64
	bus := newBus(t, coherence.Config{IdleAfter: 300 * time.Millisecond, MaxStaleness: 1500 * time.Millisecond, Timeout: 500 * time.Millisecond})
	c := newCache(t, bus, tiered.Config[string, string]{Load: loading(&loads)})
	keys := []string{"a", "b", "c"}
	if _, err := c.GetMany(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"Get":     func() error { _, err := c.Get(t.Context(), "a"); return err },
		"GetMany": func() error { _, err := c.GetMany(t.Context(), keys); return err },
		"Peek": func() error {
			eventually(t, "Peek finds it", time.Minute, func() bool { _, ok := c.Peek("a"); return ok })
			return nil
		},
	} {
		eventually(t, "the bus is idle", time.Minute, func() bool { return bus.State().Idle && !bus.Open(bus.Now()) })
		syncs, before := bus.Stats().Syncs, c.Stats()
		var all sync.WaitGroup
		errs := make([]error, 50)
		for i := range errs {
			all.Go(func() { errs[i] = read() })
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		syncs = bus.Stats().Syncs - syncs
		now := c.Stats()
		if syncs < 1 || syncs > 3 { // further ones are in the usual turn
			t.Errorf("%s: %d SYNCs, want one", name, syncs)
		}
		if now.MemoryHits == before.MemoryHits || now.RedisHits != before.RedisHits || loads.Load() != int64(len(keys)) || now.Bypasses != 0 {
			t.Errorf("%s: before %+v, now %+v, %d loads", name, before, now, loads.Load())
		}
	}
}

// TestEachChunkOfABatchWakesTheBus: keys beyond the first 256 fly when those have been loaded. Where that took so long that
// the process counts as idle, they wait for the SYNC that opens the fence, and do not go round Redis.
func TestEachChunkOfABatchWakesTheBus(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	bus := newBus(t, coherence.Config{IdleAfter: 300 * time.Millisecond, MaxStaleness: 1500 * time.Millisecond, Timeout: 500 * time.Millisecond})
	c := newCache(t, bus, tiered.Config[int, int]{LoadMany: func(_ context.Context, keys []int) (map[int]int, error) {
		<-goOn
		found := make(map[int]int, len(keys))
		for _, k := range keys {
			found[k] = -k
		}
		return found, nil
	}})
	all := make([]int, 300)
	for i := range all {
		all[i] = i
	}
	done := make(chan error)
	go func() { _, err := c.GetMany(t.Context(), all); done <- err }()
	eventually(t, "the bus is idle", time.Minute, func() bool { return bus.State().Idle && !bus.Open(bus.Now()) })
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := c.Stats(); n.Bypasses != 0 || n.Loads != uint64(len(all)) {
		t.Errorf("%d went round Redis, %d loads, want 0 and %d", n.Bypasses, n.Loads, len(all))
	}
}
