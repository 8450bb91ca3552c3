package coherence

import (
	"errors"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// told limits what an outage would make the bus tell over and over, also where it comes and goes.
type told struct {
	intents, postponed, overflows rarely // IntentFailed, InvalidationPending, Overflowed

	syncs, flushes repeats // SyncFailed, Flushed: the SYNC loop's own
	undelivered    repeats // likewise: InvalidationPending, behind a closed fence
	subscriptions  repeats // SubscriptionLost: the receive loop's own
}

// tellRarely tells of one of many.
func (b *Bus) tellRarely(r *rarely, e Event) {
	if r.again(b.Now()) {
		b.emit(e)
	}
}

// tellOnce tells of what has another reason than what was told before.
func (b *Bus) tellOnce(r *repeats, e Event) {
	if r.again(b.Now(), e.Err) {
		b.emit(e)
	}
}

// seldom is the time between two of what is told seldom.
const seldom = 10 * time.Second

// rarely counts what is told seldom.
type rarely struct{ next atomic.Int64 }

// again says whether it is time, which it is at most once in ten seconds.
func (r *rarely) again(now time.Duration) bool {
	next := r.next.Load()
	return int64(now) >= next && r.next.CompareAndSwap(next, int64(now+seldom))
}

// repeats are the reasons that were told, and until when they are not told again. One goroutine uses it.
type repeats struct{ until map[string]time.Duration }

// again says whether it is time for a reason.
func (r *repeats) again(now time.Duration, err error) bool {
	maps.DeleteFunc(r.until, func(_ string, until time.Duration) bool { return now >= until })
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && op.Source != nil {
		text = strings.ReplaceAll(text, op.Source.String(), "") // each connection has a port of its own
	}
	if _, was := r.until[text]; was {
		return false
	}
	if r.until == nil {
		r.until = map[string]time.Duration{}
	}
	r.until[text] = now + seldom
	return true
}
