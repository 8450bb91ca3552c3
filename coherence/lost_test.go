package coherence_test

import (
	"context"
	"net"
	"strconv"
	"strings"
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

// TestNewConnectionToTheOldServer: right after a failover a new connection may lead to the server that was demoted. What it
// took is told again to the other, MaxStaleness later.
func TestNewConnectionToTheOldServer(t *testing.T) {
	t.Parallel()
	before, old := own(t, services.RedisOptions{})
	after, promoted := own(t, services.RedisOptions{})
	after.namespace, after.layout = before.namespace, before.layout
	var target atomic.Value
	target.Store(old.Addr)
	client := redis.NewClient(&redis.Options{Addr: "redis:1", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, target.Load().(string))
	}})
	t.Cleanup(func() { _ = client.Close() })
	p := before.openPeer(t, coherence.Config{Redis: client, MaxStaleness: 2 * time.Second})
	before.awaitSubscribed(t)
	target.Store(promoted.Addr)
	for _, kind := range []string{"normal", "pubsub"} {
		check(t, before.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind).Err())
	}
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	p.awaitOpen(t)
	after.awaitSubscribed(t)
	syncs := p.Stats().Syncs
	eventually(t, "SYNC has its connection", soon, func() bool { return p.Stats().Syncs > syncs })
	target.Store(old.Addr)
	check(t, p.Redis().Ping(t.Context()).Err())
	target.Store(promoted.Addr)
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

// TestScanBeginsAnew: a SCAN of one server does not go on in another.
func TestScanBeginsAnew(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: d})
	other := r.layout.Key(word.GenerationName("other"))
	check(t, r.Set(t.Context(), other, "5", 0).Err())
	beyond := uint64(0)
	for covers := true; covers; {
		beyond++
		keys, next, err := r.Scan(t.Context(), beyond, "*", 1000).Result()
		check(t, err)
		covers = next != 0 || strings.Contains(strings.Join(keys, " "), other)
		if beyond > 1000 {
			t.Fatal("no cursor lies beyond the key")
		}
	}
	rights("-scan")
	p.OverflowAt(beyond)
	r.becomeAnother(t)
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	rights("+scan")
	eventually(t, "all is made good", soon, p.member.Settled)
	if g := r.text(t, other); g == "5" {
		t.Error("a cache was not cleared")
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
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
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
