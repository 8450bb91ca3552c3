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

	"github.com/tieredcache/tieredcache/tiered"
)

// Loaders that read their own cache, as those of a tree do, do not wait for each other for good, however few may load at
// once; and no more than that ever read the source.
func TestLoaderReadsItsOwnCache(t *testing.T) {
	for name, bus := range map[string]bool{"alone": false, "with Redis": true} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", GetMany ", many), func(t *testing.T) {
				var c *tiered.Cache[string, string]
				var reading, most atomic.Int64
				config := tiered.Config[string, string]{Name: "tree", MaxLoads: 2, Load: func(ctx context.Context, k string) (string, error) {
					above := ""
					if parent, _, _ := cut(k); parent != "" {
						var err error
						switch {
						case many:
							var found map[string]string
							found, err = c.GetMany(ctx, []string{parent})
							above = found[parent] + "/"
						default:
							above, err = c.Get(ctx, parent)
							above += "/"
						}
						if err != nil {
							return "", err
						}
					}
					n := reading.Add(1)
					defer reading.Add(-1)
					for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
					}
					<-time.After(time.Millisecond)
					return above + k, nil
				}}
				if bus {
					c = newCache(t, newBus(t, patient), config)
				} else {
					c = newLocal(t, config)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				var all sync.WaitGroup
				for i := range 20 {
					all.Go(func() {
						k := fmt.Sprintf("a.b%d.c%d", i%3, i)
						want := fmt.Sprintf("a/a.b%d/%s", i%3, k)
						if v, err := c.Get(ctx, k); err != nil || v != want {
							t.Errorf("got %q, %v, want %q", v, err, want)
						}
					})
				}
				all.Wait()
				if n := most.Load(); n > 2 {
					t.Errorf("%d loads read the source at once, and 2 may", n)
				}
			})
		}
	}
}

// cut takes the last part of a path away.
func cut(path string) (parent, last string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// A loader that reads what it loads is told so at once, also by a way round.
func TestLoaderReadsWhatItLoads(t *testing.T) {
	for name, next := range map[string]map[string]string{
		"itself":      {"a": "a"},
		"a way round": {"a": "b", "b": "c", "c": "a"},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", GetMany ", many), func(t *testing.T) {
				var c *tiered.Cache[string, string]
				c = newLocal(t, tiered.Config[string, string]{Load: func(ctx context.Context, k string) (string, error) {
					if many {
						found, err := c.GetMany(ctx, []string{next[k]})
						return found[next[k]], err
					}
					return c.Get(ctx, next[k])
				}})
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				_, err := c.Get(ctx, "a")
				wantError(t, err, "test:a", "a loader reads the entry that it loads")
			})
		}
	}
}

// What a loader has left behind may read what was loaded.
func TestLoaderLeavesAReaderBehind(t *testing.T) {
	var c *tiered.Cache[string, string]
	left := make(chan context.Context, 1)
	c = newLocal(t, tiered.Config[string, string]{MaxLoads: 1, TTL: time.Millisecond, Load: func(ctx context.Context, k string) (string, error) {
		select {
		case left <- context.WithoutCancel(ctx):
		default:
		}
		return k, nil
	}})
	mustGet(t, c, "a", "a")
	ctx := <-left
	for range 3 {
		if v, err := c.Get(ctx, "a"); err != nil || v != "a" {
			t.Fatalf("got %q, %v", v, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// A loader that gave a read up waits for a place that another's has, whose loader reads its entry: neither waits for the
// other for good.
func TestLoadersThatGiveUpDoNotBlockEachOther(t *testing.T) {
	var c *tiered.Cache[string, string]
	inD, inA := make(chan bool, 1), make(chan bool)
	c = newLocal(t, tiered.Config[string, string]{MaxLoads: 1, Load: func(ctx context.Context, k string) (string, error) {
		switch k {
		case "a": // tries d, and does without
			soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			_, _ = c.Get(soon, "d")
		case "d":
			inD <- true
			<-inA
			_, _ = c.Get(ctx, "a")
		}
		return k, nil
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	get := func(k string) {
		all.Go(func() {
			if v, err := c.Get(ctx, k); err != nil || v != k {
				t.Errorf("%s: got %q, %v", k, v, err)
			}
		})
	}
	get("a")
	<-inD
	get("d") // so that its load goes on when a has given up
	<-time.After(100 * time.Millisecond)
	close(inA)
	get("other")
	all.Wait()
}

// Loaders that read several entries at once wait for one place each, not for two.
func TestLoadersReadInParallel(t *testing.T) {
	for _, most := range []int{1, 2} {
		t.Run(fmt.Sprint("MaxLoads ", most), func(t *testing.T) {
			t.Parallel()
			var c *tiered.Cache[string, string]
			c = newLocal(t, tiered.Config[string, string]{MaxLoads: most, TTL: time.Millisecond, Load: func(ctx context.Context, k string) (string, error) {
				if strings.HasPrefix(k, "leaf") {
					<-time.After(50 * time.Microsecond)
					return k, nil
				}
				var all sync.WaitGroup
				for i := range 4 {
					all.Go(func() { _, _ = c.Get(ctx, fmt.Sprint("leaf", i)) })
				}
				all.Wait()
				return k, nil
			}})
			var all sync.WaitGroup
			end := time.Now().Add(2 * time.Second)
			for i := range 8 {
				all.Go(func() {
					for time.Now().Before(end) && !t.Failed() {
						ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
						if _, err := c.Get(ctx, fmt.Sprint("list", i)); err != nil {
							t.Error(err)
						}
						cancel()
					}
				})
			}
			all.Wait()
		})
	}
}

// Nor do the loaders of two caches that read each other's.
func TestLoadersOfTwoCaches(t *testing.T) {
	var caches [2]*tiered.Cache[string, string]
	var in sync.WaitGroup
	in.Add(2)
	for i := range caches {
		caches[i] = newLocal(t, tiered.Config[string, string]{MaxLoads: 1, Load: func(ctx context.Context, k string) (string, error) {
			if k == "top" {
				in.Done()
				in.Wait()
				return caches[1-i].Get(ctx, "leaf")
			}
			return k, nil
		}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range caches {
		all.Go(func() {
			if v, err := c.Get(ctx, "top"); err != nil || v != "leaf" {
				t.Errorf("got %q, %v", v, err)
			}
		})
	}
	all.Wait()
}

// A read inside a loader ends with its own context, also where its load then has no place for some time.
func TestNestedReadEndsWithItsContext(t *testing.T) {
	var c *tiered.Cache[string, string]
	hang, returned := make(chan struct{}), make(chan struct{})
	c = newLocal(t, tiered.Config[string, string]{MaxLoads: 1, LoadTimeout: -1, Load: func(ctx context.Context, k string) (string, error) {
		if k == "hangs" {
			<-hang
			return k, nil
		}
		soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, _ = c.Get(soon, "hangs")
		close(returned)
		return k, nil
	}})
	got := read(t.Context(), c, "k")
	select {
	case <-returned:
	case <-time.After(10 * time.Second):
		t.Error("Get has not returned after its context ended")
	}
	close(hang)
	<-got
	eventually(t, "no place is kept", 10*time.Second, func() bool { return c.Stats().Loading == 0 && c.Stats().Queued == 0 })
	mustGet(t, c, "hangs", "hangs")
}

// A loader whose reads give up, one after the other, has one goroutine wait for its place.
func TestReadsThatGiveUpDoNotPileUp(t *testing.T) {
	var c *tiered.Cache[string, string]
	hang, more := make(chan struct{}), 0
	c = newLocal(t, tiered.Config[string, string]{MaxLoads: 1, Load: func(ctx context.Context, k string) (string, error) {
		if k == "hangs" {
			<-hang
			return k, nil
		}
		before := runtime.NumGoroutine()
		for range 200 {
			soon, cancel := context.WithTimeout(ctx, time.Millisecond)
			_, _ = c.Get(soon, "hangs")
			cancel()
			<-time.After(100 * time.Microsecond) // it waits before the next read
		}
		more = runtime.NumGoroutine() - before
		return k, nil
	}})
	mustGet(t, c, "k", "k")
	close(hang)
	if more > 20 {
		t.Errorf("%d goroutines wait for one place", more)
	}
}
