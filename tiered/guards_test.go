package tiered_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/tiered"
)

// A flight whose last reader leaves when the load has ended, but before the put, puts nothing.
func TestFlightThatIsOverPutsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		c := newLocal(t, tiered.Config[string, string]{
			Name: "a", Load: func(context.Context, string) (string, error) { return "v", nil },
			Cost: func(string) int64 { leave(); <-left; return 1 },
		})
		defer c.Close()
		<-read(ctx, c, "k")
		close(left)
		<-time.After(time.Second) // a put would be visible
		if v, ok := c.Peek("k"); ok {
			t.Errorf("memory holds %q of a flight that nobody waited for", v)
		}
	})
}

// pausable is a Redis of the test's own.
func pausable(t *testing.T) *redis.Client {
	t.Helper()
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// pause has Redis answer nobody for a second, until the fence closes by that; nothing is lost, and its incarnation stays.
func pause(t *testing.T, rdb *redis.Client, bus *coherence.Bus) {
	t.Helper()
	rdb.Do(t.Context(), "CLIENT", "PAUSE", "1000", "ALL")
	eventually(t, "the fence closes", 10*time.Second, func() bool { return bus.State().Condition == coherence.Fenced })
}

// GetMany looks at the clock for each key: the fence may close while it is busy with another, or paused.
func TestGetManyBehindAFenceThatCloses(t *testing.T) {
	rdb := pausable(t)
	var truth atomic.Value
	truth.Store("old")
	var busy atomic.Pointer[func()]
	bus := newBus(t, coherence.Config{Redis: rdb, MaxStaleness: 200 * time.Millisecond})
	c := newCache(t, bus, tiered.Config[string, string]{
		Load: func(context.Context, string) (string, error) { return truth.Load().(string), nil },
		Clone: func(v string) string {
			if f := busy.Swap(nil); f != nil {
				(*f)()
			}
			return v
		},
	})
	eventually(t, "they are in memory", 10*time.Second, func() bool {
		mustGet(t, c, "a", "old")
		mustGet(t, c, "b", "old")
		_, a := c.Peek("a")
		_, b := c.Peek("b")
		return a && b
	})
	between := func() {
		pause(t, rdb, bus)
		truth.Store("new")
	}
	busy.Store(&between)
	found, err := c.GetMany(t.Context(), []string{"a", "b"})
	if err != nil || found["a"] != "old" || found["b"] != "new" {
		t.Errorf("got %v, %v, want b of after the fence had closed", found, err)
	}
}

// What a read that went round memory has answered is never followed by something older from memory, although nobody
// has told this process of the write.
func TestBypassRaisesTheEpoch(t *testing.T) {
	rdb := pausable(t)
	var truth atomic.Value
	truth.Store("old")
	bus := newBus(t, coherence.Config{Redis: rdb, MaxStaleness: 200 * time.Millisecond})
	c := newCache(t, bus, tiered.Config[string, string]{Load: func(context.Context, string) (string, error) { return truth.Load().(string), nil }})
	eventually(t, "it is in memory", 10*time.Second, func() bool { // the fence may close on a busy machine
		mustGet(t, c, "k", "old")
		_, ok := c.Peek("k")
		return ok
	})

	pause(t, rdb, bus)
	truth.Store("new")
	mustGet(t, c, "k", "new")
	flushes := bus.Stats().Flushes
	eventually(t, "the fence opens", 10*time.Second, func() bool { return bus.State().Condition == coherence.Open })
	if v, ok := c.Peek("k"); ok {
		t.Errorf("memory answers %q after \"new\" was read", v)
	}
	if bus.Stats().Flushes != flushes {
		t.Error("everything was flushed: this shows nothing")
	}
}

// A flight that goes round Redis and has begun to read the source is not joined: what it reads may be older than the
// reader, and nothing tells.
func TestBypassIsNotJoinedAfterItsRead(t *testing.T) {
	var truth atomic.Value
	truth.Store("old")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: s.load})
	mustIntend(t, rdb, key("k"))
	first := read(t.Context(), c[0], "k")
	<-s.loads
	truth.Store("new") // another process, whose intent stands, commits
	second := read(t.Context(), c[0], "k")
	eventually(t, "the second reader waits", 10*time.Second, func() bool { return c[0].Stats().Waited+c[0].Stats().Shared > 0 })
	s.goOn <- struct{}{}
	if a := <-first; a.err != nil || a.value != "old" {
		t.Errorf("the first reader got %q, %v", a.value, a.err)
	}
	s.goOn <- struct{}{}
	if a := <-second; a.err != nil || a.value != "new" {
		t.Errorf("the second reader got %q, %v, want what was committed before it began", a.value, a.err)
	}
}

// The same where the fence is closed: nobody tells of the writes of others then, and epochs stand still.
func TestBypassBehindAClosedFenceIsNotJoinedAfterItsRead(t *testing.T) {
	nobody := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = nobody.Close() })
	var truth atomic.Value
	truth.Store("old")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c := newCache(t, newBus(t, coherence.Config{Redis: nobody}), tiered.Config[string, string]{Load: s.load})
	first := read(t.Context(), c, "k")
	<-s.loads
	truth.Store("new")
	second := read(t.Context(), c, "k")
	eventually(t, "the second reader waits", 10*time.Second, func() bool { return c.Stats().Waited+c.Stats().Shared > 0 })
	s.goOn <- struct{}{}
	s.goOn <- struct{}{}
	if a := <-first; a.err != nil || a.value != "old" {
		t.Errorf("the first reader got %q, %v", a.value, a.err)
	}
	if a := <-second; a.err != nil || a.value != "new" {
		t.Errorf("the second reader got %q, %v, want what was committed before it began", a.value, a.err)
	}
}

// What was looked up before a write is put under the epoch of before it, and never found.
func TestSlowLoadIsPutUnderTheEpochOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source{loads: make(chan string, 1), goOn: make(chan struct{}, 1)}
		c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
		defer c.Close()
		slow := read(t.Context(), c, "k")
		<-s.loads
		if err := c.Update(t.Context(), "k", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		s.goOn <- struct{}{}
		<-slow
		<-time.After(time.Second) // the put is visible
		if v, ok := c.Peek("k"); ok {
			t.Errorf("memory answers %q, which was looked up before a write", v)
		}
	})
}

// What was loaded before the cache was cleared is stored under the generation of then, and nobody is answered with it.
func TestSlowLoadLosesAgainstClear(t *testing.T) {
	var truth atomic.Value
	truth.Store("old")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c, _, _ := processes(t, 2, tiered.Config[string, string]{Load: s.load})
	slow := read(t.Context(), c[0], "k")
	<-s.loads
	truth.Store("new")
	if err := c[0].Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.goOn <- struct{}{}
	if a := <-slow; a.err != nil || a.value != "old" {
		t.Fatalf("the reader before the write got %q, %v", a.value, a.err)
	}
	s.goOn <- struct{}{}
	mustGet(t, c[0], "k", "new")
}

// What Redis has refused, because the lease was lost, memory does not keep either.
func TestMemoryKeepsOnlyWhatRedisHasStored(t *testing.T) {
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9)}
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: s.load})
	slow := read(t.Context(), c[0], "k")
	<-s.loads
	if n := rdb.Del(t.Context(), key("k")).Val(); n != 1 { // evicted: nobody is told
		t.Fatal("there was no lease")
	}
	s.goOn <- struct{}{}
	if a := <-slow; a.err != nil || a.value != "k" {
		t.Fatalf("got %q, %v", a.value, a.err)
	}
	s.goOn <- struct{}{}
	if v, err := c[0].Get(t.Context(), "k"); err != nil || v != "k" || c[0].Stats().Loads != 2 {
		t.Errorf("got %q, %v, %d loads, want another load", v, err, c[0].Stats().Loads)
	}
}

// A lease is given more time while its load runs.
func TestLeaseIsRenewed(t *testing.T) {
	s := source{loads: make(chan string, 1), goOn: make(chan struct{}, 1)}
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: s.load})
	slow := read(t.Context(), c[0], "k")
	<-s.loads
	least := time.Hour
	eventually(t, "it is renewed", 2*word.LeaseLife, func() bool {
		left := rdb.PTTL(t.Context(), key("k")).Val()
		least = min(least, left)
		return left > least
	})
	s.goOn <- struct{}{}
	if a := <-slow; a.err != nil || a.value != "k" {
		t.Errorf("got %q, %v", a.value, a.err)
	}
}

// Who reads after a write is not answered by a flight that looked before it, nor by what that one puts in memory.
func TestReaderAfterWriteSeesIt(t *testing.T) {
	var truth atomic.Value
	truth.Store("old")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c := newLocal(t, tiered.Config[string, string]{Name: "a", Load: s.load})
	before := read(t.Context(), c, "k")
	<-s.loads
	if err := c.Update(t.Context(), "k", func(context.Context) error { truth.Store("new"); return nil }); err != nil {
		t.Fatal(err)
	}
	after := read(t.Context(), c, "k")
	eventually(t, "the reader after the write waits", 10*time.Second, func() bool { return c.Stats().Waited+c.Stats().Shared > 0 })
	s.goOn <- struct{}{}
	s.goOn <- struct{}{}
	if a := <-before; a.err != nil || a.value != "old" {
		t.Errorf("the reader before the write got %q, %v", a.value, a.err)
	}
	if a := <-after; a.err != nil || a.value != "new" {
		t.Errorf("the reader after the write got %q, %v", a.value, a.err)
	}
}

// What was loaded before a tag changed is stored under the tag's version of then, and nobody is answered with it.
func TestSlowLoadLosesAgainstAWriteOfItsTag(t *testing.T) {
	var truth atomic.Value
	truth.Store("old")
	tag := coherence.Tag("t")
	s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
	c, _, _ := processes(t, 2, tiered.Config[string, string]{Load: s.load, Tags: func(string) []coherence.Ref { return []coherence.Ref{tag} }})
	slow := read(t.Context(), c[0], "k")
	<-s.loads
	truth.Store("new")
	if err := tiered.BusOf(c[1]).Invalidate(t.Context(), tag); err != nil {
		t.Fatal(err)
	}
	s.goOn <- struct{}{}
	if a := <-slow; a.err != nil || a.value != "old" {
		t.Fatalf("the reader before the write got %q, %v", a.value, a.err)
	}
	s.goOn <- struct{}{}
	mustGet(t, c[1], "k", "new")
}

// What is being written is not answered from memory, also if memory has it.
func TestMemoryIsNotAskedDuringAWrite(t *testing.T) {
	c := newLocal(t, tiered.Config[string, string]{Name: "a"})
	err := c.Update(t.Context(), "k", func(ctx context.Context) error {
		wantIs(t, "Set while it is written", c.Set(ctx, "k", "v"), tiered.ErrCoherence)
		if v, ok := c.Peek("k"); ok {
			t.Errorf("memory answers %q while it is written", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mustIntend puts an intent of another process on a word.
func mustIntend(t *testing.T, rdb *redis.Client, key string) {
	t.Helper()
	expires := rdb.Time(t.Context()).Val().Add(time.Minute).UnixMilli()
	if err := rdb.Set(t.Context(), key, fmt.Sprintf("I%d:0123456789abcdef;", expires), time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
}
