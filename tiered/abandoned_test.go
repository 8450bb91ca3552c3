package tiered_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

// Batches whose callers leave, while others read their keys: nobody else's read is lost by that, and Close ends.
func TestImpatientBatches(t *testing.T) {
	for _, with := range []string{"Redis", "memory"} {
		t.Run(with, func(t *testing.T) {
			config := tiered.Config[string, string]{TTL: 2 * time.Millisecond, Load: func(_ context.Context, k string) (string, error) {
				<-time.After(200 * time.Microsecond)
				return k, nil
			}}
			c := newLocal(t, config)
			if with == "Redis" {
				c = newCache(t, newBus(t, patient), config)
			}
			var all sync.WaitGroup
			var hung atomic.Bool
			keys := []string{"a", "b", "c", "d"}
			end := time.Now().Add(3 * time.Second)
			for range 8 {
				all.Go(func() {
					for i := 0; time.Now().Before(end); i++ {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%40)*20*time.Microsecond)
						_, _ = c.GetMany(ctx, keys)
						cancel()
					}
				})
				all.Go(func() {
					for i := 0; time.Now().Before(end) && !hung.Load(); i++ {
						ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
						if _, err := c.Get(ctx, keys[i%len(keys)]); err != nil {
							hung.Store(true)
							t.Errorf("a patient reader got %v", err)
						}
						cancel()
					}
				})
			}
			all.Wait()
			closes(t, c)
		})
	}
}

// closes says whether Close returns.
func closes[K comparable, V any](t *testing.T, c *tiered.Cache[K, V]) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.Close()
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("Close hangs")
	}
}

// A batch whose caller left while Redis was slow asks Redis no more.
func TestAbandonedBatchAsksNoMore(t *testing.T) {
	rdb := pausable(t)
	config := patient
	config.Redis = rdb
	var loads atomic.Int64
	c := newCache(t, newBus(t, config), tiered.Config[int, string]{Load: func(context.Context, int) (string, error) {
		loads.Add(1)
		return "v", nil
	}})
	if _, err := c.Get(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	keys := make([]int, 256)
	for i := range keys {
		keys[i] = i
	}
	tiered.ExpectNothing(c)
	before := asked(t, rdb)
	rdb.Do(t.Context(), "CLIENT", "PAUSE", "300", "ALL")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.GetMany(ctx, keys)
	wantIs(t, "GetMany", err, context.DeadlineExceeded)
	closes(t, c)
	if n := asked(t, rdb) - before; n > 20 || loads.Load() > 1 {
		t.Errorf("%d commands and %d loads for nobody", n, loads.Load()-1)
	}
}

// A flight that waits for another process's load does not go on asking Redis when nobody waits for it any more, nor when the
// cache is closed. That it has ended is no failure of Redis.
func TestAbandonedWaitAsksNoMore(t *testing.T) {
	for name, want := range map[string]error{"its reader leaves": context.Canceled, "the cache is closed": tiered.ErrClosed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := source{loads: make(chan string, 1), goOn: make(chan struct{})}
			c, key, rdb := processes(t, 2, tiered.Config[string, string]{Load: s.load})
			slow := read(t.Context(), c[0], "k")
			<-s.loads
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			waiting := read(ctx, c[1], "k")
			eventually(t, "the lease is marked as waited for", 10*time.Second, func() bool {
				return strings.HasSuffix(rdb.Get(t.Context(), key("k")).Val(), "+")
			})
			if errors.Is(want, context.Canceled) {
				leave()
				wantIs(t, "who left", (<-waiting).err, want)
			}
			closes(t, c[1]) // it waits for flights
			if errors.Is(want, tiered.ErrClosed) {
				wantIs(t, "who waits", (<-waiting).err, want)
			}
			if n := c[1].Stats(); n.RedisErrors != 0 || n.Bypasses != 0 {
				t.Errorf("got %+v, want no errors and no bypasses", n)
			}
			s.goOn <- struct{}{}
			<-slow
		})
	}
}

// behind is a context whose deadline has passed, and whose timer has not told of it.
type behind struct{ context.Context }

func (behind) Deadline() (time.Time, bool) { return time.Now(), true }

// Who leads a flight leaves when his deadline has passed, also before its timer tells, and loads nothing.
func TestLateLeaderLeaves(t *testing.T) {
	for name, get := range map[string]func(context.Context, *tiered.Cache[string, string]) error{
		"alone": func(ctx context.Context, c *tiered.Cache[string, string]) error {
			_, err := c.Get(ctx, "k")
			return err
		},
		"in a batch": func(ctx context.Context, c *tiered.Cache[string, string]) error {
			_, err := c.GetMany(ctx, []string{"k"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var loads atomic.Int64
				c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: loading(&loads)})
				wantIs(t, "who is late", get(behind{t.Context()}, c), context.DeadlineExceeded)
				closes(t, c) // it waits for flights
				if n := loads.Load(); n != 0 {
					t.Errorf("%d loads for nobody", n)
				}
			})
		})
	}
}

// Equal keys of a batch whose caller has left are left as one: nobody loads for them.
func TestAbandonedBatchOfEqualKeys(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began, ended := make(chan bool, 9), make(chan bool, 9)
	c := newLocal(t, tiered.Config[string, string]{
		Key: func(k string) string {
			if k == "z" { // the last one: the others are on their way
				cancel()
			}
			return k
		},
		Load: func(ctx context.Context, _ string) (string, error) {
			began <- true
			<-ctx.Done()
			ended <- true
			return "", ctx.Err()
		},
	})
	_, err := c.GetMany(ctx, []string{"a", "a", "z"})
	wantIs(t, "GetMany", err, context.Canceled)
	select {
	case <-began:
		eventually(t, "the load ends that nobody waits for", 10*time.Second, func() bool { return len(ended) > 0 })
	case <-time.After(300 * time.Millisecond):
	}
}

// What goes wrong where a batch flies on without its caller, in the user's Cost, is its readers' error, as in Get.
func TestCostGoesWrongInABatch(t *testing.T) {
	for name, wrong := range map[string]func(){"goexit": runtime.Goexit, "panic": func() { panic("boo") }} {
		for _, with := range []string{"Redis", "memory"} {
			t.Run(name+", "+with, func(t *testing.T) {
				var broken atomic.Bool
				broken.Store(true)
				config := tiered.Config[string, string]{LoadMany: loadMany, Cost: func(v string) int64 {
					if v == "b" && broken.Load() {
						wrong()
					}
					return 1
				}}
				c := newLocal(t, config)
				if with == "Redis" {
					c = newCache(t, newBus(t, patient), config)
				}
				wantPanic(t, c, "a", "b", "c")
				broken.Store(false)
				for _, k := range []string{"a", "b", "c"} {
					mustGet(t, c, k, k)
				}
				closes(t, c)
			})
		}
	}
}

// A Goexit in the user's codec, where LEASE meets a value that was filled after the look, is its readers' error; a panic is a
// word that cannot be read.
func TestDecodeGoesWrongUnderALease(t *testing.T) {
	for name, wrong := range map[string]func(){"goexit": runtime.Goexit, "panic": func() { panic("boo") }} {
		for _, tags := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", tags ", tags), func(t *testing.T) {
				config := tiered.Config[string, string]{LoadMany: loadMany}
				if tags {
					config.Tags = func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("t")} }
				}
				bus := patient
				bus.Namespace = rand.Text()
				others := newCache(t, newBus(t, bus), config)
				mustGet(t, others, "first", "first")
				var broken atomic.Bool
				config.Codec = decoder{Codec: l2.MessagePack[string](), decoded: func(v string) {
					switch {
					case v == "first": // after the look, before the leases
						mustGet(t, others, "a", "a")
						mustGet(t, others, "b", "b")
						broken.Store(true)
					case v == "b" && broken.Load():
						wrong()
					}
				}}
				c := newCache(t, newBus(t, bus), config)
				keys := []string{"first", "a", "b", "c"}
				if name == "goexit" {
					wantPanic(t, c, keys...)
				} else if found, err := c.GetMany(t.Context(), keys); len(found) != len(keys) || err != nil {
					t.Errorf("got %v, %v", found, err)
				}
				if !broken.Load() {
					t.Error("LEASE met nothing: this shows nothing")
				}
				broken.Store(false)
				for _, k := range []string{"a", "b", "c"} {
					mustGet(t, c, k, k)
				}
				closes(t, c)
			})
		}
	}
}

// A key of a batch that has its lease already when the codec ends the goroutine, over another key, is answered too, and its
// lease is given up.
func TestGoexitBesideALease(t *testing.T) {
	var c []*tiered.Cache[string, string]
	c, key, rdb := processes(t, 2, tiered.Config[string, string]{
		LoadMany: loadMany,
		Codec: decoder{Codec: l2.MessagePack[string](), decoded: func(v string) {
			switch v {
			case "first": // after the look, before the leases
				mustGet(t, c[0], "b", "b")
			case "b": // LEASE has met it
				runtime.Goexit()
			}
		}},
	})
	mustGet(t, c[0], "first", "first")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := c[1].GetMany(ctx, []string{"first", "a", "b"})
	var failed *tiered.BatchError[string]
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a failure of a and b", err)
	}
	for _, k := range []string{"a", "b"} {
		if _, ok := errors.AsType[*tiered.PanicError](failed.Failed[k]); !ok {
			t.Errorf("%s: got %v, want a PanicError", k, failed.Failed[k])
		}
	}
	closes(t, c[1]) // it waits for what is given up
	if w := rdb.Get(t.Context(), key("a")).Val(); w != "" {
		t.Errorf("the word %q was left behind", w)
	}
}

func loadMany(_ context.Context, keys []string) (map[string]string, error) {
	found := map[string]string{}
	for _, k := range keys {
		found[k] = k
	}
	return found, nil
}

// wantPanic reads several keys, of which "b" makes something of the user's panic.
func wantPanic(t *testing.T, c *tiered.Cache[string, string], keys ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found, err := c.GetMany(ctx, keys)
	var failed *tiered.BatchError[string]
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, %v, want a failure of b", found, err)
	}
	if _, ok := errors.AsType[*tiered.PanicError](failed.Failed["b"]); !ok {
		t.Errorf("b: got %v, want a PanicError", failed.Failed["b"])
	}
}

// decoder tells what it has decoded.
type decoder struct {
	l2.Codec[string]
	decoded func(string)
}

func (d decoder) Decode(b []byte) (string, error) {
	v, err := d.Codec.Decode(b)
	d.decoded(v)
	return v, err
}

// asked returns how many commands a Redis has run that are of caches.
func asked(t *testing.T, rdb *redis.Client) (n int) {
	t.Helper()
	for _, command := range []string{"get", "mget", "set", "del", "eval", "evalsha"} {
		info, err := rdb.InfoMap(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, fields := range info {
			var calls int
			if _, err := fmt.Sscanf(fields["cmdstat_"+command], "calls=%d", &calls); err == nil {
				n += calls
			}
		}
	}
	return n
}
