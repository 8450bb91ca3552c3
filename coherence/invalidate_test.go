package coherence_test

import (
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
