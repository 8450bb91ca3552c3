package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/tiered"
)

// batches records what LoadMany was asked for.
type batches struct {
	mu    sync.Mutex
	asked [][]int
}

func (b *batches) load(_ context.Context, keys []int) (map[int]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, slices.Sorted(slices.Values(keys)))
	found := map[int]string{}
	for _, k := range keys {
		switch {
		case k < 0:
			return nil, errors.New("negative")
		case k%10 != 9:
			found[k] = fmt.Sprint("v", k)
		}
	}
	return found, nil
}

func upTo(n int) []int {
	keys := make([]int, n)
	for i := range keys {
		keys[i] = i
	}
	return keys
}

func TestGetMany(t *testing.T) {
	for name, bus := range map[string]*coherence.Bus{"memory": nil, "redis": newBus(t, coherence.Config{})} {
		t.Run(name, func(t *testing.T) {
			var b batches
			c := newCache(t, bus, tiered.Config[int, string]{LoadMany: b.load})
			mustGet(t, c, 5, "v5")
			keys := append(upTo(100), 1, 2, 3) // equal keys are one
			found, err := c.GetMany(t.Context(), keys)
			var failed *tiered.BatchError[int]
			if !errors.As(err, &failed) || len(failed.Failed) != 10 || len(found) != 90 {
				t.Fatalf("got %d found, %v", len(found), err)
			}
			for k, err := range failed.Failed {
				if k%10 != 9 || !errors.Is(err, tiered.ErrNotFound) {
					t.Errorf("key %d: %v", k, err)
				}
			}
			if found[42] != "v42" || found[5] != "v5" {
				t.Errorf("got %q and %q", found[42], found[5])
			}
			if len(b.asked) != 2 || len(b.asked[1]) != 99 {
				t.Errorf("got batches of %v, want one of 1 and one of 99", lengths(b.asked))
			}
			if _, err := c.GetMany(t.Context(), keys); !errors.Is(err, tiered.ErrNotFound) || len(b.asked) != 2 {
				t.Errorf("the second time: %v, %d batches", err, len(b.asked))
			}
			if found, err := c.GetMany(t.Context(), nil); found == nil || err != nil {
				t.Errorf("of no keys: %v, %v", found, err)
			}
		})
	}
}

func TestGetManyFails(t *testing.T) {
	var b batches
	c := newLocal(t, tiered.Config[int, string]{LoadMany: b.load})
	mustGet(t, c, 1, "v1")
	found, err := c.GetMany(t.Context(), []int{1, -1, 2})
	var failed *tiered.BatchError[int]
	if !errors.As(err, &failed) || len(failed.Failed) != 2 || found[1] != "v1" {
		t.Errorf("got %v, %v, want what memory holds and two errors", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.GetMany(ctx, []int{7})
	wantIs(t, "with a context that has ended", err, context.Canceled)
}

// A load that panics is the error of its keys alone.
func TestGetManyPanics(t *testing.T) {
	c := newLocal(t, tiered.Config[int, string]{LoadMany: func(context.Context, []int) (map[int]string, error) { panic("boo") }})
	_, err := c.GetMany(t.Context(), upTo(3))
	var failed *tiered.BatchError[int]
	var p *tiered.PanicError
	if !errors.As(err, &failed) || len(failed.Failed) != 3 || !errors.As(err, &p) {
		t.Errorf("got %v", err)
	}
}

// What somebody else is loading is waited for beside the batch, which does not wait for it.
func TestGetManyBesideOthers(t *testing.T) {
	s := source{loads: make(chan string, 9), goOn: make(chan struct{})}
	var b batches
	c := newLocal(t, tiered.Config[string, string]{
		Load: s.load, LoadMany: func(ctx context.Context, keys []string) (map[string]string, error) {
			found := map[string]string{}
			for _, k := range keys {
				found[k] = k
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, make([]int, len(keys)))
			close(s.goOn) // only now can the other load end: a batch that waited for it would never get here
			return found, nil
		},
	})
	slow := read(t.Context(), c, "slow")
	<-s.loads
	found, err := c.GetMany(t.Context(), []string{"a", "slow", "b"})
	if err != nil || len(found) != 3 {
		t.Fatalf("got %v, %v", found, err)
	}
	if a := <-slow; a.err != nil {
		t.Error(a.err)
	}
	if len(b.asked) != 1 || len(b.asked[0]) != 2 {
		t.Errorf("got batches of %v, want one of 2", lengths(b.asked))
	}
}

func lengths(lists [][]int) (n []int) {
	for _, l := range lists {
		n = append(n, len(l))
	}
	return n
}

// A batch goes round Redis for what is being written, waits for what another process loads, and has the rest at once:
// the source is asked once for all of it that is not awaited.
func TestGetManyMeetsWords(t *testing.T) {
	var b batches
	c, other := pair(t, tiered.Config[int, string]{LoadMany: b.load})
	goOn, began := make(chan struct{}), make(chan struct{}, 2)
	slow := make(chan error, 2)
	go func() {
		_, err := other.Fetch(t.Context(), 1, func(context.Context, int) (string, error) {
			began <- struct{}{}
			<-goOn
			return "theirs", nil
		})
		slow <- err
	}()
	go func() {
		slow <- other.Update(t.Context(), 2, func(context.Context) error {
			began <- struct{}{}
			<-goOn
			return nil
		})
	}()
	<-began
	<-began
	answered := make(chan map[int]string, 1)
	go func() {
		found, err := c.GetMany(t.Context(), []int{1, 2, 3, 4})
		if err != nil {
			t.Error(err)
		}
		answered <- found
	}()
	eventually(t, "what is not awaited is loaded and stored", 10*time.Second, func() bool {
		_, three := c.Peek(3)
		_, four := c.Peek(4)
		return three && four
	})
	close(goOn)
	if got := <-answered; got[1] != "theirs" || got[2] != "v2" || got[3] != "v3" || got[4] != "v4" {
		t.Errorf("got %v", got)
	}
	for range 2 {
		if err := <-slow; err != nil {
			t.Error(err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) != 1 || !slices.Equal(b.asked[0], []int{2, 3, 4}) {
		t.Errorf("the source was asked for %v, want 2, 3 and 4 at once", b.asked)
	}
}

// Who leaves a batch leaves its leases to others at once, also while its load runs on.
func TestGetManyLeavesItsLeases(t *testing.T) {
	stubborn, began := make(chan struct{}), make(chan context.Context, 1)
	c, other := pair(t, tiered.Config[int, string]{
		Load: func(_ context.Context, k int) (string, error) { return "single", nil },
		LoadMany: func(ctx context.Context, _ []int) (map[int]string, error) {
			began <- ctx
			<-stubborn
			return nil, ctx.Err()
		},
	})
	defer close(stubborn)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := c.GetMany(ctx, []int{1, 2})
		gone <- err
	}()
	load := <-began
	leave()
	wantIs(t, "who left", <-gone, context.Canceled)
	<-load.Done() // it is told
	eventually(t, "another process loads what was left", 500*time.Millisecond, func() bool {
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // far less than a lease
		defer cancel()
		v, err := other.Get(soon, 2)
		return err == nil && v == "single"
	})
}

// The lease of a batch is renewed while its load runs.
func TestGetManyRenewsItsLeases(t *testing.T) {
	var loads atomic.Int64
	begun := make(chan struct{})
	c, other := pair(t, tiered.Config[int, string]{LoadMany: func(_ context.Context, keys []int) (map[int]string, error) {
		if loads.Add(1) == 1 {
			close(begun)
		}
		<-time.After(5 * word.LeaseLife / 2) // a slow source
		return map[int]string{1: "v", 2: "v"}, nil
	}})
	var all sync.WaitGroup
	get := func(c *tiered.Cache[int, string]) {
		if _, err := c.GetMany(t.Context(), []int{1, 2}); err != nil {
			t.Error(err)
		}
	}
	all.Go(func() { get(c) })
	<-begun
	get(other)
	all.Wait()
	if loads.Load() != 1 {
		t.Errorf("got %d loads, want 1", loads.Load())
	}
}

// With FillInBackground a reader has its answer before Redis has the value, which comes then.
func TestFillInBackground(t *testing.T) {
	for name, get := range map[string]func(*tiered.Cache[int, string]) (string, error){
		"one": func(c *tiered.Cache[int, string]) (string, error) { return c.Get(t.Context(), 1) },
		"many": func(c *tiered.Cache[int, string]) (string, error) {
			found, err := c.GetMany(t.Context(), []int{1})
			return found[1], err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b batches
			c, other := pair(t, tiered.Config[int, string]{LoadMany: b.load, FillInBackground: true})
			held := &holdFill{released: make(chan struct{})}
			if _, err := c.GetMany(t.Context(), []int{7}); err != nil { // the scripts are loaded
				t.Fatal(err)
			}
			eventually(t, "it is stored", 10*time.Second, func() bool { _, ok := c.Peek(7); return ok })
			tiered.BusOf(c).Redis().AddHook(held)
			held.on.Store(true)
			if v, err := get(c); err != nil || v != "v1" {
				t.Fatalf("got %q, %v", v, err)
			}
			if v, err := c.Get(t.Context(), 1); err != nil || v != "v1" {
				t.Errorf("who comes before it is stored: got %q, %v", v, err)
			}
			if n := c.Stats().Loads; n != 2 {
				t.Errorf("got %d loads, want the one of before and one", n)
			}
			eventually(t, "FILL is held back", 10*time.Second, func() bool { return !held.on.Load() })
			if _, ok := c.Peek(1); ok {
				t.Error("memory holds what Redis has not stored")
			}
			close(held.released)
			eventually(t, "it is stored", 10*time.Second, func() bool { _, ok := c.Peek(1); return ok })
			ctx, origin := tiered.WithOrigin(t.Context())
			if v, err := other.Get(ctx, 1); err != nil || v != "v1" || origin.Tier() != tiered.Redis {
				t.Errorf("the other process got %q, %v from %v", v, err, origin.Tier())
			}
		})
	}
}

// What was loaded before a write is not kept, also if it was answered before it could be stored.
func TestFillInBackgroundLosesAgainstAWrite(t *testing.T) {
	c, other := pair(t, tiered.Config[int, string]{
		Load:             func(context.Context, int) (string, error) { return "old", nil },
		FillInBackground: true,
	})
	held := &holdFill{released: make(chan struct{})}
	mustGet(t, c, 7, "old") // the scripts are loaded
	eventually(t, "it is stored", 10*time.Second, func() bool { _, ok := c.Peek(7); return ok })
	tiered.BusOf(c).Redis().AddHook(held)
	held.on.Store(true)
	mustGet(t, c, 1, "old")
	if err := other.Update(t.Context(), 1, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	close(held.released)
	eventually(t, "the fill is refused", 10*time.Second, func() bool { return c.Stats().FillsRefused == 1 })
	if v, ok := c.Peek(1); ok {
		t.Errorf("memory holds %q, from before the write", v)
	}
}

// holdFill holds back the first FILL, or pipeline of them, that is sent once it is on.
type holdFill struct {
	on       atomic.Bool
	released chan struct{}
}

func (h *holdFill) DialHook(next redis.DialHook) redis.DialHook { return next }

// wait knows FILL by its five arguments beside its key.
func (h *holdFill) wait(cmd redis.Cmder) {
	const fill = 3 + 1 + 5
	if cmd.Name() == "evalsha" && len(cmd.Args()) == fill && h.on.CompareAndSwap(true, false) {
		<-h.released
	}
}

func (h *holdFill) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.wait(cmd)
		return next(context.WithoutCancel(ctx), cmd)
	}
}

func (h *holdFill) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.wait(cmds[0])
		return next(context.WithoutCancel(ctx), cmds)
	}
}

// Memory keeps of a batch only what Redis has stored.
func TestGetManyKeepsOnlyWhatIsStored(t *testing.T) {
	var c *tiered.Cache[int, string]
	c, _ = pair(t, tiered.Config[int, string]{LoadMany: func(ctx context.Context, _ []int) (map[int]string, error) {
		bus := tiered.BusOf(c)
		return map[int]string{1: "v", 2: "v"}, bus.Redis().Del(ctx, bus.Key(c.Ref(1).String())).Err() // the lease is lost
	}})
	if found, err := c.GetMany(t.Context(), []int{1, 2}); err != nil || len(found) != 2 {
		t.Fatalf("got %v, %v", found, err)
	}
	eventually(t, "what is stored is in memory", 10*time.Second, func() bool { _, ok := c.Peek(2); return ok })
	if v, ok := c.Peek(1); ok {
		t.Errorf("memory holds %q, which Redis has refused", v)
	}
	if n := c.Stats().FillsRefused; n != 1 {
		t.Errorf("got %d refused, want the one", n)
	}
}

// A batch that goes round Redis raises the epochs of its keys.
func TestGetManyBypassRaisesTheEpoch(t *testing.T) {
	var b batches
	c, _ := pair(t, tiered.Config[int, string]{LoadMany: b.load})
	bus := tiered.BusOf(c)
	mustIntend(t, bus.Redis(), bus.Key(c.Ref(1).String()))
	before := tiered.EpochOf(c, 1)
	if found, err := c.GetMany(t.Context(), []int{1, 2}); err != nil || found[1] != "v1" {
		t.Fatalf("got %v, %v", found, err)
	}
	if c.Stats().Bypasses != 1 || tiered.EpochOf(c, 1) == before {
		t.Errorf("got %d bypasses, epoch %d as before it", c.Stats().Bypasses, before)
	}
}
