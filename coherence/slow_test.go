package coherence_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// linked returns an open peer that reaches Redis over a link.
func (r *rig) linked(t *testing.T, config coherence.Config) (*peer, *link) {
	t.Helper()
	l := new(link)
	client := redis.NewClient(l.options(r.Options().Addr))
	t.Cleanup(func() { _ = client.Close() })
	config.Redis = client
	return r.openPeer(t, config), l
}

// long is a name of many bytes.
func long(i int) coherence.Ref { return entry(fmt.Sprint(i) + strings.Repeat("x", 900)) }

// TestFarRedis: each round trip takes more than half of the Redis timeout. Connections that were lost are made again, which
// takes several, and what is owed is delivered.
func TestFarRedis(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{})
	l.each.Store(int64(60 * time.Millisecond))
	r.hangUp(t)
	k := entry("k")
	r.put(t, k, "Vversion1")
	eventually(t, "connections are lost", soon, func() bool { return p.Stats().SyncFailures > 0 })
	check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
	eventually(t, "the fence is open, and all is delivered", soon, func() bool {
		return p.State().Condition == coherence.Open && p.member.Settled() && r.word(t, k) == ""
	})
}

// TestFenceOpensAgainOverASlowLink: where a connection and a SYNC were made in one Timeout at first, they are after a cut, also
// where Timeout is more than a quarter of MaxStaleness.
func TestFenceOpensAgainOverASlowLink(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{MaxStaleness: 1200 * time.Millisecond, Timeout: 400 * time.Millisecond})
	l.each.Store(int64(115 * time.Millisecond)) // three of them are what it takes
	l.off.Store(true)
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	l.off.Store(false)
	eventually(t, "the fence opens", soon, func() bool { return p.State().Condition == coherence.Open })
}

// TestSlowRenewal: a Strict write hears that its intent is not renewed in time while that is being renewed, ref by ref.
func TestSlowRenewal(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{Mode: coherence.Strict, IntentLife: brief, Timeout: brief / 3})
	s := p.update(t, nil, manyRefs(12_000)...)
	l.each.Store(int64(brief / 4))
	began := time.Now()
	<-s.ctx.Done()
	if took := time.Since(began); took > 2*brief {
		t.Errorf("told after %v", took)
	}
	wantIs(t, "the cause", context.Cause(s.ctx), coherence.ErrCoherence)
	l.each.Store(0)
	check(t, s.end())
}

// TestRenewalAfterASlowIntent: an intent that took long to send is renewed in time from when it was sent.
func TestRenewalAfterASlowIntent(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	const life = 3 * brief
	p, l := r.linked(t, coherence.Config{Mode: coherence.Strict, IntentLife: life, Timeout: life / 12})
	l.each.Store(int64(life / 60))
	s := p.update(t, nil, manyRefs(12_000)...) // which takes a fifth of its life
	holds(t, "it is not given up", life, func() bool { return s.ctx.Err() == nil })
	l.each.Store(0)
	check(t, s.end())
}

// TestDeadConnections: those of the caches that were idle when the network swallowed them hold SYNC up for nothing.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{})
	const idle = 10
	l.each.Store(int64(20 * time.Millisecond))
	var readers sync.WaitGroup
	for range idle {
		readers.Go(func() { _ = p.Redis().Get(t.Context(), "k") })
	}
	readers.Wait()
	l.each.Store(0)
	if n := p.Redis().PoolStats().IdleConns; n < idle/2 {
		t.Fatalf("%d connections are idle", n)
	}
	l.blackHole()
	eventually(t, "SYNC fails", soon, func() bool { return p.Stats().SyncFailures > 0 })
	began, failures := time.Now(), p.Stats().SyncFailures
	syncs := p.Stats().Syncs
	eventually(t, "SYNC is answered again", soon, func() bool { return p.Stats().Syncs > syncs+1 })
	if took, failed := time.Since(began), p.Stats().SyncFailures-failures; took > 3*time.Second || failed > 3 {
		t.Errorf("it took %v, and %d more failures", took, failed)
	}
}

// TestNarrowLink: what takes longer than the Redis timeout, so much at once, is delivered in smaller lots.
func TestNarrowLink(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{})
	l.off.Store(true)
	const names = 300
	for i := range names {
		check(t, p.Invalidate(t.Context(), long(i)))
	}
	eventually(t, "all is pending, behind a closed fence", soon, func() bool {
		return p.State().Pending == names && p.State().Condition == coherence.Fenced
	})
	l.up.Store(2 << 20)
	l.off.Store(false)
	eventually(t, "the fence is open, and all is delivered", soon, func() bool {
		return p.State().Condition == coherence.Open && p.State().Pending == 0
	})
}

// TestLongJournal: where the journal that was missed does not come through in time, less is asked for, and everything is
// flushed.
func TestLongJournal(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, l := r.linked(t, coherence.Config{})
	other := r.openPeer(t, coherence.Config{})
	l.off.Store(true)
	for i := range 990 {
		check(t, other.Invalidate(t.Context(), long(i)))
	}
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	flushes := p.Stats().Flushes
	l.down.Store(2 << 20)
	l.off.Store(false)
	eventually(t, "the fence is open", soon, func() bool { return p.State().Condition == coherence.Open })
	if p.Stats().Flushes == flushes {
		t.Error("nothing was flushed: the journal came through, and this shows nothing")
	}
}

// TestRefusedWriteIsTakenBack: where Redis stalls, the INTENT of a Strict write that does not run may land later, and so
// may not what takes it back. It is taken back with what is delivered next.
func TestRefusedWriteIsTakenBack(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{Mode: coherence.Strict})
	refs := []coherence.Ref{entry("k"), coherence.Tag("t")}
	check(t, p.Update(t.Context(), refs, func(context.Context) error { return nil })) // connects
	eventually(t, "it is told", soon, p.member.Settled)
	check(t, server.Pause())
	wantIs(t, "Update", p.Update(t.Context(), refs, func(context.Context) error {
		t.Error("it ran")
		return nil
	}), coherence.ErrCoherence)
	failures := p.Stats().SyncFailures
	eventually(t, "what takes it back has failed", soon, func() bool { return p.Stats().SyncFailures > failures+1 })
	check(t, server.Resume())
	syncs := p.Stats().Syncs
	eventually(t, "Redis has met what was sent", soon, func() bool { return p.Stats().Syncs > syncs })
	eventually(t, "nothing is intended", soon, func() bool {
		return !strings.HasPrefix(r.word(t, refs[0]), "I") && !strings.HasPrefix(r.word(t, refs[1]), "I")
	})
}
