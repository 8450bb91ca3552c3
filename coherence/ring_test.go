package coherence_test

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/word"
)

// TestLostWrites: a Redis that comes back with an older past is told again what this process's writes named, before the
// fence of any process opens; what was Set stays if it is there.
func TestLostWrites(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	updated, invalidated, tag := entry("updated"), entry("invalidated"), coherence.Tag("t")
	kept, lost := entry("kept"), entry("lost")
	for _, ref := range []coherence.Ref{updated, invalidated, tag} {
		r.put(t, ref, "Vversion1")
	}
	id := p.member.Remember(kept)
	r.put(t, kept, "V"+string(id[:])+"what was Set")
	p.member.Remember(lost)
	r.put(t, lost, "Volder-id and what was before")
	check(t, r.Save(t.Context()).Err())
	past := p.member.Generation()

	check(t, p.Update(t.Context(), []coherence.Ref{updated}, func(context.Context) error { return nil }))
	check(t, p.Invalidate(t.Context(), invalidated, tag))
	check(t, p.member.Clear(t.Context()))
	eventually(t, "all is acknowledged", soon, p.member.Settled)
	check(t, server.Kill())
	check(t, server.Restart(t.Context()))
	eventually(t, "the fence closes", soon, func() bool { return !p.Open(p.Now()) || p.Stats().Flushes > 0 })
	p.awaitOpen(t)
	for ref, want := range map[coherence.Ref]string{updated: "", invalidated: "", lost: "", kept: "V" + string(id[:]) + "what was Set"} {
		if w := r.word(t, ref); w != want {
			t.Errorf("%v is %q, want %q", ref, w, want)
		}
	}
	if w := r.word(t, tag); w == "Vversion1" {
		t.Error("the tag has its old version")
	}
	g, err := strconv.ParseUint(r.text(t, r.layout.Key(word.GenerationName("test"))), 10, 64)
	if check(t, err); g <= past {
		t.Errorf("the generation is %d, it was cleared to more than %d", g, past)
	}
}

// TestSetIsKeptThroughTwoIncarnations: what was Set stays also if another incarnation comes before the first was told.
func TestSetIsKeptThroughTwoIncarnations(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	k := entry("k")
	id := p.member.Remember(k)
	r.put(t, k, "V"+string(id[:])+"what was Set")
	rights("resetkeys", "~"+r.layout.Key("tieredcache:*")) // SYNC is taken, and nothing else
	for n := uint64(1); n <= 2; n++ {
		r.becomeAnother(t)
		eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes >= n })
	}
	rights("~*")
	eventually(t, "it is told", soon, p.member.Settled)
	if w := r.word(t, k); w != "V"+string(id[:])+"what was Set" {
		t.Errorf("the word is %q", w)
	}
}

// TestRunningWriteOnNewIncarnation: the intent of a write that runs while Redis restarts empty stands there again.
func TestRunningWriteOnNewIncarnation(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	k, unknown := entry("k"), entry("unknown")
	wantError(t, p.update(t, context.DeadlineExceeded, unknown).end(), "deadline")
	eventually(t, "the end is acknowledged", soon, p.member.Settled)
	s := p.update(t, nil, k)
	check(t, server.Restart(t.Context()))
	eventually(t, "the fence closes", soon, func() bool { return p.Stats().Flushes > 0 })
	eventually(t, "the intents stand again", soon, func() bool { return intended(r.word(t, k)) && intended(r.word(t, unknown)) })
	check(t, s.end())
	eventually(t, "DONE is acknowledged", soon, func() bool { return p.member.Settled() && p.usable(k) })
	if w := r.word(t, k); w != "" || p.Stats().Repairs != 0 {
		t.Errorf("the word is %q, %d repairs", w, p.Stats().Repairs)
	}
}

// TestNewIncarnationRaisesTwice: a connection made right after a failover may still lead to the server that was demoted.
func TestNewIncarnationRaisesTwice(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	check(t, server.Restart(t.Context()))
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	noticed, first := time.Now(), p.epoch(entry("k"))
	eventually(t, "the epoch is raised once more", soon, func() bool { return p.epoch(entry("k")) > first })
	if took := time.Since(noticed); took < d/2 {
		t.Errorf("after %v, want %v", took, d)
	}
}

// TestConnectionsAreMadeAnew: after a new incarnation no connection from before it is used, nor does what an older
// subscription says count.
func TestConnectionsAreMadeAnew(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{Timeout: 600 * time.Millisecond})
	check(t, p.Redis().Ping(t.Context()).Err())
	subscribed := func() int64 {
		n, err := r.PubSubNumSub(t.Context(), r.layout.Channel()).Result()
		check(t, err)
		return n[r.layout.Channel()]
	}
	eventually(t, "it is subscribed", soon, func() bool { return subscribed() == 1 })
	id, err := p.Redis().ClientID(t.Context()).Result()
	check(t, err)
	// The same server calls itself another: as after a failover, where the old connections go on.
	check(t, r.Set(t.Context(), r.layout.Incarnation(), "x", 0).Err())
	check(t, r.Set(t.Context(), r.layout.Sequence(), "5", 0).Err())
	check(t, r.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err()) // takes another replication id
	check(t, r.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	eventually(t, "another connection is used", soon, func() bool {
		now, err := p.Redis().ClientID(t.Context()).Result()
		return err == nil && now != id
	})
	eventually(t, "the subscription is another", soon, func() bool { return p.Stats().Reconnects > 0 && subscribed() == 1 })
	gaps := p.Stats().Gaps
	p.Hear("9999999999999999|test:k") // of the subscription before
	if got := p.Stats().Gaps; got != gaps {
		t.Error("a message of the older subscription counted")
	}
	p.HearNow("9999999999999999|test:k")
	if got := p.Stats().Gaps; got != gaps+1 {
		t.Error("a message of the subscription of now did not count")
	}
}

// TestConnectionDialledMeanwhile: one that was being dialled while those before were closed may lead where they led, and
// is not used.
func TestConnectionDialledMeanwhile(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	var hold atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if hold.CompareAndSwap(true, false) {
			close(held)
			<-release
		}
		return conn, err
	}})
	t.Cleanup(func() { _ = client.Close() })
	p := r.openPeer(t, coherence.Config{Redis: client, MaxStaleness: patient, Timeout: patient / 6})
	r.awaitSubscribed(t)
	hold.Store(true)
	used := make(chan error, 1)
	go func() { used <- p.Redis().Ping(t.Context()).Err() }()
	<-held
	r.becomeAnother(t)
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	close(release)
	wantError(t, <-used, "made anew")
	check(t, p.Redis().Ping(t.Context()).Err())
}

// TestConnectionsAreMadeAnewTwice: one that was made right after a failover may still lead to the server that was demoted,
// and would for as long as it lives.
func TestConnectionsAreMadeAnewTwice(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	r.becomeAnother(t)
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	var id int64
	eventually(t, "a connection is made", soon, func() (ok bool) {
		var err error
		id, err = p.Redis().ClientID(t.Context()).Result()
		return err == nil
	})
	eventually(t, "another one is used", guarded, func() bool {
		now, err := p.Redis().ClientID(t.Context()).Result()
		return err == nil && now != id
	})
}

// TestSettling: after an outage the fence stays closed for a while, so that other processes can tell what was pending.
func TestSettling(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	check(t, server.Kill())
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	restarted := make(chan error, 1)
	go func() { restarted <- server.Restart(t.Context()) }()
	eventually(t, "it catches up", soon, func() bool { return p.State().Condition == coherence.CatchingUp })
	answered := p.State()
	if answered.Condition == coherence.CatchingUp && answered.Why == "" {
		t.Errorf("got %+v", answered)
	}
	eventually(t, "it tells that it has opened", soon, func() bool { return len(p.events.of(coherence.FenceOpened)) == 2 })
	if took := p.State().Since.Sub(answered.Since); took < 450*time.Millisecond { // counted from when the SYNCs were sent
		t.Errorf("it opened %v after the first answer, want 600ms", took)
	}
	check(t, <-restarted)
	if s := p.State(); s.Condition != coherence.Open || len(p.events.of(coherence.FenceOpened)) != 2 || len(p.events.of(coherence.FenceClosed)) != 1 {
		t.Errorf("got %+v", s)
	}
}

// TestOverflowElsewhere: what one process cannot remember is made good in every process, and for caches that it does not
// have.
func TestOverflowElsewhere(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	p, q := r.openPeer(t, coherence.Config{MaxStaleness: patient}), r.openPeer(t, coherence.Config{MaxStaleness: patient})
	other, err := q.Join("other", 1)
	check(t, err)
	eventually(t, "the other cache has its generation", soon, func() bool { return other.Generation() != 0 })
	foreign := shared(t).layout.Key("") + word.GenerationName("other") // of another namespace
	check(t, r.Set(t.Context(), foreign, "7", 0).Err())
	test, others := q.member.Generation(), other.Generation()
	check(t, server.Kill())
	refs := make([]coherence.Ref, 100_000)
	for i := range refs {
		refs[i] = entry(strconv.Itoa(i))
	}
	check(t, p.Invalidate(t.Context(), refs...))
	check(t, p.Invalidate(t.Context(), coherence.Entry("other", "one too many")))
	if n := p.Stats().Overflows; n != 1 || len(p.events.of(coherence.Overflowed)) != 1 {
		t.Errorf("%d overflows", n)
	}
	check(t, server.Restart(t.Context()))
	eventually(t, "both caches are cleared there", soon, func() bool { return q.member.Generation() > test && other.Generation() > others })
	eventually(t, "all is delivered", soon, func() bool { return p.member.Settled() })
	if g := r.text(t, foreign); g != "7" {
		t.Errorf("another namespace's generation became %s", g)
	}
}

// TestClearIsPending: a Clear that Redis did not take keeps the cache out of use here, and is delivered.
func TestClearIsPending(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	beside, err := p.Join("beside", 1)
	check(t, err)
	eventually(t, "it has its generation", soon, func() bool { return beside.Generation() != 0 })
	g := p.member.Generation()
	check(t, server.Kill())
	check(t, p.member.Clear(t.Context()))
	places := beside.Places(coherence.Entry("beside", "k"), nil)
	if p.usable(entry("k")) || !beside.Usable(p.Now(), &places) || p.State().Pending != 1 {
		t.Errorf("usable: %v, the cache beside it %v, %d pending", p.usable(entry("k")), beside.Usable(p.Now(), &places), p.State().Pending)
	}
	check(t, server.Restart(t.Context()))
	eventually(t, "it is delivered", soon, func() bool { return p.usable(entry("k")) && p.State().Pending == 0 })
	if got := p.member.Generation(); got <= g {
		t.Errorf("the generation is %d, before %d", got, g)
	}
}
