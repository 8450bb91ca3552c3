package contract

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// Show 4: the pub/sub connection alone of a replica is lost for 500 ms, while its peer writes 50 keys. 600 ms after the
// last write has returned, none of them is stale; and nothing was flushed: what was not written stays in memory, but for
// the few entries whose stripe of the epochs is a written key's too.
func TestPubSubCut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*proxy) }{
		"closed": {func(p *proxy) { p.sever(true) }, func(p *proxy) { p.sever(false) }},
		"silent": {func(p *proxy) { p.deafen(true) }, func(p *proxy) { p.deafen(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const cut, settled, mostLost = 500 * time.Millisecond, 600 * time.Millisecond, 40
			c := open(t, 1, replica.Options{})
			writer, through := c.replicas[0], startProxy(t, c.redis.Addr)
			peer := c.add(t, replica.Options{Redis: through.addr()})
			c.ready(t, peer)
			changed, same := keys("changed", 50), keys("same", either(10_000, 3_000))
			peer.keep(t, same...)
			peer.keep(t, changed...)
			kept, before := len(peer.peek(t, same...)), peer.state(t)

			began, last := mono.Now(), time.Duration(0)
			fault.begin(through)
			for n, key := range changed {
				pause(mono.Until(began + cut*time.Duration(n)/time.Duration(len(changed))))
				last = writer.update(t, key).Ended
			}
			pause(mono.Until(began + cut))
			fault.end(through)
			pause(mono.Until(last + settled))

			stale := 0
			for _, version := range peer.peek(t, changed...) {
				if version != 1 {
					stale++
				}
			}
			for _, key := range changed {
				if peer.get(t, key).Row.Version != 1 {
					stale++
				}
			}
			lost := kept - len(peer.peek(t, same...))
			after := peer.state(t)
			figure(t, "cut=%v writes=%d stale_%v_after_the_last=%d kept_before=%d stripe_losses=%d flushes=%d messages_or_connections_lost=%d",
				cut, len(changed), settled, stale, kept, lost, after.Bus.Flushes-before.Bus.Flushes, through.losses())
			if stale > 0 {
				t.Errorf("%d keys are stale", stale)
			}
			if kept < len(same)*9/10 {
				t.Fatalf("memory held %d of %d entries before", kept, len(same))
			}
			if lost > mostLost || after.Bus.Flushes != before.Bus.Flushes {
				t.Errorf("%d entries that were not written were lost, and %d flushes", lost, after.Bus.Flushes-before.Bus.Flushes)
			}
			if through.losses() == 0 {
				t.Error("the cut cut nothing")
			}
		})
	}
}
