package coherence_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// Tests of single guards. Each fails soon where its guard is missing: `make mutants` takes them out.

// guarded is how long such a test waits for what a guard brings about.
const guarded = 3 * time.Second

// limited returns an open peer that speaks to Redis as a user of its own, and what changes the rights of that user.
func (r *rig) limited(t testing.TB, config coherence.Config) (p *peer, rights func(rules ...string)) {
	t.Helper()
	const user, password = "limited", "x"
	rights = func(rules ...string) {
		t.Helper()
		command := []any{"ACL", "SETUSER", user}
		for _, rule := range rules {
			command = append(command, rule)
		}
		check(t, r.Do(t.Context(), command...).Err())
	}
	rights("on", ">"+password, "~*", "&*", "+@all")
	client := redis.NewClient(&redis.Options{Addr: r.Options().Addr, Username: user, Password: password})
	t.Cleanup(func() { _ = client.Close() })
	config.Redis = client
	return r.openPeer(t, config), rights
}

// watched returns an open peer whose events the test is told of, while the loop of SYNC waits.
func (r *rig) watched(t testing.TB, config coherence.Config, on func(*peer, coherence.Event)) *peer {
	t.Helper()
	var told atomic.Pointer[peer]
	config.Namespace = r.namespace
	if config.Redis == nil {
		config.Redis = r.Client
	}
	config.OnEvent = func(e coherence.Event) {
		if p := told.Load(); p != nil {
			on(p, e)
		}
	}
	bus, err := coherence.New(config)
	check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	m, err := bus.Join("test", 1)
	check(t, err)
	p := &peer{Bus: bus, member: m}
	p.awaitOpen(t)
	told.Store(p)
	return p
}

// holds fails where something ceases to be true within a time.
func holds(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	eventually(t, what, soon, func() bool {
		if !ok() {
			t.Fatalf("not for %v: %s", within, what)
		}
		return time.Now().After(end)
	})
}

// becomeAnother makes a server call itself another incarnation; it keeps its data and its connections.
func (r *rig) becomeAnother(t testing.TB) {
	t.Helper()
	check(t, r.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err()) // takes another replication id
	check(t, r.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
}

// TestSyncMustWrite: a node that answers and takes no writes closes the fence.
func TestSyncMustWrite(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	check(t, r.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	eventually(t, "the fence closes", guarded, func() bool { return !p.Open(p.Now()) })
}

// TestFenceCountsFromTheQuestion, not from the answer: what happened while that was on its way is not in it.
func TestFenceCountsFromTheQuestion(t *testing.T) {
	t.Parallel()
	const bound, way = time.Second, 200 * time.Millisecond
	r, server := own(t, services.RedisOptions{})
	var long atomic.Bool
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return distant{conn, way, &long}, err
	}})
	t.Cleanup(func() { _ = client.Close() })
	p := r.openPeer(t, coherence.Config{Redis: client, MaxStaleness: bound, Timeout: bound / 3})
	long.Store(true)
	at := p.Stats().Syncs
	eventually(t, "an answer comes the long way", soon, func() bool { return p.Stats().Syncs > at+2 })
	holds(t, "the time of the way counts", time.Second, func() bool { return !p.Open(p.Now() + bound - way*9/10) })
}

// distant is a connection whose answers are long on their way, once they are told to.
type distant struct {
	net.Conn
	way  time.Duration
	long *atomic.Bool
}

func (d distant) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	if d.long.Load() {
		<-time.After(d.way)
	}
	return n, err
}

// TestFenceOpensOnlyAfterTheJournal: who was frozen for longer than MaxStaleness applies what it has missed before it
// uses memory again.
func TestFenceOpensOnlyAfterTheJournal(t *testing.T) {
	t.Parallel()
	r := shared(t)
	frozen, thaw := make(chan struct{}), make(chan struct{})
	p := r.watched(t, coherence.Config{MaxStaleness: d}, func(_ *peer, e coherence.Event) {
		if e.Kind == coherence.Flushed {
			close(frozen)
			<-thaw
		}
	})
	check(t, r.IncrBy(t.Context(), r.layout.Sequence(), 5000).Err()) // flushes
	<-frozen
	since := p.Now()
	eventually(t, "the last question is too old", soon, func() bool { return p.Now() > since+d })
	k := entry("k")
	before := p.epoch(k)
	r.lose(t, k)
	release := p.HoldWaiters()
	close(thaw)
	eventually(t, "the journal is being applied", soon, func() bool { return p.epoch(k) > before })
	if p.Open(p.Now()) {
		t.Error("the fence is open before the journal is applied")
	}
	release()
	p.awaitOpen(t)
}

// TestFenceSettlesAfterAnOutage: other processes need some time to tell what was pending there.
func TestFenceSettlesAfterAnOutage(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	rights("-eval", "-evalsha")
	eventually(t, "the fence closes", soon, func() bool { return p.State().Condition == coherence.Fenced })
	rights("+@all")
	var catching, opened coherence.State
	eventually(t, "the fence opens", soon, func() bool {
		s := p.State()
		if s.Condition == coherence.CatchingUp {
			catching = s
		}
		opened = s
		return s.Condition == coherence.Open
	})
	if catching.Since.IsZero() {
		t.Fatal("it opened at the first answer")
	}
	if took := opened.Since.Sub(catching.Since); took < 450*time.Millisecond {
		t.Errorf("it opened %v after the first answer, want 600ms", took)
	}
}

// TestGapIsAskedFor at once: gaps bring more SYNCs in a time than there are without.
func TestGapIsAskedFor(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{})
	last := p.Stats().Syncs
	eventually(t, "10 SYNCs, where the clock brings 6", guarded, func() bool {
		p.HearNow("9999999999999999|test:k")
		return p.Stats().Syncs >= last+10
	})
}

// TestGapIsFound: a message says nothing of those before it.
func TestGapIsFound(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	k, second := entry("k"), entry("second")
	for range 3 { // a SYNC may come between
		before := p.epoch(k)
		r.lose(t, k)
		p.HearNow(strconv.FormatInt(r.lose(t, second), 10) + "|" + second.String())
		eventually(t, "what was lost is found", guarded, func() bool { return p.epoch(k) > before })
	}
}

// TestSubscriptionIsAskedFor at once: what was said before it is in the journal.
func TestSubscriptionIsAskedFor(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{})
	last, channel := p.Stats().Syncs, r.layout.Channel()
	eventually(t, "12 SYNCs, where the clock brings 6", guarded, func() bool {
		if n, err := r.PubSubNumSub(t.Context(), channel).Result(); err == nil && n[channel] == 1 {
			check(t, r.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err())
		}
		return p.Stats().Syncs >= last+12
	})
}

// TestTrimmedJournalFlushes: what the journal does not hold may have been anything.
func TestTrimmedJournalFlushes(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	before := p.epoch(entry("k"))
	check(t, r.IncrBy(t.Context(), r.layout.Sequence(), 2).Err())
	eventually(t, "everything is made stale", guarded, func() bool { return p.epoch(entry("k")) > before })
}

// TestAnotherIncarnationFlushes before it is told and the fence opens, and once more after MaxStaleness.
func TestAnotherIncarnationFlushes(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	k := entry("k")
	flushed := make(chan uint64, 9)
	p := r.watched(t, coherence.Config{MaxStaleness: d}, func(p *peer, e coherence.Event) {
		if e.Kind == coherence.Flushed {
			flushed <- p.epoch(k)
		}
	})
	before := p.epoch(k)
	r.becomeAnother(t)
	at := <-flushed
	if at <= before {
		t.Error("it was told, and memory is as valid as before")
	}
	eventually(t, "everything is made stale once more", guarded, func() bool { return p.epoch(k) > at })
}

// TestAnotherIncarnationClosesConnections: an old one may lead to a server that was demoted.
func TestAnotherIncarnationClosesConnections(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{})
	id, err := p.Redis().ClientID(t.Context()).Result()
	check(t, err)
	r.becomeAnother(t)
	eventually(t, "another connection is used", guarded, func() bool {
		now, err := p.Redis().ClientID(t.Context()).Result()
		return err == nil && now != id
	})
}

// TestIntentsStandAgain on another incarnation, which may have lost them: of a write that runs, and of one that may still
// land.
func TestIntentsStandAgain(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	k, unknown := entry("k"), entry("unknown")
	wantIs(t, "Update", p.update(t, context.Canceled, unknown).end(), context.Canceled)
	eventually(t, "the end is acknowledged", soon, p.member.Settled)
	s := p.update(t, nil, k)
	check(t, r.Del(t.Context(), r.layout.Key(k.String()), r.layout.Key(unknown.String())).Err())
	r.becomeAnother(t)
	eventually(t, "the intents stand again", guarded, func() bool { return intended(r.word(t, k)) && intended(r.word(t, unknown)) })
	check(t, s.end())
}

// TestStrictCancelsInTime a write whose intent cannot be renewed.
func TestStrictCancelsInTime(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{Mode: coherence.Strict, IntentLife: brief, MaxStaleness: patient})
	s := p.update(t, nil, entry("k"))
	rights("-eval", "-evalsha")
	eventually(t, "the write is cancelled", guarded, func() bool { return s.ctx.Err() != nil })
	check(t, s.end())
}

// TestUnknownOutcomeLeavesAFullLife from the end of the write, not what was left since the last renewal.
func TestUnknownOutcomeLeavesAFullLife(t *testing.T) {
	t.Parallel()
	const life = 3 * brief
	r := shared(t)
	p := r.openPeer(t, coherence.Config{IntentLife: life})
	k := entry("k")
	failed := errors.New("failed")
	s := p.update(t, failed, k)
	left := func() time.Duration { return r.PTTL(t.Context(), r.layout.Key(k.String())).Val() }
	eventually(t, "a part of its life is over", soon, func() bool { return left() < life*3/4 })
	wantIs(t, "Update", s.end(), failed)
	eventually(t, "the end is acknowledged", guarded, p.member.Settled)
	if got := left(); got < life*85/100 {
		t.Errorf("the intent lives for %v more, want %v", got, life)
	}
}

// TestOneWritersEndIsNotTheOthers: what two write is pending until both have been acknowledged.
func TestOneWritersEndIsNotTheOthers(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	k := entry("k")
	first := p.update(t, nil, k)
	alone := r.word(t, k)
	check(t, p.update(t, nil, k).end())
	eventually(t, "the second one's DONE is there", soon, func() bool { return r.word(t, k) == alone })
	holds(t, "the entry is not usable while the first one writes", 100*time.Millisecond, func() bool { return !p.usable(k) })
	check(t, first.end())
	eventually(t, "it is usable after both", soon, func() bool { return p.usable(k) && p.member.Settled() })
}

// TestEpochRisesBeforeTheWrite here, whether or not the intent's own message has come back.
func TestEpochRisesBeforeTheWrite(t *testing.T) {
	t.Parallel()
	p := localPeer(t)
	k := entry("k")
	before := p.epoch(k)
	check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error {
		if p.epoch(k) == before {
			t.Error("the epoch was not raised")
		}
		return nil
	}))
}

// TestRedisIsToldFirst: the other way round a reader here would refill memory from the old word.
func TestRedisIsToldFirst(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: patient / 6})
	k := entry("k")
	before := p.epoch(k)
	check(t, server.Pause())
	ended := make(chan error, 1)
	go func() { ended <- p.Invalidate(t.Context(), k) }()
	eventually(t, "the invalidation has begun", soon, func() bool { return !p.member.Settled() })
	early, since := false, time.Now()
	eventually(t, "a moment goes by", soon, func() bool {
		early = early || p.epoch(k) != before
		return time.Since(since) > 200*time.Millisecond
	})
	check(t, server.Resume())
	check(t, <-ended)
	if early || p.epoch(k) == before {
		t.Errorf("raised before Redis has answered: %v, afterwards: %v", early, p.epoch(k) != before)
	}
}

// TestACacheIsFencedUntilItsGenerationIsKnown, although the fence of its bus is open.
func TestACacheIsFencedUntilItsGenerationIsKnown(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	check(t, server.Pause())
	m, err := p.Join("late", 1)
	check(t, err)
	places := m.Places(coherence.Entry("late", "k"), nil)
	if !p.Open(p.Now()) || m.Usable(p.Now(), &places) {
		t.Error("used before Redis has told its generation")
	}
	check(t, server.Resume())
	eventually(t, "it is used", soon, func() bool { return m.Usable(p.Now(), &places) })
}
