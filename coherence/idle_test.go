package coherence_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

const idleAfter = 300 * time.Millisecond

// idlePeer returns a peer that is idle, and whose fence has closed by that.
func (r *rig) idlePeer(t testing.TB, config coherence.Config) *peer {
	t.Helper()
	config.IdleAfter = idleAfter
	p := r.openPeer(t, config)
	eventually(t, "it is idle", soon, func() bool { return p.State().Idle && !p.Open(p.Now()) })
	return p
}

// TestIdle: a bus that nobody uses leaves its SYNCs out, which is no outage; the first read finds it open, and knows what
// was said meanwhile.
func TestIdle(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{MaxStaleness: d})
	if s := p.State(); s.Condition != coherence.Open || s.Pending != 0 {
		t.Errorf("idle: got %+v, want open", s)
	}
	k, beside := entry("k"), entry("beside")
	before, other, at := p.epoch(k), p.epoch(beside), p.Stats()
	r.lose(t, k)
	p.member.Ready(t.Context())
	if !p.usable(k) || p.epoch(k) <= before || p.epoch(beside) != other {
		t.Errorf("after Ready: usable %v, epoch %d, before %d; beside %d, before %d", p.usable(k), p.epoch(k), before, p.epoch(beside), other)
	}
	if s := p.State(); s.Idle || s.Condition != coherence.Open {
		t.Errorf("after Ready: got %+v", s)
	}
	if now := p.Stats(); now.Syncs != at.Syncs+1 || now.Flushes != at.Flushes {
		t.Errorf("Ready took %d SYNCs and %d flushes, want 1 and 0", now.Syncs-at.Syncs, now.Flushes-at.Flushes)
	}
	eventually(t, "SYNCs go on", soon, func() bool { return p.Stats().Syncs >= at.Syncs+2 })
	if closed, opened := p.events.of(coherence.FenceClosed), p.events.of(coherence.FenceOpened); len(closed) != 0 || len(opened) != 1 {
		t.Errorf("told: closed %v, opened %v, want it opened once, at the start", closed, opened)
	}
	eventually(t, "it is idle again", soon, func() bool { return p.State().Idle })
}

// TestIdleTurns: an idle bus SYNCs every 10 s, and hears what is said meanwhile.
func TestIdleTurns(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{MaxStaleness: d})
	at := p.Stats().Syncs
	eventually(t, "it has come to rest", soon, func() bool { return p.Stats().Syncs > at })
	check(t, r.ConfigResetStat(t.Context()).Err())
	began := time.Now()
	eventually(t, "the next turn", soon, func() bool { return p.Stats().Syncs == at+2 })
	took, calls := time.Since(began), r.calls(t)
	t.Logf("%v: %v", took, calls)
	if took < idleTurn*9/10 || calls["evalsha"] != 1 || calls["ping"] > 2 || !p.State().Idle {
		t.Errorf("a turn took %v, and %v", took, calls)
	}
	before := p.epoch(entry("k"))
	q := r.openPeer(t, coherence.Config{})
	check(t, q.Invalidate(t.Context(), entry("k")))
	eventually(t, "the message is heard", time.Second, func() bool { return p.epoch(entry("k")) > before })
	if s := p.Stats(); !p.State().Idle || s.Gaps != 0 || s.Reconnects != 0 {
		t.Errorf("a message made of it %+v, %+v", p.State(), s)
	}
}

const idleTurn = 10 * time.Second

// TestNotIdle: what is used, or owes something, goes on asking Redis.
func TestNotIdle(t *testing.T) {
	t.Parallel()
	nothing := func(*testing.T, *peer) func() { return nil }
	for name, c := range map[string]struct {
		config coherence.Config
		begin  func(*testing.T, *peer) (each func())
	}{
		"never":        {coherence.Config{IdleAfter: -1}, nothing},
		"not for long": {coherence.Config{}, nothing},
		"reads": {coherence.Config{IdleAfter: idleAfter}, func(t *testing.T, p *peer) func() {
			t.Helper()
			return func() { p.member.Ready(t.Context()) }
		}},
		"hits in memory": {coherence.Config{IdleAfter: idleAfter}, func(_ *testing.T, p *peer) func() {
			var hits atomic.Uint64
			p.member.Watch(hits.Load)
			return func() { hits.Add(1) }
		}},
		"has written": {coherence.Config{IdleAfter: idleAfter}, func(t *testing.T, p *peer) func() {
			t.Helper()
			check(t, p.Invalidate(t.Context(), entry("k")))
			return nil
		}},
		"has written what may still land": {coherence.Config{IdleAfter: idleAfter}, func(t *testing.T, p *peer) func() {
			t.Helper()
			failed := errors.New("no answer to COMMIT")
			wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{entry("k")}, func(context.Context) error { return failed }), failed)
			eventually(t, "the intent was sent once more", soon, func() bool { return p.member.Settled() })
			p.ForgetWritten()
			return nil
		}},
		"writes": {coherence.Config{IdleAfter: idleAfter}, func(t *testing.T, p *peer) func() {
			t.Helper()
			s := p.update(t, nil, entry("k"))
			t.Cleanup(func() { _ = s.end() })
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.MaxStaleness = d
			p := shared(t).openPeer(t, c.config)
			each := c.begin(t, p)
			for end := p.Now() + 4*idleAfter; p.Now() < end; {
				at := p.Stats().Syncs
				eventually(t, "another SYNC", soon, func() bool {
					if each != nil {
						each()
					}
					return p.Stats().Syncs > at || p.State().Idle
				})
				if s := p.State(); s.Idle {
					t.Fatalf("got %+v", s)
				}
			}
		})
	}
}

// TestIdleOutage: an idle bus that loses Redis says so at once where its subscription breaks, and is not waited for.
func TestIdleOutage(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{})
	began := time.Now()
	check(t, server.Kill())
	eventually(t, "the fence is told to be closed", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 1 })
	if took := time.Since(began); took > idleTurn/2 {
		t.Errorf("it took %v", took)
	}
	if s := p.State(); s.Condition != coherence.Fenced || s.Idle || s.Why == "" {
		t.Errorf("without Redis: got %+v", s)
	}
	check(t, server.Restart(t.Context()))
	p.awaitOpen(t)
	eventually(t, "it is idle again", soon, func() bool { return p.State().Idle })
}

// TestIdleBehindSilence: where Redis does not answer the first reader's question, it waits for the Redis timeout, and those
// who come after it do not.
func TestIdleBehindSilence(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{})
	check(t, server.Pause())
	t.Cleanup(func() { _ = server.Resume() })
	began := time.Now()
	var readers sync.WaitGroup
	for range 10 {
		readers.Go(func() { p.member.Ready(t.Context()) })
	}
	readers.Wait()
	if took := time.Since(began); took < p.Timeout()/2 || took > 10*p.Timeout() || p.usable(entry("k")) {
		t.Errorf("it took %v, and it is usable: %v", took, p.usable(entry("k")))
	}
	eventually(t, "the outage is known", soon, func() bool { return p.State().Condition == coherence.Fenced })
	began = time.Now()
	p.member.Ready(t.Context())
	if took := time.Since(began); took > p.Timeout()/2 {
		t.Errorf("the next reader waited for %v", took)
	}
	check(t, server.Resume())
	p.awaitOpen(t)
}

// TestIdleClose: readers that wait for an idle bus do not wait for one that is closed.
func TestIdleClose(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{MaxStaleness: 3 * time.Second, Timeout: time.Second})
	check(t, server.Pause())
	t.Cleanup(func() { _ = server.Resume() })
	waited := make(chan time.Duration)
	go func() {
		began := time.Now()
		p.member.Ready(t.Context())
		waited <- time.Since(began)
	}()
	_ = p.Close()
	if took := <-waited; took > p.Timeout()/2 {
		t.Errorf("a reader waited for %v beside Close", took)
	}
	began := time.Now()
	p.member.Ready(t.Context())
	if took := time.Since(began); took > p.Timeout()/2 {
		t.Errorf("a reader waited for %v after Close", took)
	}
	if s := p.State(); s.Idle || s.Condition != coherence.Closed {
		t.Errorf("got %+v", s)
	}
}

// TestIdleFenceIsToldToStayClosed: an idle bus that cannot tell the others of a write says that its fence is closed.
func TestIdleFenceIsToldToStayClosed(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{MaxStaleness: d})
	check(t, r.Do(t.Context(), "ACL", "SETUSER", "default", "-xadd").Err())
	check(t, p.Invalidate(t.Context(), entry("k")))
	eventually(t, "it is told", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 1 })
	if s := p.State(); s.Condition != coherence.CatchingUp || s.Idle || s.Pending == 0 {
		t.Errorf("got %+v", s)
	}
	check(t, r.Do(t.Context(), "ACL", "SETUSER", "default", "+xadd").Err())
	p.awaitOpen(t)
	eventually(t, "that is told too", soon, func() bool { return len(p.events.of(coherence.FenceOpened)) == 2 })
}

// TestIdleReaderLeaves when its context ends.
func TestIdleReaderLeaves(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.idlePeer(t, coherence.Config{MaxStaleness: 3 * time.Second, Timeout: time.Second})
	check(t, server.Pause())
	t.Cleanup(func() { _ = server.Resume() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	p.member.Ready(ctx)
	if took := time.Since(began); took > p.Timeout()/2 {
		t.Errorf("it waited for %v, its context was over after 50ms", took)
	}
}

// TestSilentSubscription: a subscription that hears nothing any more, and is told so by no error, is given up, also that of
// an idle bus.
func TestSilentSubscription(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]time.Duration{"in use": -1, "idle": idleAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			var ears ears
			client := redis.NewClient(&redis.Options{Addr: server.Addr, Dialer: ears.dial})
			t.Cleanup(func() { _ = client.Close() })
			p := r.openPeer(t, coherence.Config{Redis: client, IdleAfter: idle})
			r.awaitSubscribed(t)
			eventually(t, "it is idle, if it is to be", soon, func() bool { return p.State().Idle == (idle > 0) })
			ears.plug()
			began := time.Now()
			eventually(t, "it is given up", soon, func() bool { return len(p.events.of(coherence.SubscriptionLost)) > 0 })
			took, most := time.Since(began), 5*time.Second
			if idle > 0 {
				most += idleTurn
			}
			t.Logf("after %v: %v", took, p.events.of(coherence.SubscriptionLost))
			if err := p.events.of(coherence.SubscriptionLost)[0]; took > most || err == nil || !strings.Contains(err.Error(), "PING") {
				t.Errorf("given up after %v: %v", took, err)
			}
			before := p.epoch(entry("k"))
			eventually(t, "another hears", soon, func() bool {
				check(t, r.openPeer(t, coherence.Config{}).Invalidate(t.Context(), entry("k")))
				return p.epoch(entry("k")) > before
			})
		})
	}
}

// ears are the connections that have subscribed; those that were plugged hear nothing any more.
type ears struct {
	mu  sync.Mutex
	all []*ear
}

type ear struct {
	net.Conn
	of   *ears
	deaf atomic.Bool
}

func (e *ears) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &ear{Conn: conn, of: e}, err
}

func (e *ears) plug() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.all {
		one.deaf.Store(true)
	}
}

func (e *ear) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("subscribe")) {
		e.of.mu.Lock()
		e.of.all = append(e.of.all, e)
		e.of.mu.Unlock()
	}
	return e.Conn.Write(b)
}

func (e *ear) Read(b []byte) (int, error) {
	for {
		n, err := e.Conn.Read(b)
		if err != nil || !e.deaf.Load() {
			return n, err
		}
	}
}
