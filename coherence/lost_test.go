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

// TestLateDeliveryIsToldAgain: what Redis took late it may lose as well as what it took at once.
func TestLateDeliveryIsToldAgain(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	k, tag := entry("k"), coherence.Tag("t")
	rights("-eval", "-evalsha")
	check(t, p.Invalidate(t.Context(), k, tag))
	p.ForgetWritten() // the outage was longer than that is remembered
	rights("+@all")
	eventually(t, "it is delivered", soon, p.member.Settled)
	r.put(t, k, "Vversion1")
	r.put(t, tag, "Vversion1")
	r.becomeAnother(t)
	eventually(t, "it is told again", guarded, func() bool { return r.word(t, k) == "" && r.word(t, tag) != "Vversion1" })
}

// TestLateDeliveryKeepsWhatWasSet since: what is told again of it does not take that away.
func TestLateDeliveryKeepsWhatWasSet(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	k := entry("k")
	rights("-eval", "-evalsha")
	check(t, p.Invalidate(t.Context(), k))
	p.ForgetWritten()
	id := p.member.Remember(k) // of a Set that came between
	rights("+@all")
	eventually(t, "it is delivered", soon, p.member.Settled)
	r.put(t, k, "V"+string(id[:])+"what was Set")
	flushes := p.Stats().Flushes
	r.becomeAnother(t)
	eventually(t, "it is told again", soon, func() bool { return p.Stats().Flushes > flushes && p.member.Settled() })
	if w := r.word(t, k); w != "V"+string(id[:])+"what was Set" {
		t.Errorf("the word is %q", w)
	}
}

// failover is a pair of servers, the later of which takes the place of the other, and a client that dials the one that is
// its target.
func failover(t *testing.T) (before, after *rig, client *redis.Client, target func(*rig)) {
	t.Helper()
	before, _ = own(t, services.RedisOptions{})
	after, _ = own(t, services.RedisOptions{})
	after.namespace, after.layout = before.namespace, before.layout
	var addr atomic.Value
	target = func(r *rig) { addr.Store(r.Options().Addr) }
	target(before)
	client = redis.NewClient(&redis.Options{Addr: "redis:1", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr.Load().(string))
	}})
	t.Cleanup(func() { _ = client.Close() })
	return before, after, client, target
}

// hangUp ends all connections to a server.
func (r *rig) hangUp(t testing.TB) {
	t.Helper()
	for _, kind := range []string{"normal", "pubsub"} {
		check(t, r.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind).Err())
	}
}

// TestNewConnectionToTheOldServer: right after a failover a new connection may lead to the server that was demoted. What it
// took is told again to the other, MaxStaleness later.
func TestNewConnectionToTheOldServer(t *testing.T) {
	t.Parallel()
	before, after, client, target := failover(t)
	p := before.openPeer(t, coherence.Config{Redis: client, MaxStaleness: 2 * time.Second})
	before.awaitSubscribed(t)
	target(after)
	before.hangUp(t)
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	p.awaitOpen(t)
	after.awaitSubscribed(t)
	syncs := p.Stats().Syncs
	eventually(t, "SYNC has its connection", soon, func() bool { return p.Stats().Syncs > syncs })
	target(before)
	check(t, p.Redis().Ping(t.Context()).Err())
	target(after)
	k := entry("k")
	after.put(t, k, "Vversion1")
	numbered := before.text(t, before.layout.Sequence())
	check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
	eventually(t, "DONE is acknowledged", soon, p.member.Settled)
	if after.word(t, k) == "" || before.text(t, before.layout.Sequence()) == numbered {
		t.Fatal("the old server has not been told")
	}
	eventually(t, "the other server is told", guarded+time.Second, func() bool { return after.word(t, k) == "" })
}

// TestDeliveryGoesWhereSyncWent: what is owed is not told to the server that was demoted, and so forgotten.
func TestDeliveryGoesWhereSyncWent(t *testing.T) {
	t.Parallel()
	before, after, client, target := failover(t)
	var noticed atomic.Int64
	p := before.watched(t, coherence.Config{Redis: client, MaxStaleness: 2 * time.Second}, func(_ *peer, e coherence.Event) {
		if e.Kind == coherence.Flushed && noticed.Add(1) == 1 {
			target(before) // just before it delivers
		}
	})
	before.awaitSubscribed(t)
	k := entry("k")
	check(t, p.Invalidate(t.Context(), k))
	after.put(t, k, "Vversion1")
	numbered := before.text(t, before.layout.Sequence())
	target(after)
	before.hangUp(t)
	eventually(t, "it is noticed", soon, func() bool { return noticed.Load() > 0 })
	told := time.Now().Add(200 * time.Millisecond)
	eventually(t, "the old server could have been told", soon, func() bool {
		return time.Now().After(told) || before.text(t, before.layout.Sequence()) != numbered
	})
	target(after)
	before.hangUp(t)
	eventually(t, "the other server is told", guarded, func() bool { return after.word(t, k) == "" })
}

// TestScanBeginsAnew: a SCAN of one server does not go on in another.
func TestScanBeginsAnew(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	var keys []any
	for i := range 100 {
		keys = append(keys, r.layout.Key(word.GenerationName("other"+strconv.Itoa(i))), "5")
	}
	check(t, r.MSet(t.Context(), keys...).Err())
	const beyond = 1 // a cursor from which SCAN does not come by the bucket of the first
	seen, next, err := r.Scan(t.Context(), beyond, "*", 1000).Result()
	if check(t, err); next != 0 || len(seen) >= 100 {
		t.Fatalf("SCAN from %d sees %d keys, and goes on at %d", beyond, len(seen), next)
	}
	rights("-scan")
	p.OverflowAt(beyond)
	r.becomeAnother(t)
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	rights("+scan")
	eventually(t, "all is made good", soon, p.member.Settled)
	for i := 0; i < len(keys); i += 2 {
		if g := r.text(t, keys[i].(string)); g == "5" {
			t.Errorf("%v was not cleared", keys[i])
		}
	}
}

// TestOverflowIsMadeGoodAgain: a Redis that loses what an overflow was made good by is told again.
func TestOverflowIsMadeGoodAgain(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	other := r.layout.Key(word.GenerationName("other"))
	check(t, r.Set(t.Context(), other, "5", 0).Err())
	raised := func() bool {
		g, err := strconv.Atoi(r.text(t, other))
		return err == nil && g > 5 && p.member.Settled()
	}
	p.OverflowAt(0)
	eventually(t, "all is made good", soon, raised)
	check(t, r.Set(t.Context(), other, "5", 0).Err())
	r.becomeAnother(t)
	eventually(t, "all is made good again", guarded, raised)
}

// TestSecondTellingIsOfTheLastWrites: it leaves alone what other processes have Set since the first.
func TestSecondTellingIsOfTheLastWrites(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: 2 * time.Second})
	k := entry("k")
	check(t, p.Invalidate(t.Context(), k))
	r.put(t, k, "Vversion1")
	r.becomeAnother(t)
	eventually(t, "it is told again", soon, func() bool { return p.Stats().Flushes > 0 && r.word(t, k) == "" && p.member.Settled() })
	before := p.epoch(entry("any"))
	r.put(t, k, "Vversion2")
	eventually(t, "all is made stale once more", soon, func() bool { return p.epoch(entry("any")) > before })
	eventually(t, "all is told", soon, p.member.Settled)
	if w := r.word(t, k); w != "Vversion2" {
		t.Errorf("the word is %q", w)
	}
}
