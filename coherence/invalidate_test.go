package coherence_test

import (
	"context"
	"testing"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestInvalidateRaisesItsOwnEpoch: before it returns, and without the message that says so to the others.
func TestInvalidateRaisesItsOwnEpoch(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{})
	rights("-subscribe")
	check(t, r.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err())
	k := entry("k")
	before := p.epoch(k)
	check(t, p.Invalidate(t.Context(), k))
	if after := p.epoch(k); after == before {
		t.Errorf("got epoch %d, as before it", after)
	}
}

// TestInvalidateOutlivesItsContext: the commit that it follows has landed, whoever has left since. So does Clear.
func TestInvalidateOutlivesItsContext(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	k, g := entry("k"), p.member.Generation()
	r.put(t, k, "Vversion1")
	check(t, p.Invalidate(over, k))
	check(t, p.member.Clear(over))
	if w := r.word(t, k); w != "" || p.member.Generation() <= g || !p.member.Settled() {
		t.Errorf("the word is %q, the generation %d after %d, settled %t", w, p.member.Generation(), g, p.member.Settled())
	}
}
