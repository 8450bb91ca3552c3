package outage

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/tiered"
)

const (
	sourceTime = 5 * time.Millisecond
	beyond     = 200 * time.Millisecond // what an outage may cost a read besides the source's time
	margin     = 75 * time.Millisecond  // of a busy machine, where only the Redis timeout is allowed
)

// TestMain keeps go-redis from writing a line for each dial that fails.
func TestMain(m *testing.M) {
	logging.Disable()
	os.Exit(m.Run())
}

// open opens a cache of 1 kB values, on a client made with go-redis's defaults.
func open(t *testing.T, addr string, capacity int64) (*coherence.Bus, *tiered.Cache[int, string]) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	bus, err := coherence.New(coherence.Config{Redis: client})
	testkit.Check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	cache, err := tiered.New(tiered.Config[int, string]{
		Name:     "outage",
		Bus:      bus,
		Capacity: capacity,
		Load: func(ctx context.Context, key int) (string, error) {
			select {
			case <-time.After(sourceTime):
				return value(key), nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		},
	})
	testkit.Check(t, err)
	t.Cleanup(func() { _ = cache.Close() })
	return bus, cache
}

func value(key int) string { return strings.Repeat(strconv.Itoa(key%10), 1000) }

func startRedis(t *testing.T, o services.RedisOptions) *services.Redis {
	t.Helper()
	server, err := services.StartRedis(t.Context(), o)
	testkit.Check(t, err)
	t.Cleanup(func() { testkit.Check(t, server.Stop()) })
	return server
}

// readers read all keys again and again.
type readers struct {
	reads, failed atomic.Int64
	slowest       atomic.Int64 // in ns, without what the machine withheld
	withheld      atomic.Int64 // in ns, the most of one read
	firstError    atomic.Pointer[error]
}

func (r *readers) run(ctx context.Context, cache *tiered.Cache[int, string], keys int) {
	var all sync.WaitGroup
	var machine stalls
	all.Go(func() { machine.watch(ctx) })
	const parallel = 4
	for n := range parallel {
		all.Go(func() {
			for k := n * keys / parallel; ctx.Err() == nil; k = (k + 1) % keys {
				began := time.Now()
				got, err := cache.Get(context.Background(), k)
				took := time.Since(began)
				if err == nil && got != value(k) {
					err = fmt.Errorf("a wrong value of %d", k)
				}
				if err != nil {
					r.failed.Add(1)
					r.firstError.CompareAndSwap(nil, &err)
				}
				r.reads.Add(1)
				if took > sourceTime {
					withheld := machine.during(began, began.Add(took))
					raise(&r.withheld, withheld)
					raise(&r.slowest, took-withheld)
				}
			}
		})
	}
	all.Wait()
}

func raise(most *atomic.Int64, d time.Duration) {
	for old := most.Load(); int64(d) > old && !most.CompareAndSwap(old, int64(d)); {
		old = most.Load()
	}
}

// TestRedisKilled: Redis is killed and comes back while a program reads 1,000 keys in a loop.
func TestRedisKilled(t *testing.T) {
	server := startRedis(t, services.RedisOptions{})
	bus, cache := open(t, server.Addr, 600_000) // memory holds about half of the keys
	testkit.Await(t, "the bus opens", func() bool { return bus.State().Condition == coherence.Open })

	var r readers
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx, cache, 1000) }()
	t.Cleanup(func() { stop(); <-done })

	used := func(what string) {
		t.Helper()
		from := cache.Stats()
		testkit.Await(t, what, func() bool {
			s := cache.Stats()
			return s.MemoryHits > from.MemoryHits+2000 && s.RedisHits > from.RedisHits+1000
		})
	}
	used("memory and Redis are used")
	phase := func(name string) {
		t.Logf("%-14s %7d reads so far, slowest %v, besides at most %v in which the machine was busy with others; %+v",
			name, r.reads.Load(), time.Duration(r.slowest.Swap(0)), time.Duration(r.withheld.Swap(0)), cache.Stats())
	}
	usual := max(sourceTime, time.Duration(r.slowest.Load())) // on this machine, when nothing is wrong
	phase("before")
	check := func(name string) {
		t.Helper()
		if slowest := time.Duration(r.slowest.Load()); slowest > usual+beyond {
			t.Errorf("%s: a read took %v, want at most %v", name, slowest, usual+beyond)
		}
		phase(name)
	}

	testkit.Check(t, server.Kill())
	testkit.Await(t, "the fence closes", func() bool { return bus.State().Condition == coherence.Fenced })
	bypasses := cache.Stats().Bypasses
	testkit.Await(t, "1000 reads go round", func() bool { return cache.Stats().Bypasses > bypasses+1000 })
	check("Redis killed")

	testkit.Check(t, server.Restart(t.Context()))
	used("memory and Redis are used again")
	check("Redis back")

	stop()
	<-done
	if n := r.failed.Load(); n > 0 {
		t.Errorf("%d of %d reads failed, the first with %v", n, r.reads.Load(), *r.firstError.Load())
	}
}

// TestRedisAcceptsAndNeverAnswers: a read costs at most the Redis timeout, although the caller's client was made with
// go-redis's defaults, by which it would wait for 5 s and try again.
func TestRedisAcceptsAndNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testkit.Check(t, err)
	var accepted sync.WaitGroup
	accepted.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); accepted.Wait() })
	_, cache := open(t, listener.Addr().String(), 0)
	readWithin(t, cache, "a silent Redis from the start")
}

// TestRedisFreezes: the same where Redis stops to answer while it is used.
func TestRedisFreezes(t *testing.T) {
	server := startRedis(t, services.RedisOptions{})
	bus, cache := open(t, server.Addr, 0)
	testkit.Await(t, "the bus opens", func() bool { return bus.State().Condition == coherence.Open })
	_, err := cache.Get(t.Context(), -1)
	testkit.Check(t, err)
	testkit.Check(t, server.Pause())
	defer func() { testkit.Check(t, server.Resume()) }()
	readWithin(t, cache, "a frozen Redis")
	testkit.Await(t, "the fence closes", func() bool { return bus.State().Condition == coherence.Fenced })
	readWithin(t, cache, "behind the fence")
}

// readWithin reads keys that no tier holds; the Redis timeout is all that a read may cost besides the source.
func readWithin(t *testing.T, cache *tiered.Cache[int, string], what string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var machine stalls
	var watched sync.WaitGroup
	watched.Go(func() { machine.watch(ctx) })
	defer watched.Wait()
	defer cancel()
	var slowest, withheld time.Duration
	for k := range 8 {
		began := time.Now()
		got, err := cache.Get(t.Context(), k)
		ended := time.Now()
		if err != nil || got != value(k) {
			t.Fatalf("%s: got %.10q, %v", what, got, err)
		}
		stalled := machine.during(began, ended)
		slowest, withheld = max(slowest, ended.Sub(began)-stalled), max(withheld, stalled)
	}
	t.Logf("%s: slowest read %v, besides at most %v in which the machine was busy with others", what, slowest, withheld)
	if most := coherence.DefaultTimeout + sourceTime + margin; slowest > most {
		t.Errorf("%s: a read took %v, want at most %v", what, slowest, most)
	}
}

// TestRedisComesLater: the library comes up without Redis and uses it once it is there.
func TestRedisComesLater(t *testing.T) {
	gone := startRedis(t, services.RedisOptions{}) // for a port of its own
	_, port, err := net.SplitHostPort(gone.Addr)
	testkit.Check(t, err)
	testkit.Check(t, gone.Kill())

	bus, cache := open(t, gone.Addr, 0)
	peerBus, peer := open(t, gone.Addr, 0)
	got, err := cache.Get(t.Context(), 1)
	if err != nil || got != value(1) {
		t.Fatalf("without Redis: got %.10q, %v", got, err)
	}
	if s := bus.State(); s.Condition != coherence.Fenced {
		t.Fatalf("without Redis the bus is %v", s.Condition)
	}

	n, err := strconv.Atoi(port)
	testkit.Check(t, err)
	startRedis(t, services.RedisOptions{Port: n})
	testkit.Await(t, "both buses open", func() bool {
		return bus.State().Condition == coherence.Open && peerBus.State().Condition == coherence.Open
	})
	ctx, origin := tiered.WithOrigin(t.Context())
	for _, c := range []*tiered.Cache[int, string]{cache, peer} {
		_, err := c.Get(ctx, 2)
		testkit.Check(t, err)
	}
	if s := peer.Stats(); s.RedisHits != 1 || origin.Tier() != tiered.Source {
		t.Errorf("a peer's read of what was loaded: %+v, want 1 hit in Redis", s)
	}
}
