package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// A cache without a Load holds what was Set, the same in every process.
func TestSetAcrossProcesses(t *testing.T) {
	c, key, rdb := processes(t, 2, tiered.Config[string, string]{Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("s")} }})
	ctx := t.Context()
	_, err := c[0].Get(ctx, "k")
	wantIs(t, "Get of what was never set", err, tiered.ErrNotFound)
	for i := range 20 {
		want := fmt.Sprint(i)
		if err := c[i%2].SetWithTTL(ctx, "k", want, time.Minute); err != nil {
			t.Fatal(err)
		}
		mustGet(t, c[i%2], "k", want)
		eventually(t, "the peer reads it", time.Second, func() bool { v, _ := c[1-i%2].Get(ctx, "k"); return v == want })
	}
	if ttl := rdb.PTTL(ctx, key("k")).Val(); ttl < 58*time.Second || ttl > time.Minute {
		t.Errorf("got a TTL of %v, want 1m", ttl)
	}
	if err := tiered.BusOf(c[0]).Invalidate(ctx, coherence.Tag("s")); err != nil {
		t.Fatal(err)
	}
	_, err = c[0].Get(ctx, "k")
	wantIs(t, "Get after its tag was invalidated", err, tiered.ErrNotFound)
	wantError(t, c[0].SetWithTTL(ctx, "k", "v", 0), "ttl is 0s", "at least 1ms")
	wantError(t, c[0].SetWithTTL(ctx, "k", "v", math.MaxInt64), "ttl is 2562047h", "at most 100 years")
}

// A Set that is acknowledged is not undone by what the process still owes: nothing is stored until that is delivered.
func TestSetWhileAnInvalidationIsOwed(t *testing.T) {
	for name, owe := range map[string]func(*tiered.Cache[string, string]) error{
		"of the entry": func(c *tiered.Cache[string, string]) error { return c.Invalidate(t.Context(), "k") },
		"of its tag": func(c *tiered.Cache[string, string]) error {
			return tiered.BusOf(c).Invalidate(t.Context(), coherence.Tag("t"))
		},
		"of the cache": func(c *tiered.Cache[string, string]) error { return c.Clear(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			admin := pausable(t)
			rights := func(rules ...any) {
				t.Helper()
				if err := admin.Do(t.Context(), append([]any{"ACL", "SETUSER", "app"}, rules...)...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			rights("on", ">secret", "~*", "&*", "+@all")
			rdb := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "app", Password: "secret"})
			t.Cleanup(func() { _ = rdb.Close() })
			bus := newBus(t, coherence.Config{Redis: rdb, MaxStaleness: time.Minute, Timeout: 10 * time.Second})
			c := newCache(t, bus, tiered.Config[string, string]{Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("t")} }})
			if err := c.Set(t.Context(), "k", "old"); err != nil {
				t.Fatal(err)
			}
			rights("-evalsha", "-eval")
			if err := owe(c); err != nil || bus.State().Pending == 0 {
				t.Fatal(err, bus.State())
			}
			rights("+@all")
			var set error
			eventually(t, "a value is stored", 10*time.Second, func() bool { set = c.Set(t.Context(), "k", "new"); return set == nil })
			eventually(t, "nothing is owed", 10*time.Second, func() bool { return bus.State().Pending == 0 })
			mustGet(t, c, "k", "new")
		})
	}
}

// An error of Set says what was in its way, and of a Get that has no source to ask.
func TestSetSaysWhy(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	c, _, _ := processes(t, 1, tiered.Config[string, string]{})
	err := c[0].Set(over, "k", "v")
	if wantIs(t, "Set with an ended context", err, context.Canceled); errors.Is(err, tiered.ErrCoherence) {
		t.Errorf("got %q: the context has ended, no more", err)
	}
	nowhere := newLocal(t, tiered.Config[string, string]{Linearizable: true})
	err = nowhere.Set(t.Context(), "k", "v")
	wantIs(t, "Set where nothing is kept", err, tiered.ErrCoherence)
	wantError(t, err, "test:k", "Linearizable", "nowhere to store it")
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer away.Close()
	bus := newBus(t, coherence.Config{Redis: away})
	eventually(t, "a SYNC has failed", 20*time.Second, func() bool { return bus.Stats().SyncFailures > 0 })
	sessions := newCache(t, bus, tiered.Config[string, string]{})
	err = sessions.Set(t.Context(), "k", "v")
	wantIs(t, "Set without Redis", err, tiered.ErrCoherence)
	wantError(t, err, "test:k", "connection refused")
	_, err = sessions.Get(t.Context(), "k")
	wantIs(t, "Get without Redis and a source", err, tiered.ErrCoherence)
	wantError(t, err, "test:k", "connection refused")
}

// Clear is one message, whatever the number of entries; what was loaded before it is never answered after it.
func TestClear(t *testing.T) {
	var loads atomic.Int64
	c, _, _ := processes(t, 2, tiered.Config[string, string]{Load: loading(&loads)})
	for i := range 50 {
		mustGet(t, c[0], fmt.Sprint(i), fmt.Sprint(i, "!"))
		mustGet(t, c[1], fmt.Sprint(i), fmt.Sprint(i, "!"))
	}
	if err := c[0].Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := c[0].Peek("1"); ok {
		t.Error("the process that cleared still holds an entry")
	}
	eventually(t, "the peer forgets", time.Second, func() bool { _, ok := c[1].Peek("1"); return !ok })
	for i := range 50 {
		mustGet(t, c[0], fmt.Sprint(i), fmt.Sprint(i, "!"))
	}
	if loads.Load() != 100 {
		t.Errorf("got %d loads, want 100: each entry once more", loads.Load())
	}
}

// A Set meets a generation that this process has not heard of: it learns it and stores.
func TestSetLearnsGeneration(t *testing.T) {
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{})
	mustSet := func() {
		t.Helper()
		if err := c[0].Set(t.Context(), "k", "v"); err != nil {
			t.Fatal(err)
		}
		mustGet(t, c[0], "k", "v")
	}
	mustSet()
	g := key("k")[:len(key("k"))-len("test:k")] + "tieredcache:g:test"
	if err := rdb.IncrBy(t.Context(), g, 1000).Err(); err != nil {
		t.Fatal(err)
	}
	mustSet()
}

// A linearizable cache has no memory tier, and its readers share only flights that began after them.
func TestLinearizable(t *testing.T) {
	var truth atomic.Int64
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return fmt.Sprint(truth.Load()), nil }}
	c, _, _ := processes(t, 1, tiered.Config[string, string]{Load: s.load, Linearizable: true})
	first := read(t.Context(), c[0], "k")
	<-s.loads
	second := read(t.Context(), c[0], "k")
	eventually(t, "the second reader waits, or shares", 10*time.Second, func() bool {
		n := c[0].Stats()
		return n.Waited+n.Shared > 0
	})
	s.goOn <- struct{}{}
	for _, r := range []<-chan got{first, second} {
		if a := <-r; a.err != nil || a.value != "0" {
			t.Errorf("got %q, %v", a.value, a.err)
		}
	}
	if _, ok := c[0].Peek("k"); ok {
		t.Error("Peek found something")
	}
	if n := c[0].Stats().Shared; n != 0 {
		t.Errorf("got %d shared: the second reader joined a flight that began before it", n)
	}
	if err := c[0].Update(t.Context(), "k", func(context.Context) error { truth.Store(1); return nil }); err != nil {
		t.Fatal(err)
	}
	s.goOn <- struct{}{}
	mustGet(t, c[0], "k", "1")
}

// TestSetAfterALoad: what a load has brought goes to memory a little later, and does not take the place of what was set
// meanwhile.
func TestSetAfterALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newLocal(t, tiered.Config[string, string]{Name: "a"})
		if _, err := c.Fetch(t.Context(), "k", func(context.Context, string) (string, error) { return "loaded", nil }); err != nil {
			t.Fatal(err)
		}
		if err := c.Set(t.Context(), "k", "set"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock: by then it has gone there, if it does
		synctest.Wait()
		if got, ok := c.Peek("k"); !ok || got != "set" {
			t.Errorf("got %q, %v, want what was set", got, ok)
		}
	})
}

// TestSetBesideASweep: the same where both happen at once. What was set is there when Set returns.
func TestSetBesideASweep(t *testing.T) {
	t.Parallel()
	const rounds, keys = 30, 250
	for range rounds {
		c := newLocal(t, tiered.Config[int, string]{Name: "a", Load: func(context.Context, int) (string, error) { return "loaded", nil }})
		all := make([]int, keys)
		for i := range all {
			all[i] = i
		}
		if _, err := c.GetMany(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		for i := range keys { // it takes a few ms, and what was loaded is put meanwhile: from the other end, so that they meet
			k := keys - 1 - i
			if err := c.Set(t.Context(), k, "set"); err != nil {
				t.Fatal(err)
			}
			mustGet(t, c, k, "set")
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSetOverwrites: who reads while a value takes another's place gets one of the two, never what the source has, or
// nothing.
func TestSetOverwrites(t *testing.T) {
	for name, load := range map[string]func(context.Context, string) (string, error){
		"without a Load": nil,
		"with a Load":    func(context.Context, string) (string, error) { return "-1", nil },
	} {
		for how, get := range map[string]func(*tiered.Cache[string, string]) (string, error){
			"Get": func(c *tiered.Cache[string, string]) (string, error) { return c.Get(t.Context(), "k") },
			"GetMany": func(c *tiered.Cache[string, string]) (string, error) {
				found, err := c.GetMany(t.Context(), []string{"k"})
				return found["k"], err
			},
			"Fetch": func(c *tiered.Cache[string, string]) (string, error) {
				return c.Fetch(t.Context(), "k", func(context.Context, string) (string, error) { return "-2", nil })
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				c := newLocal(t, tiered.Config[string, string]{Load: load})
				var written atomic.Int64
				set := func(n int64) {
					if err := c.Set(t.Context(), "k", strconv.FormatInt(n, 10)); err != nil {
						t.Error(err)
					}
					written.Store(n)
				}
				set(0)
				var all sync.WaitGroup
				end := time.Now().Add(500 * time.Millisecond)
				all.Go(func() {
					for n := int64(1); time.Now().Before(end); n++ {
						set(n)
					}
				})
				for range 2 {
					all.Go(func() {
						for last := int64(0); time.Now().Before(end) && !t.Failed(); {
							atLeast := max(last, written.Load())
							v, err := get(c)
							n, bad := strconv.ParseInt(v, 10, 64)
							if err != nil || bad != nil || n < atLeast {
								t.Errorf("got %q, %v, and %d was there before", v, err, atLeast)
							}
							last = n
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// TestSetDoesNotComeBack: what was read of a Set, and then written or invalidated, is not read again.
func TestSetDoesNotComeBack(t *testing.T) {
	for how, forget := range map[string]func(*tiered.Cache[string, string]) error{
		"Update": func(c *tiered.Cache[string, string]) error {
			return c.Update(t.Context(), "k", func(context.Context) error { return nil })
		},
		"Invalidate": func(c *tiered.Cache[string, string]) error { return c.Invalidate(t.Context(), "k") },
		"Clear":      func(c *tiered.Cache[string, string]) error { return c.Clear(t.Context()) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := newLocal(t, tiered.Config[string, string]{Load: func(context.Context, string) (string, error) { return "source", nil }})
			end := time.Now().Add(time.Second)
			var all sync.WaitGroup
			all.Go(func() {
				for n := 0; time.Now().Before(end); n++ {
					if err := c.Set(t.Context(), "k", strconv.Itoa(n)); err != nil {
						t.Error(err)
					}
				}
			})
			for time.Now().Before(end) && !t.Failed() {
				was, err := c.Get(t.Context(), "k")
				if err == nil {
					err = forget(c)
				}
				if is, _ := c.Get(t.Context(), "k"); err != nil || was != "source" && is == was {
					t.Errorf("%v: %q came back", err, is)
				}
			}
			all.Wait()
		})
	}
}

// TestSetWithinAnUpdate: without Redis, too, nothing is stored while a write is under way, and who has no Load is told.
func TestSetWithinAnUpdate(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]func(context.Context, string) (string, error){
		"with a Load":    func(context.Context, string) (string, error) { return "loaded", nil },
		"without a Load": nil,
	} {
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: load})
		var err error
		if err := c.Update(t.Context(), "k", func(ctx context.Context) error { err = c.Set(ctx, "k", "set"); return nil }); err != nil {
			t.Fatal(err)
		}
		if load == nil {
			wantIs(t, name, err, tiered.ErrCoherence)
			_, err = c.Get(t.Context(), "k")
			wantIs(t, name, err, tiered.ErrNotFound)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mustGet(t, c, "k", "loaded")
	}
}
