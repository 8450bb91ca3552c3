package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

func TestPeekMissesWithClone(t *testing.T) {
	c := newLocal(t, tiered.Config[string, *int]{Name: "a", Clone: func(v *int) *int { n := *v; return &n }})
	if v, ok := c.Peek("k"); ok || v != nil {
		t.Errorf("got %v, %v", v, ok)
	}
}

// A Set wins against a load that began before it, in memory alone too.
func TestSetAgainstASlowLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{loads: make(chan string, 1), goOn: make(chan struct{}), value: func(string) (string, error) { return "old", nil }}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		defer c.Close()
		slow := read(t.Context(), c, "k")
		<-s.loads
		if err := c.Set(t.Context(), "k", "new"); err != nil {
			t.Fatal(err)
		}
		mustGet(t, c, "k", "new")
		s.goOn <- struct{}{}
		<-slow
		synctest.Wait()
		if v, ok := c.Peek("k"); ok && v != "new" {
			t.Errorf("memory answers %q after \"new\" was set and read", v)
		}
	})
}

// A panic in Key, in the middle of a batch, leaves nothing behind.
func TestGetManyWhoseKeyPanics(t *testing.T) {
	var b batches
	c := newCache(t, newBus(t, coherence.Config{}), tiered.Config[int, string]{LoadMany: b.load, Key: func(k int) string {
		if k == 2 {
			panic("no text")
		}
		return fmt.Sprint(k)
	}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_, _ = c.GetMany(t.Context(), []int{0, 1, 2, 3})
	}()
	mustGet(t, c, 1, "v1")
}

// A life that is over when it begins, as that of a token that has just expired, is not Config.TTL.
func TestSetTTLOfWhatHasExpired(t *testing.T) {
	for _, ttl := range []time.Duration{0, -time.Hour, time.Nanosecond} {
		for name, bus := range map[string]*coherence.Bus{"memory": nil, "redis": newBus(t, coherence.Config{})} {
			t.Run(fmt.Sprintf("%v, %s", ttl, name), func(t *testing.T) {
				var loads atomic.Int64
				c := newCache(t, bus, tiered.Config[int, int64]{Load: func(ctx context.Context, _ int) (int64, error) {
					tiered.SetTTL(ctx, ttl)
					return loads.Add(1), nil
				}})
				eventually(t, "a second load", 5*time.Second, func() bool {
					n, err := c.Get(t.Context(), 1)
					return err == nil && n > 1
				})
			})
		}
	}
}

// Clone copies values, not what stands for none.
func TestGetManyFailsWithClone(t *testing.T) {
	c := newLocal(t, tiered.Config[int, *int]{
		Clone: func(v *int) *int { n := *v; return &n },
		Load: func(_ context.Context, k int) (*int, error) {
			if k < 0 {
				return nil, errTimeout
			}
			return &k, nil
		},
	})
	found, err := c.GetMany(t.Context(), []int{1, -1})
	wantIs(t, "GetMany", err, errTimeout)
	if found[1] == nil || *found[1] != 1 || len(found) != 1 {
		t.Errorf("got %v", found)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.GetMany(ctx, []int{2})
	wantIs(t, "GetMany", err, context.Canceled)
}

// What costs more than memory holds is not kept, and nothing makes room for it.
func TestCostBeyondAll(t *testing.T) {
	c := newLocal(t, tiered.Config[int, int]{
		Capacity: 1 << 20, Cost: func(v int) int64 { return int64(v) },
		Load: func(_ context.Context, k int) (int, error) {
			if k < 0 {
				return math.MaxInt64, nil
			}
			return 1 << 10, nil
		},
	})
	held := func() (n int) {
		for k := range 500 {
			if _, ok := c.Peek(k); ok {
				n++
			}
		}
		return n
	}
	for k := range 500 {
		eventually(t, "it is held", 5*time.Second, func() bool { _, ok := c.Peek(k); _, err := c.Get(t.Context(), k); return ok && err == nil })
	}
	before := held()
	for k := range 20 {
		loads := c.Stats().Loads
		eventually(t, "it is loaded again", 5*time.Second, func() bool {
			v, err := c.Get(t.Context(), -1-k)
			return v == math.MaxInt64 && err == nil && c.Stats().Loads >= loads+2
		})
	}
	if n := held(); n != before {
		t.Errorf("%d entries are held, %d were", n, before)
	}
}

// SetTTL in LoadMany is for all that this call of it loads: a GetMany of many keys has several.
func TestSetTTLInLoadMany(t *testing.T) {
	bus := newBus(t, coherence.Config{})
	c := newCache(t, bus, tiered.Config[int, string]{LoadMany: func(ctx context.Context, keys []int) (map[int]string, error) {
		if slices.Contains(keys, 0) {
			tiered.SetTTL(ctx, time.Minute)
		}
		found := map[int]string{}
		for _, k := range keys {
			found[k] = "v"
		}
		return found, nil
	}})
	const call, keys = 256, 300
	if _, err := c.GetMany(t.Context(), upTo(keys)); err != nil {
		t.Fatal(err)
	}
	for k := range keys {
		ttl := bus.Redis().PTTL(t.Context(), bus.Key(c.Ref(k).String())).Val()
		if ttl <= 0 || (ttl <= time.Minute) != (k < call) {
			t.Errorf("key %d: got a TTL of %v", k, ttl)
		}
	}
}

// A batch whose readers have all left loads nothing, and what it had begun is cancelled.
func TestGetManyCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan error, 1)
		c := newLocal(t, tiered.Config[int, string]{Name: "a", LoadMany: func(ctx context.Context, _ []int) (map[int]string, error) {
			<-ctx.Done()
			cancelled <- ctx.Err()
			return nil, ctx.Err()
		}})
		defer c.Close()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err := c.GetMany(ctx, upTo(10))
		wantIs(t, "GetMany", err, context.DeadlineExceeded)
		wantIs(t, "the load's context", <-cancelled, context.Canceled)
	})
}

// A Fetch does not share the flight of a Get that has nothing to load with.
func TestFetchBesideGetWithoutLoad(t *testing.T) {
	c := newCache(t, newBus(t, coherence.Config{}), tiered.Config[string, string]{})
	for i := range 300 {
		key := fmt.Sprint(i)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = c.Get(t.Context(), key)
		}()
		v, err := c.Fetch(t.Context(), key, func(context.Context, string) (string, error) { return "fetched", nil })
		if err != nil || v != "fetched" {
			t.Fatalf("got %q, %v", v, err)
		}
		<-done
	}
}

// A reader that leaves while it waits for somebody's lease is no failure of Redis.
func TestLeavingIsNoRedisError(t *testing.T) {
	s := source{loads: make(chan string, 1), goOn: make(chan struct{})}
	c, _, _ := processes(t, 2, tiered.Config[string, string]{Load: s.load})
	slow := read(t.Context(), c[0], "k")
	<-s.loads
	ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer leave()
	_, err := c[1].Get(ctx, "k")
	wantIs(t, "Get", err, context.DeadlineExceeded)
	s.goOn <- struct{}{}
	<-slow
	mustGet(t, c[1], "k", "k")
	if n := c[1].Stats(); n.RedisErrors != 0 || n.Bypasses != 0 {
		t.Errorf("got %+v, want no errors and no bypasses", n)
	}
}

func TestTagsMustBeTags(t *testing.T) {
	for name, c := range map[string]struct {
		refs []coherence.Ref
		says string
	}{
		"zero":     {[]coherence.Ref{{}}, "coherence.Tag"},
		"entry":    {[]coherence.Ref{coherence.Entry("a", "k")}, "coherence.Tag"},
		"too many": {slices.Repeat([]coherence.Ref{coherence.Tag("t")}, 256), "256 refs: give at most 255"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newLocal(t, tiered.Config[string, string]{
				Load: func(context.Context, string) (string, error) { return "v", nil },
				Tags: func(string) []coherence.Ref { return c.refs },
			})
			_, err := cache.Get(t.Context(), "k")
			wantError(t, err, "Tags", c.says)
			_, err = cache.GetMany(t.Context(), []string{"k"})
			wantError(t, err, "Tags", c.says)
			wantError(t, cache.Set(t.Context(), "k", "v"), "Tags", c.says)
		})
	}
}

// A codec that panics costs the word in Redis, and is counted; one that calls Goexit is an error of the readers. The lease
// is given up at once.
func TestCodecGoesWrong(t *testing.T) {
	for name, wrong := range map[string]func(){"goexit": runtime.Goexit, "panic": func() { panic("boo") }} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			broken.Store(true)
			codec := &oddCodec{Codec: l2.MessagePack[string](), wrong: func() {
				if broken.Load() {
					wrong()
				}
			}}
			c, key, rdb := processes(t, 1, tiered.Config[string, string]{
				Load: func(_ context.Context, k string) (string, error) { return k, nil }, Codec: codec,
			})
			v, err := c[0].Get(t.Context(), "k")
			if _, ended := errors.AsType[*tiered.PanicError](err); ended != (name == "goexit") || !ended && v != "k" {
				t.Errorf("got %q, %v", v, err)
			}
			if n := c[0].Stats().EncodeErrors; name == "panic" && n != 1 {
				t.Errorf("%d values are counted that could not be encoded", n)
			}
			if w := rdb.Get(t.Context(), key("k")).Val(); w != "" {
				t.Errorf("the word %q was left behind", w)
			}
			broken.Store(false)
			mustGet(t, c[0], "k", "k")
		})
	}
}

// The same where a large batch is decoded: nobody waits for its flights for ever, whoever died.
func TestCodecGoesWrongInABatch(t *testing.T) {
	for name, wrong := range map[string]func(){"goexit": runtime.Goexit, "panic": func() { panic("boo") }} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			var keys []string
			for i := range 250 {
				keys = append(keys, fmt.Sprint(i))
			}
			config := tiered.Config[string, string]{
				Load: func(_ context.Context, k string) (string, error) { return k, nil },
				Codec: &oddDecoder{Codec: l2.MessagePack[string](), wrong: func() {
					if broken.Load() {
						wrong()
					}
				}},
			}
			c, _, _ := processes(t, 2, config)
			if _, err := c[0].GetMany(t.Context(), keys); err != nil {
				t.Fatal(err)
			}
			broken.Store(true)
			var all sync.WaitGroup
			all.Go(func() { // a Goexit ends it
				found, err := c[1].GetMany(t.Context(), keys)
				if name == "goexit" && len(found) == len(keys) || name == "panic" && (len(found) != len(keys) || err != nil) {
					t.Errorf("got %d values, %v", len(found), err)
				}
			})
			all.Wait()
			if n := c[1].Stats().Garbage; name == "panic" && n < uint64(len(keys)/7) {
				t.Errorf("%d words are counted that could not be decoded", n)
			}
			broken.Store(false)
			for _, k := range keys {
				mustGet(t, c[1], k, k)
			}
		})
	}
}

// oddDecoder goes wrong with every seventh value.
type oddDecoder struct {
	l2.Codec[string]
	decoded atomic.Int64
	wrong   func()
}

func (c *oddDecoder) Decode(b []byte) (string, error) {
	if c.decoded.Add(1)%7 == 0 {
		c.wrong()
	}
	return c.Codec.Decode(b)
}

type oddCodec struct {
	l2.Codec[string]
	wrong func()
}

func (c *oddCodec) Append(dst []byte, v string) ([]byte, error) {
	c.wrong()
	return c.Codec.Append(dst, v)
}

// What cannot be encoded is answered, and counted; the lease is given up.
func TestEncodeErrors(t *testing.T) {
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{
		Load: func(_ context.Context, k string) (string, error) { return k, nil }, Codec: unable{l2.MessagePack[string]()},
	})
	mustGet(t, c[0], "k", "k")
	if n := c[0].Stats(); n.EncodeErrors != 1 || n.RedisErrors != 0 || rdb.Exists(t.Context(), key("k")).Val() != 0 {
		t.Errorf("got %+v", n)
	}
}

type unable struct{ l2.Codec[string] }

func (unable) Append([]byte, string) ([]byte, error) { return nil, errors.New("no") }

func TestBusClosedBeforeTheCache(t *testing.T) {
	bus := newBus(t, coherence.Config{})
	c := newCache(t, bus, tiered.Config[string, string]{})
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "Set", c.Set(t.Context(), "k", "v"), tiered.ErrClosed)
	_, err := c.Get(t.Context(), "k")
	wantIs(t, "Get", err, tiered.ErrClosed)
}
