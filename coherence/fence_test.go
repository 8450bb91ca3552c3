package coherence_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// d is MaxStaleness where a test waits for it.
const d = 400 * time.Millisecond

// TestNoRedisAtNew: a bus comes up without Redis, fenced, says why, and opens once Redis is there.
func TestNoRedisAtNew(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	check(t, server.Kill())
	began := time.Now()
	p := r.peer(t, coherence.Config{MaxStaleness: d})
	if took := time.Since(began); took > time.Second {
		t.Errorf("New took %v", took)
	}
	k := entry("k")
	p.member.Ready(t.Context()) // the first attempt, and no longer
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Ready took %v", took)
	}
	if s := p.State(); p.Open(p.Now()) || p.usable(k) || s.Condition != coherence.Fenced || s.Since.Before(began) {
		t.Errorf("without Redis: got %+v, usable %v", s, p.usable(k))
	}
	eventually(t, "it tells that SYNC failed", soon, func() bool { return p.Stats().SyncFailures > 0 && len(p.events.of(coherence.SyncFailed)) > 0 })
	check(t, server.Restart(t.Context()))
	p.awaitOpen(t)
	if s := p.State(); s.Condition != coherence.Open || len(p.events.of(coherence.FenceOpened)) != 1 {
		t.Errorf("with Redis: got %+v", s)
	}
}

// TestFenceCloses within MaxStaleness of Redis's last answer, however Redis goes, and opens when it is back.
func TestFenceCloses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ away, back func(*services.Redis) error }{
		"killed": {(*services.Redis).Kill, func(s *services.Redis) error { return s.Restart(t.Context()) }},
		"paused": {(*services.Redis).Pause, (*services.Redis).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			p := r.openPeer(t, coherence.Config{MaxStaleness: d})
			check(t, c.away(server))
			gone, since := p.Now(), time.Now()
			eventually(t, "the fence closes", soon, func() bool { return !p.Open(p.Now()) })
			if s := p.State(); s.Condition != coherence.Fenced || s.Since.Before(since) {
				t.Errorf("as soon as it has closed, after %v: got %+v", since, s)
			}
			if p.Open(gone + d) {
				t.Errorf("open %v after the last answer", d)
			}
			eventually(t, "it tells", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 1 })
			if s := p.State(); s.Condition != coherence.Fenced || s.Why == "" {
				t.Errorf("got %+v", s)
			}
			if p.usable(entry("k")) {
				t.Error("usable behind a closed fence")
			}
			check(t, c.back(server))
			p.awaitOpen(t)
			eventually(t, "it tells that too", soon, func() bool { return len(p.events.of(coherence.FenceOpened)) == 2 })
			if s := p.State(); s.Condition != coherence.Open {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// TestFailedDials: after many of them the first one that can succeed does, so that a long outage ends as soon as a short
// one.
func TestFailedDials(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{})
	check(t, server.Kill())
	for range 1100 { // some six minutes of SYNCs and subscriptions
		if p.Control().Ping(t.Context()).Err() == nil {
			t.Fatal("a killed Redis answers")
		}
	}
	check(t, server.Restart(t.Context()))
	err := p.Control().Ping(t.Context()).Err()
	if errors.Is(err, net.ErrClosed) { // by the new incarnation, which makes all connections anew
		err = p.Control().Ping(t.Context()).Err()
	}
	check(t, err)
}

// TestFenceNeedsWrites: a node that still answers reads and takes no writes, as a master that lost its replicas, closes
// the fence: SYNC must write.
func TestFenceNeedsWrites(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	if r.text(t, r.layout.Heartbeat()) == "" {
		t.Error("no heartbeat")
	}
	check(t, r.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	eventually(t, "the fence closes", soon, func() bool { return !p.Open(p.Now()) })
	check(t, r.Get(t.Context(), r.layout.Heartbeat()).Err()) // it does answer
	eventually(t, "it tells", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 1 })
	if why := p.State().Why; !strings.Contains(why, "NOREPLICAS") {
		t.Errorf("got why %q, want Redis's own words", why)
	}
	check(t, r.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err())
	p.awaitOpen(t)
}

// TestReadOnlyReplica never opens the fence.
func TestReadOnlyReplica(t *testing.T) {
	t.Parallel()
	master, _ := own(t, services.RedisOptions{})
	r, _ := own(t, services.RedisOptions{})
	host, port, _ := strings.Cut(master.Options().Addr, ":")
	check(t, r.Do(t.Context(), "REPLICAOF", host, port).Err())
	p := r.peer(t, coherence.Config{MaxStaleness: d})
	eventually(t, "SYNCs fail", soon, func() bool { return p.Stats().SyncFailures > 2 })
	if p.Open(p.Now()) {
		t.Error("the fence is open")
	}
	if errs := p.events.of(coherence.SyncFailed); !strings.Contains(errs[len(errs)-1].Error(), "read only replica") {
		t.Errorf("got %v", errs)
	}
	eventually(t, "the state says why", soon, func() bool { return strings.Contains(p.State().Why, "read only replica") })
}

// TestNoSecretsAreTold: neither the state nor an event carries a password, right or wrong.
func TestNoSecretsAreTold(t *testing.T) {
	t.Parallel()
	const password, wrong = "s3cret-and-right", "s3cret-but-wrong"
	r, server := own(t, services.RedisOptions{Password: password})
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "default", Password: wrong})
	t.Cleanup(func() { _ = client.Close() })
	p := r.peer(t, coherence.Config{Redis: client, MaxStaleness: d})
	q := r.openPeer(t, coherence.Config{MaxStaleness: d})
	eventually(t, "the wrong password is refused", soon, func() bool { return p.Stats().SyncFailures > 1 })
	check(t, server.Kill())
	check(t, q.Invalidate(t.Context(), entry("k")))
	eventually(t, "both are fenced", soon, func() bool {
		return p.State().Condition == coherence.Fenced && len(q.events.of(coherence.FenceClosed)) > 0 && q.Stats().Reconnects > 0
	})
	for _, peer := range []*peer{p, q} {
		texts := []string{peer.State().Why}
		for kind := coherence.SyncFailed; kind <= coherence.NotEncoded; kind++ {
			for _, err := range peer.events.of(kind) {
				if err != nil {
					texts = append(texts, err.Error())
				}
			}
		}
		for _, text := range texts {
			if strings.Contains(text, "s3cret") {
				t.Errorf("a password in %q", text)
			}
		}
	}
	if errs := p.events.of(coherence.SyncFailed); len(errs) == 0 || !strings.Contains(errs[0].Error(), "WRONGPASS") {
		t.Errorf("got %v, want Redis's own words", errs)
	}
}

// TestFenceWaitsForWhatIsPending, also if Redis answers for long and takes all but that.
func TestFenceWaitsForWhatIsPending(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		write   func(*testing.T, *peer)
		pending int
	}{
		"invalidations": {func(t *testing.T, p *peer) {
			t.Helper()
			check(t, p.Invalidate(t.Context(), entry("k")))
			check(t, p.Update(t.Context(), []coherence.Ref{entry("another")}, func(context.Context) error { return nil }))
		}, 2},
		"the intent of a write that may still land": {func(t *testing.T, p *peer) {
			t.Helper()
			wantError(t, p.Update(t.Context(), []coherence.Ref{entry("k")}, func(context.Context) error { return errors.New("failed") }), "failed")
			eventually(t, "its intent is pending", soon, func() bool { return p.State().Pending == 1 })
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := own(t, services.RedisOptions{})
			p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
			rights("-eval", "-evalsha")
			eventually(t, "the fence closes", soon, func() bool { return !p.Open(p.Now()) })
			c.write(t, p)
			rights("+@all", "-xadd") // which SYNC does without
			eventually(t, "it catches up", soon, func() bool { return p.State().Condition == coherence.CatchingUp })
			holds(t, "the fence is closed while something is pending", 1500*time.Millisecond, func() bool { return !p.Open(p.Now()) })
			if s := p.State(); s.Condition != coherence.CatchingUp || s.Pending != c.pending {
				t.Errorf("got %+v", s)
			}
			rights("+xadd")
			p.awaitOpen(t)
			if s := p.State(); s.Pending != 0 {
				t.Errorf("got %+v", s)
			}
		})
	}
}
