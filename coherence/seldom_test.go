package coherence_test

import (
	"context"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestEventsOfAnOutageAreFew: each write is counted, and the first is told, and one in ten seconds, also where one outage
// follows the other. What SYNC and the subscription meet again and again is told as seldom.
func TestEventsOfAnOutageAreFew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ away, back func(*services.Redis) error }{
		"killed": {(*services.Redis).Kill, func(s *services.Redis) error { return s.Restart(t.Context()) }},
		"paused": {(*services.Redis).Pause, (*services.Redis).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
			k := entry("k")
			update := func() {
				check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
			}
			count := func(kind coherence.Kind) int { return len(p.events.of(kind)) }
			r.awaitSubscribed(t)
			began := time.Now()
			for range 2 {
				before := p.Stats()
				check(t, c.away(server))
				for range 5 {
					check(t, p.Invalidate(t.Context(), k))
					update()
				}
				eventually(t, "all are counted", soon, func() bool {
					s := p.Stats()
					return s.Postponed >= before.Postponed+10 && s.IntentFailures >= before.IntentFailures+5
				})
				eventually(t, "SYNC and the subscription fail again and again", soon, func() bool {
					s := p.Stats()
					return s.SyncFailures >= before.SyncFailures+6 && s.Reconnects >= before.Reconnects+4
				})
				check(t, c.back(server))
				eventually(t, "nothing is pending", soon, p.member.Settled)
				update()
				eventually(t, "nor is its end", soon, p.member.Settled)
			}
			most := 1 + int(time.Since(began)/(10*time.Second))
			if intents, pending := count(coherence.IntentFailed), count(coherence.InvalidationPending); intents < 1 || intents > most || pending < 1 || pending > most {
				t.Errorf("told of %d intents and of %d invalidations, want at most %d", intents, pending, most)
			}
			if n := count(coherence.SyncFailed) + count(coherence.SubscriptionLost); n < 1 || n > 6*most {
				t.Errorf("told of %d of them: %v, %v", n, p.events.of(coherence.SyncFailed), p.events.of(coherence.SubscriptionLost))
			}
		})
	}
}

// TestFlushesAreToldSeldom: each is counted, and the same reason is told once in ten seconds.
func TestFlushesAreToldSeldom(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d})
	began := time.Now()
	for n := uint64(1); n <= 3; n++ {
		r.becomeAnother(t)
		eventually(t, "it flushes", soon, func() bool { return p.Stats().Flushes >= n })
	}
	most := 1 + int(time.Since(began)/(10*time.Second))
	if told := p.events.of(coherence.Flushed); len(told) < 1 || len(told) > most {
		t.Errorf("told %d times, want at most %d: %v", len(told), most, told)
	}
}
