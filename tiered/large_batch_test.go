package tiered_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

// A key that is loaded elsewhere, for long, does not keep the others of a large batch from their answers.
func TestGetManyDoesNotWaitForOneKey(t *testing.T) {
	s := source{loads: make(chan string, 1000), goOn: make(chan struct{})}
	c, _, _ := processes(t, 2, tiered.Config[string, string]{Load: func(ctx context.Context, k string) (string, error) {
		if k != "slow" {
			return k, nil
		}
		return s.load(ctx, k)
	}})
	keys := []string{"slow"}
	for i := range 600 {
		keys = append(keys, fmt.Sprint(i))
	}
	if _, err := c[0].GetMany(t.Context(), keys[1:]); err != nil {
		t.Fatal(err)
	}
	going := read(t.Context(), c[0], "slow")
	<-s.loads
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if found, err := c[1].GetMany(ctx, keys); len(found) != 600 {
		t.Errorf("got %d of the 600 that Redis has: %v", len(found), err)
	}
	s.goOn <- struct{}{}
	<-going
}

// Of equal keys one may be a hit and the next fail: what was found is no failure.
func TestGetManyFindsOrFails(t *testing.T) {
	var c *tiered.Cache[int, string]
	var fail atomic.Bool
	c = newLocal(t, tiered.Config[int, string]{
		Load: func(_ context.Context, _ int) (string, error) {
			if fail.Load() {
				return "", errTimeout
			}
			return "v", nil
		},
		Clone: func(v string) string {
			if fail.Load() {
				_ = c.Invalidate(context.Background(), 1)
			}
			return v
		},
	})
	mustGet(t, c, 1, "v")
	eventually(t, "memory has it", 10*time.Second, func() bool { _, ok := c.Peek(1); return ok })
	fail.Store(true)
	if found, err := c.GetMany(t.Context(), []int{1, 1}); found[1] != "v" || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
}

// A Goexit in the user's codec leaves no place in another's flight: a load that nobody waits for ends.
func TestGoexitLeavesOthersFlights(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	c, _, _ := processes(t, 2, tiered.Config[string, string]{
		Codec: decoder{Codec: l2.MessagePack[string](), decoded: func(v string) {
			if v == "bad" {
				runtime.Goexit()
			}
		}},
		Load: func(ctx context.Context, k string) (string, error) {
			if k == "slow" {
				close(began)
				<-ctx.Done()
				close(ended)
				return "", ctx.Err()
			}
			return k, nil
		},
	})
	mustGet(t, c[0], "bad", "bad")
	ctx, leave := context.WithCancel(t.Context())
	going := read(ctx, c[1], "slow")
	<-began
	var batch sync.WaitGroup
	batch.Go(func() { _, _ = c[1].GetMany(t.Context(), []string{"bad", "slow"}) })
	batch.Wait()
	leave()
	<-going
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the load goes on")
	}
}

// What ends by Goexit is counted as what fails.
func TestGoexitIsCounted(t *testing.T) {
	c := newLocal(t, tiered.Config[int, int]{
		Load:     func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil },
		LoadMany: func(context.Context, []int) (map[int]int, error) { runtime.Goexit(); return nil, nil },
	})
	_, _ = c.Get(t.Context(), 1)
	_, _ = c.GetMany(t.Context(), []int{2, 3})
	if s := c.Stats(); s.Loads != 3 || s.LoadErrors != 3 {
		t.Errorf("got %d loads, %d errors", s.Loads, s.LoadErrors)
	}
}

// Where Redis has stopped to answer, a batch of large values is not kept waiting for each of them.
func TestLargeFillsOfAMuteRedis(t *testing.T) {
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	const timeout, large = 250 * time.Millisecond, 24
	c := newCache(t, newBus(t, coherence.Config{Redis: rdb, Timeout: timeout}), tiered.Config[int, string]{
		LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
			found := map[int]string{}
			for _, k := range keys {
				found[k] = strings.Repeat("x", 1<<20)
			}
			if len(keys) == large {
				_ = server.Pause()
			}
			return found, nil
		},
	})
	if found, err := c.GetMany(t.Context(), []int{-1, -2, -3}); len(found) != 3 {
		t.Fatal(err)
	}
	if n := rdb.Exists(t.Context(), tiered.BusOf(c).Key("test:-1"), tiered.BusOf(c).Key("test:-2"), tiered.BusOf(c).Key("test:-3")).Val(); n != 3 {
		t.Errorf("%d of 3 are stored", n)
	}
	keys := make([]int, large)
	for i := range keys {
		keys[i] = i
	}
	began := time.Now()
	if found, err := c.GetMany(t.Context(), keys); len(found) != large {
		t.Errorf("got %d, %v", len(found), err)
	}
	if took := time.Since(began); took > large*timeout/4 {
		t.Errorf("it took %v", took)
	}
	if n := c.Stats().RedisErrors; n < large {
		t.Errorf("%d of %d values that are not stored are counted", n, large)
	}
	_ = server.Resume()
}

// fillLost loses the first pipeline that stores what was loaded, once it is on.
type fillLost struct{ on atomic.Bool }

func (h *fillLost) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *fillLost) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *fillLost) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.on.CompareAndSwap(true, false) {
			for _, cmd := range cmds {
				cmd.SetErr(errTimeout)
			}
			return errTimeout
		}
		return next(ctx, cmds)
	}
}

// What could not be stored of a batch leaves its leases to others at once, also what was not tried any more.
func TestGetManyLeavesTheLeasesOfWhatIsNotStored(t *testing.T) {
	lost := new(fillLost)
	c, other := pair(t, tiered.Config[int, string]{LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
		lost.on.Store(true)
		return map[int]string{1: strings.Repeat("x", 600_000), 2: strings.Repeat("x", 600_000)}, nil
	}})
	tiered.BusOf(c).Redis().AddHook(lost)
	if found, err := c.GetMany(t.Context(), []int{1, 2}); err != nil || len(found) != 2 {
		t.Fatalf("got %d, %v", len(found), err)
	}
	if s := c.Stats(); lost.on.Load() || s.RedisErrors != 2 {
		t.Errorf("got %d errors of Redis, want that of what was tried and of what was not", s.RedisErrors)
	}
	if err := c.Close(); err != nil { // which waits for what it gives up
		t.Fatal(err)
	}
	bus := tiered.BusOf(other)
	if n := bus.Redis().Exists(t.Context(), bus.Key(c.Ref(1).String()), bus.Key(c.Ref(2).String())).Val(); n != 0 {
		t.Errorf("%d leases stand", n)
	}
}

// What a batch has brought is stored in a round trip for each MB, none of more.
func TestGetManyStoresByTheMB(t *testing.T) {
	c, _ := pair(t, tiered.Config[int, string]{LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
		found := map[int]string{}
		for _, k := range keys {
			found[k] = strings.Repeat("x", max(k, 0)*100_000)
		}
		return found, nil
	}})
	if _, err := c.GetMany(t.Context(), []int{-1, -2}); err != nil { // the scripts are loaded
		t.Fatal(err)
	}
	h := new(trips)
	tiered.BusOf(c).Redis().AddHook(h)
	const look, lease = 1, 1
	for _, b := range []struct {
		keys  []int // each of so many 100 kB
		trips int64
	}{{[]int{1, 2, 3}, 1}, {[]int{4, 5, 6, 7}, 3}, {[]int{11, 8}, 2}} {
		h.n.Store(0)
		if found, err := c.GetMany(t.Context(), b.keys); err != nil || len(found) != len(b.keys) {
			t.Fatalf("got %d, %v", len(found), err)
		}
		if got := h.n.Load() - look - lease; got != b.trips {
			t.Errorf("%v: stored in %d round trips, want %d", b.keys, got, b.trips)
		}
	}
}
