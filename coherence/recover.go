package coherence

import (
	"errors"
	"time"
)

// grace is how long a fence stays closed after Redis has come back: other processes tell what is pending there
// meanwhile. They SYNC every 500 ms.
const grace = 600 * time.Millisecond

var (
	errLate     = errors.New("no SYNC was answered in time")
	errOther    = errors.New("a connection leads to another server than SYNC's")
	errAgain    = errors.New("what was written is told again, after a failover")
	errSettling = errors.New("Redis answers again: other processes may have something to tell")
)

// recovery is what the SYNC loop knows of an outage.
type recovery struct {
	failed bool          // a SYNC has failed since the fence was opened
	first  time.Duration // when the first SYNC was sent that succeeded since; 0: none yet
}

// openFence opens the fence for MaxStaleness from the moment that a SYNC was sent which has been applied. A closed one
// opens only when what was pending has been delivered, and after an outage a little later.
func (b *Bus) openFence(sent time.Duration, undelivered error) {
	r := &b.recovery
	if !b.Open(b.Now()) {
		if b.status.get().Condition == Open && b.idleness.lull.Load() == nil {
			b.watchFence(b.late()) // this process was frozen, or no SYNC has failed since the fence closed
		}
		if r.failed && r.first == 0 {
			r.first = sent
			time.AfterFunc(grace, b.syncNow)
		}
		switch {
		case undelivered != nil:
			b.tellOnce(&b.told.undelivered, Event{Kind: InvalidationPending, Err: undelivered})
			b.catchUp(undelivered)
			return
		case r.failed && sent < r.first+grace:
			b.catchUp(errSettling)
			return
		}
	}
	b.recovery = recovery{}
	b.fence.Store(int64(sent + b.config.MaxStaleness))
	if b.status.set(Open, "synced") != Open {
		b.emit(Event{Kind: FenceOpened})
	}
}

// catchUp keeps the fence closed, and tells of it where that was not told, because the bus was idle.
func (b *Bus) catchUp(cause error) {
	b.tellClosed(b.status.set(CatchingUp, cause.Error()), cause)
}

// watchFence tells when the fence has closed because nothing was heard for too long.
func (b *Bus) watchFence(cause error) {
	if !b.Open(b.Now()) {
		b.tellClosed(b.status.set(Fenced, cause.Error()), cause)
	}
}

// startAnew is what follows when Redis has lost something: another server answers, or the same with an older past. It says
// whether more is pending by that than can be remembered. The caller holds mu.
func (b *Bus) startAnew(sequence uint64) (overflowed bool) {
	b.applied = sequence
	time.AfterFunc(b.config.MaxStaleness, b.startAnewOnceMore)
	return b.tellAgain(b.ring.all)
}

// startAnewOnceMore follows MaxStaleness later, when no new connection leads to the old server any more. One may have, and
// what it took is lost.
func (b *Bus) startAnewOnceMore() {
	b.mu.Lock()
	overflowed := b.tellAgain(b.ring.since)
	b.mu.Unlock()
	if overflowed {
		b.overflowed(errAgain)
	}
	b.syncNow()
}

// tellAgain makes every connection anew, for one that is open may still lead to a server that was demoted, and pending what
// was written by them. The caller holds mu.
func (b *Bus) tellAgain(written func() (ids map[string]string, more bool)) (overflowed bool) {
	b.reconnect()
	ids, more := written()
	overflowed = b.pending.resend(b.writes, ids, more, b.epochs.Place)
	// Last: who has looked before found nothing pending, and what it brings must not be put under an epoch that is valid.
	b.epochs.RaiseAll()
	return overflowed
}

// reconnect makes every connection anew. What the subscription of before still says does not count. The caller holds mu.
func (b *Bus) reconnect() {
	b.renewed++
	b.connections.closeAll()
}
