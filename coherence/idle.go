package coherence

import (
	"context"
	"sync/atomic"
	"time"
)

// idleEvery is the time between two SYNCs of an idle bus, and between two PINGs of its subscription.
const idleEvery = 10 * time.Second

// idleness is of a bus whose caches nobody reads, and which owes Redis nothing: it leaves most of its SYNCs out. Its fence
// closes by that, as it must, and whoever reads next asks for a SYNC and waits for it.
type idleness struct {
	used  atomic.Bool          // somebody asked for more than memory holds, since this was last looked at
	lull  atomic.Pointer[lull] // nil: not idle
	since time.Duration        // when a use was last seen; this and what follows are the SYNC loop's own
	seen  uint64               // lookups in memory until then
}

// lull is one time of being idle.
type lull struct{ over chan struct{} }

// Watch tells the bus how many lookups the cache's memory has answered or not: a cache that only hits is not idle.
func (m *Member) Watch(lookups func() uint64) {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	m.lookups = lookups
}

// use says that a cache is read, and asks for a SYNC where the fence has closed because none was. It never waits.
func (b *Bus) use() (waiting *lull) {
	if !b.idleness.used.Load() { // seldom: a store would take the line from other cores
		b.idleness.used.Store(true)
	}
	if waiting = b.idleness.lull.Load(); waiting == nil || b.Open(b.Now()) {
		return nil
	}
	b.syncNow()
	return waiting
}

// Wake says that the cache is read. Where nobody has read for long, that has Redis asked, and the fence opened.
func (m *Member) Wake() { m.bus.use() }

// leavesOut says whether this turn's SYNC is left out. It is the SYNC loop's.
func (b *Bus) leavesOut(synced time.Duration) bool {
	if !b.idle() {
		return false
	}
	if b.idleness.lull.Load() == nil {
		b.idleness.lull.Store(&lull{over: make(chan struct{})})
	}
	return b.Now()-synced < idleEvery
}

// endLull lets those go on who waited for the SYNC that has just ended, however. It is the SYNC loop's.
func (b *Bus) endLull() {
	if l := b.idleness.lull.Load(); l != nil && !b.idle() {
		b.idleness.lull.Store(nil)
		close(l.over)
	}
}

// idle says whether nobody has read for IdleAfter, and nothing is owed: no write runs, none is remembered that Redis may
// lose, no outage is being recovered from.
func (b *Bus) idle() bool {
	i := &b.idleness
	lookups := b.lookups()
	if i.used.Swap(false) || lookups != i.seen {
		i.since, i.seen = b.Now(), lookups
	}
	return b.config.IdleAfter > 0 && b.Now()-i.since >= b.config.IdleAfter &&
		!b.recovery.failed && b.pending.none() && b.ring.empty(b.Now())
}

func (b *Bus) lookups() (n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.lookups != nil {
			n += m.lookups()
		}
	}
	return n
}

// await waits for the end of a lull, at most the Redis timeout or until ctx ends.
func (b *Bus) await(ctx context.Context, over <-chan struct{}) {
	timeout := time.NewTimer(b.config.Timeout)
	defer timeout.Stop()
	select {
	case <-over:
	case <-timeout.C:
	case <-ctx.Done():
	}
}
