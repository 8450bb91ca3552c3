package tiered_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// trips counts what a client sends and waits for: a command, or a pipeline.
type trips struct{ n atomic.Int64 }

func (h *trips) count(first redis.Cmder) {
	if name := first.Name(); name != "hello" && name != "client" { // those of a new connection
		h.n.Add(1)
	}
}

func (h *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.count(cmd)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.count(cmds[0])
		return next(ctx, cmds)
	}
}

// The round trips of a read do not depend on the number of its keys: one to look, one more for the leases of what is
// missing, one to store it.
func TestRoundTrips(t *testing.T) {
	for name, tags := range map[string]func(int) []coherence.Ref{
		"plain": nil,
		"tagged": func(k int) []coherence.Ref {
			return []coherence.Ref{coherence.Tag("all"), coherence.Tag("tens", fmt.Sprint(k/10))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b batches
			c, reader := pair(t, tiered.Config[int, string]{LoadMany: b.load, Tags: tags})
			count := func(c *tiered.Cache[int, string], keys []int) int64 {
				h := new(trips)
				tiered.BusOf(c).Redis().AddHook(h)
				if found, err := c.GetMany(t.Context(), keys); err != nil || len(found) != len(keys) {
					t.Fatalf("got %d of %d values, %v", len(found), len(keys), err)
				}
				return h.n.Load()
			}
			keys := func(from, n int) (all []int) {
				for k := from; len(all) < n; k++ {
					if k%10 != 9 {
						all = append(all, k)
					}
				}
				return all
			}
			count(c, keys(100_000, 2)) // the scripts are loaded, and the connections made
			count(reader, keys(100_000, 2))
			for _, n := range []int{1, 10, 250} {
				from := n * 1000
				if got := count(c, keys(from, n)); got != 3 {
					t.Errorf("%d keys that nobody has: %d round trips, want 3", n, got)
				}
				if got := count(c, keys(from, n)); got != 0 {
					t.Errorf("%d keys in memory: %d round trips, want none", n, got)
				}
				if got := count(reader, keys(from, n)); got != 1 {
					t.Errorf("%d keys in Redis: %d round trips, want 1", n, got)
				}
			}
			if got := count(reader, keys(249_900, 200)); got != 3 {
				t.Errorf("200 keys of which Redis has some: %d round trips, want 3", got)
			}
			if got := len(b.asked); got != 5 {
				t.Errorf("got %d batches of the source, want one for each that nobody had", got)
			}
		})
	}
}

// A miss: look, lease, store; the first two together where looks find nothing. With the store in the background its reader does not wait for that.
func TestRoundTripsOfAMiss(t *testing.T) {
	c, _ := pair(t, tiered.Config[int, string]{Load: func(_ context.Context, k int) (string, error) { return fmt.Sprint(k), nil }})
	h := new(trips)
	mustGet(t, c, 1, "1")
	tiered.BusOf(c).Redis().AddHook(h)
	mustGet(t, c, 2, "2")
	if got := h.n.Load(); got != 3 {
		t.Errorf("got %d round trips, want 3", got)
	}
	tiered.ExpectNothing(c)
	mustGet(t, c, 3, "3")
	if got := h.n.Load() - 3; got != 2 {
		t.Errorf("where looks find nothing: got %d round trips, want 2", got)
	}
}

// pair returns two caches as two processes would have them.
func pair(t *testing.T, config tiered.Config[int, string]) (one, other *tiered.Cache[int, string]) {
	t.Helper()
	bus := coherence.Config{Redis: client(t), Namespace: "pair-" + fmt.Sprint(time.Now().UnixNano()), Timeout: 5 * time.Second, MaxStaleness: 15 * time.Second}
	one = newCache(t, newBus(t, bus), config)
	other = newCache(t, newBus(t, bus), config)
	for _, c := range []*tiered.Cache[int, string]{one, other} {
		eventually(t, "the fence is open", 10*time.Second, func() bool { return tiered.BusOf(c).State().Condition == coherence.Open })
	}
	return one, other
}
