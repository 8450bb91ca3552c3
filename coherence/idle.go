package coherence

import (
	"context"
	"sync/atomic"
	"time"
)

// idleEvery is the time between two SYNCs of an idle bus, and after which its subscription is pinged if it heard nothing.
const idleEvery = 10 * time.Second

// idleness is of a bus whose caches nobody reads, and which owes Redis nothing: it leaves most of its SYNCs out. Its fence
// closes by that, as it must, and whoever reads next asks for a SYNC and waits for it.
type idleness struct {
	used  atomic.Bool          // somebody asked for more than memory holds, since this was last looked at
	lull  atomic.Pointer[lull] // nil: not idle
	since time.Duration        // when a use was last seen; this and what follows are the SYNC loop's own
	seen  uint64               // lookups in memory until then
}

// lull is the time before the next SYNC of a bus that is idle.
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
		b.idleness.lull.Store(newLull())
	}
	return b.Now()-synced < idleEvery
}

func newLull() *lull { return &lull{over: make(chan struct{})} }

// endLull lets those go on who waited for the SYNC that has just ended, however; another lull begins if the bus is idle
// still. It is the SYNC loop's.
func (b *Bus) endLull(again bool) {
	var next *lull
	if again {
		next = newLull()
	}
	if l := b.idleness.lull.Swap(next); l != nil {
		close(l.over)
	}
}

// idle says whether nobody has read for IdleAfter, and nothing is owed: no write runs or may still land, none is remembered
// that Redis may lose, no outage is being recovered from. It is the SYNC loop's.
func (b *Bus) idle() bool {
	i := &b.idleness
	lookups, writes := b.activity()
	if i.used.Swap(false) || lookups != i.seen {
		i.since, i.seen = b.Now(), lookups
	}
	return b.config.IdleAfter > 0 && b.Now()-i.since >= b.config.IdleAfter &&
		writes == 0 && !b.recovery.failed && b.pending.none() && b.ring.empty()
}

// activity returns how many lookups the caches' memories have had, ever, and how many writes run or may still land.
func (b *Bus) activity() (lookups uint64, writes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.lookups != nil {
			lookups += m.lookups()
		}
	}
	return lookups, len(b.writes)
}

// await waits for a SYNC to end, at most the Redis timeout, until ctx ends or the bus is closed.
func (b *Bus) await(ctx context.Context, over <-chan struct{}) {
	timeout := time.NewTimer(b.config.Timeout)
	defer timeout.Stop()
	select {
	case <-over:
	case <-timeout.C:
	case <-ctx.Done():
	case <-b.ctx.Done():
	}
}
