package coherence_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestClosed: after Close everything says ErrClosed and nothing is run; closing again is harmless.
func TestClosed(t *testing.T) {
	t.Parallel()
	r := shared(t)
	for name, p := range map[string]*peer{"with Redis": r.openPeer(t, coherence.Config{}), "without": localPeer(t)} {
		check(t, p.Close())
		check(t, p.Close())
		check(t, p.Shutdown(t.Context()))
		wantIs(t, name+": Update", p.Update(t.Context(), []coherence.Ref{entry("k")}, notRun(t)), coherence.ErrClosed)
		wantIs(t, name+": Invalidate", p.Invalidate(t.Context(), entry("k")), coherence.ErrClosed)
		wantIs(t, name+": Clear", p.member.Clear(t.Context()), coherence.ErrClosed)
		_, err := p.Join("another", 1)
		wantIs(t, name+": Join", err, coherence.ErrClosed)
		if s := p.State(); s.Condition != coherence.Closed || !p.IsClosed() || p.Open(p.Now()) || p.usable(entry("k")) {
			t.Errorf("%s: got %+v", name, s)
		}
		_, stop := p.Listen(entry("k"))
		stop()
		p.member.Leave()
	}
}

// TestCloseDelivers what is pending, if Redis is there again.
func TestCloseDelivers(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: 5 * time.Second})
	tag := coherence.Tag("t")
	check(t, server.Kill())
	check(t, p.Invalidate(t.Context(), tag))
	check(t, server.Restart(t.Context()))
	check(t, p.Close())
	if w := r.word(t, tag); len(w) != 9 {
		t.Errorf("the tag is %q, want a new version", w)
	}
}

// TestCloseWithoutRedis gives up after the Redis timeout, and says what was not delivered; Shutdown tries for as long as
// it is told to.
func TestCloseWithoutRedis(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p, q := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{})
	check(t, server.Kill())
	check(t, p.Invalidate(t.Context(), entry("k"), entry("l")))
	check(t, q.Invalidate(t.Context(), entry("k")))
	began := time.Now()
	wantError(t, p.Close(), "2 invalidations were not delivered")
	if told := p.events.of(coherence.InvalidationPending); len(told) == 0 || !errors.Is(told[len(told)-1], coherence.ErrUndelivered) {
		t.Errorf("OnEvent is told %v", told)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began = time.Now()
	err := q.Shutdown(ctx)
	wantIs(t, "Shutdown", err, context.DeadlineExceeded)
	wantIs(t, "Shutdown", err, coherence.ErrUndelivered)
	wantError(t, err, "1 invalidations were not delivered")
	if took := time.Since(began); took < 200*time.Millisecond || took > 2*time.Second {
		t.Errorf("Shutdown took %v, was given 200ms", took)
	}
}

// TestCloseSaysWhy something was not delivered, also where the fence is open.
func TestCloseSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hinder func(*rig, *services.Redis, func(rules ...string))
		want   string
	}{
		"refused": {func(_ *rig, _ *services.Redis, rights func(rules ...string)) {
			rights("-eval", "-evalsha")
		}, "NOPERM"},
		"gone": {func(_ *rig, server *services.Redis, _ func(rules ...string)) { check(t, server.Kill()) }, "connection refused"},
		"mute": {func(_ *rig, server *services.Redis, _ func(rules ...string)) { check(t, server.Pause()) }, "i/o timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			p, rights := r.limited(t, coherence.Config{MaxStaleness: patient})
			c.hinder(r, server, rights)
			check(t, p.Invalidate(t.Context(), entry("k")))
			if s := p.State(); s.Condition != coherence.Open {
				t.Errorf("got %+v", s)
			}
			err := p.Close()
			wantIs(t, "Close", err, coherence.ErrUndelivered)
			wantError(t, err, "1 invalidations were not delivered: coherence: ")
			wantError(t, err, c.want)
		})
	}
	t.Run("not what was long ago", func(t *testing.T) {
		t.Parallel()
		r, _ := own(t, services.RedisOptions{})
		p, rights := r.limited(t, coherence.Config{MaxStaleness: patient})
		rights("-eval", "-evalsha")
		check(t, p.Invalidate(t.Context(), entry("k")))
		rights("+@all")
		eventually(t, "it is delivered", soon, p.member.Settled)
		s := p.update(t, nil, entry("k"))
		err := p.Close()
		wantError(t, err, "writes ran on: context deadline exceeded")
		wantIs(t, "Update", s.end(), coherence.ErrUndelivered)
	})
}

// TestCloseWaitsForWrites: a write that runs while Close is called is still told to Redis; one that runs on for longer
// than Close waits learns from its Update that it was not.
func TestCloseWaitsForWrites(t *testing.T) {
	t.Parallel()
	r := shared(t)
	for _, c := range []struct {
		name    string
		timeout time.Duration
		late    bool // the write ends when Close has returned
	}{{"in time", patient / 6, false}, {"too late", 0, true}} {
		p := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: c.timeout})
		tag := coherence.Tag(c.name)
		running, goOn := make(chan struct{}), make(chan struct{})
		updated, closed := make(chan error, 1), make(chan error, 1)
		go func() {
			updated <- p.Update(t.Context(), []coherence.Ref{tag}, func(context.Context) error {
				close(running)
				<-goOn
				return nil
			})
		}()
		<-running
		go func() { closed <- p.Close() }()
		eventually(t, "Close has begun", soon, p.IsClosed)
		if c.late {
			err := <-closed
			wantError(t, err, "coherence: other processes were not told: writes ran on")
			wantError(t, err, "Close waits for 100ms, Shutdown for longer")
			wantIs(t, "Close", err, coherence.ErrUndelivered)
			close(goOn)
			err = <-updated
			wantIs(t, c.name, err, coherence.ErrClosed)
			wantIs(t, c.name, err, coherence.ErrUndelivered)
			continue
		}
		close(goOn)
		check(t, <-updated)
		check(t, <-closed)
		if w := r.word(t, tag); len(w) != 9 {
			t.Errorf("%s: the tag is %q, want a new version", c.name, w)
		}
	}
}

// TestCloseWhileInvalidating: an Invalidate and a Clear that a hung Redis keeps waiting while the bus is closed say that the
// others were not told.
func TestCloseWhileInvalidating(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	k := entry("k")
	for name, run := range map[string]func(p *peer) error{
		"Invalidate": func(p *peer) error { return p.Invalidate(t.Context(), k) },
		"Clear":      func(p *peer) error { return p.member.Clear(t.Context()) },
	} {
		p := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: patient / 6})
		check(t, server.Pause())
		ended := make(chan error, 1)
		go func() { ended <- run(p) }()
		eventually(t, name+" has begun", soon, func() bool { return !p.usable(k) })
		now, cancel := context.WithCancel(t.Context())
		cancel()
		wantIs(t, "Shutdown", p.Shutdown(now), context.Canceled)
		err := <-ended
		wantIs(t, name, err, coherence.ErrUndelivered)
		wantIs(t, name, err, coherence.ErrClosed)
		check(t, server.Resume())
	}
}

// TestShutdownDoesNotWaitForRedis: a SYNC that Redis does not answer ends with the bus, not with its Timeout.
func TestShutdownDoesNotWaitForRedis(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	rdb := redis.NewClient(&redis.Options{Addr: mute.Addr().String()})
	t.Cleanup(func() { _ = rdb.Close() })
	bus, err := coherence.New(coherence.Config{Redis: rdb, MaxStaleness: patient, Timeout: patient / 6})
	check(t, err)
	for range 2 { // SYNC and the subscription
		asking, err := mute.Accept()
		check(t, err)
		t.Cleanup(func() { _ = asking.Close() })
		_, err = asking.Read(make([]byte, 1))
		check(t, err)
	}
	began := time.Now()
	check(t, bus.Close())
	if took := time.Since(began); took > patient/12 {
		t.Errorf("Close took %v", took)
	}
}

// TestNothingIsLeft: after Close there is no goroutine and no connection of the bus; the caller's client goes on.
func TestNothingIsLeft(t *testing.T) {
	r := shared(t)
	options := *r.Options()
	options.ClientName, options.PushNotificationProcessor = rand.Text(), nil
	ours := func() (n int) {
		list, err := r.ClientList(t.Context()).Result()
		check(t, err)
		return strings.Count(list, "name="+options.ClientName+" ")
	}
	client := redis.NewClient(&options)
	t.Cleanup(func() { _ = client.Close() })
	check(t, client.Ping(t.Context()).Err())
	callers := ours()
	before := runtime.NumGoroutine()
	for range 5 {
		p := r.openPeer(t, coherence.Config{Redis: client})
		check(t, p.Invalidate(t.Context(), entry("k")))
		eventually(t, "it is connected, and subscribed", soon, func() bool { return ours() >= callers+3 })
		check(t, p.Close())
	}
	eventually(t, "the goroutines are gone", soon, func() bool { return runtime.NumGoroutine() <= before })
	eventually(t, "the connections are gone", soon, func() bool { return ours() == callers })
	check(t, client.Ping(t.Context()).Err())
}

// TestNothingIsLeftWithoutRedis: the same while Redis refuses, and while it never answers.
func TestNothingIsLeftWithoutRedis(t *testing.T) {
	hole := blackHole(t)
	before := runtime.NumGoroutine()
	for _, addr := range []string{"127.0.0.1:1", hole} {
		client := redis.NewClient(&redis.Options{Addr: addr})
		bus, err := coherence.New(coherence.Config{Redis: client})
		check(t, err)
		eventually(t, "it has tried", soon, func() bool { return bus.Stats().SyncFailures > 0 })
		check(t, bus.Close())
		check(t, client.Close())
	}
	eventually(t, "the goroutines are gone", soon, func() bool { return runtime.NumGoroutine() <= before })
}

// A write that is under way when the bus is closed is waited for; one that takes longer learns that its invalidation was
// not delivered.
func TestUpdateAcrossClose(t *testing.T) {
	for name, took := range map[string]time.Duration{"short": 20 * time.Millisecond, "long": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
			if err != nil {
				t.Fatal("REDIS_URL is not set or is no Redis URL: `make services` prints it")
			}
			rdb := redis.NewClient(options)
			defer rdb.Close()
			bus, err := coherence.New(coherence.Config{Redis: rdb, Namespace: rand.Text()})
			if err != nil {
				t.Fatal(err)
			}
			running, updated := make(chan struct{}), make(chan error, 1)
			go func() {
				updated <- bus.Update(t.Context(), []coherence.Ref{coherence.Tag("x")}, func(context.Context) error {
					close(running)
					<-time.After(took)
					return nil
				})
			}()
			<-running
			closed := bus.Close()
			update := <-updated
			if name == "short" && (closed != nil || update != nil) {
				t.Errorf("Close: %v, Update: %v, want none", closed, update)
			}
			if name == "long" && (closed == nil || !errors.Is(update, coherence.ErrClosed)) {
				t.Errorf("Close: %v, Update: %v, want both to say that something was not delivered", closed, update)
			}
		})
	}
}

// TestCloseUnderReads: connections that are in use are cut, and Close does not tell of that.
func TestCloseUnderReads(t *testing.T) {
	t.Parallel()
	r := shared(t)
	for range 50 {
		p := r.openPeer(t, coherence.Config{})
		var readers sync.WaitGroup
		for range 16 {
			readers.Go(func() {
				for p.Redis().Get(t.Context(), "k").Err() == nil || !p.IsClosed() {
				}
			})
		}
		eventually(t, "they read", soon, func() bool { return p.Redis().PoolStats().TotalConns > 2 })
		check(t, p.Close())
		readers.Wait()
	}
}
