package coherence

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what an Event tells of.
type Kind int

// The kinds of events.
const (
	SyncFailed          Kind = iota // a SYNC was not answered; Err says why. The same reason is told once in ten seconds
	FenceClosed                     // reads go to the source from now on: nothing was heard for MaxStaleness, or a bus that was idle has something to deliver first; of a bus that has not opened MaxStaleness after New, once
	FenceOpened                     // memory and Redis are used from now on
	Flushed                         // everything in memory was made stale; Err says why
	SubscriptionLost                // the subscription ended, and is being rebuilt; Err says why. The same reason is told once in ten seconds
	InvalidationPending             // an invalidation was not delivered, and will be; Err says why. The first is told, and one in ten seconds: Stats.Postponed counts
	IntentFailed                    // Redis did not take an intent, or did not let it be renewed; Err says why. The first is told, and one in ten seconds: Stats.IntentFailures counts
	Overflowed                      // more is pending than can be remembered: every cache will be cleared; Err says why
	CacheFailed                     // Redis did not answer a cache, or refused it; Err names the cache, and says why
	NotEncoded                      // a cache's codec cannot encode what was loaded: it is loaded at every read; Err names the cache, and says why
)

// String returns the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"sync failed", "fence closed", "fence opened", "flushed", "subscription lost", "invalidation pending", "intent failed", "overflowed", "cache failed", "not encoded"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("event %d", int(k))
	}
	return names[k]
}

// Event is something that the bus met, or a cache on it. Err is nil where there is nothing to say; it carries no keys and
// no secrets, unless a codec of the application's puts them into its error.
type Event struct {
	Kind Kind
	Err  error
}

// String returns the kind and, where there is one, the error.
func (e Event) String() string {
	if e.Err == nil {
		return e.Kind.String()
	}
	return e.Kind.String() + ": " + e.Err.Error()
}

// told limits what an outage would make the bus tell over and over, also where it comes and goes.
type told struct {
	intents, postponed rarely  // IntentFailed, InvalidationPending
	syncs, flushes     repeats // SyncFailed, Flushed: the SYNC loop's own
	subscriptions      repeats // SubscriptionLost: the receive loop's own
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

// tellClosed tells that the fence is closed: once it was open, and where it has never been, when it is late. It is the
// SYNC loop's.
func (b *Bus) tellClosed(was Condition, cause error) {
	late := !b.toldClosed && b.Now() >= b.config.MaxStaleness
	if was == Open || late {
		b.toldClosed = true
		b.emit(Event{Kind: FenceClosed, Err: cause})
	}
}

func (b *Bus) emit(e Event) {
	if b.config.OnEvent != nil && b.events.enter() {
		defer b.events.leave()
		b.config.OnEvent(e)
	}
}

// gate lets callers in until it is shut, and shuts when the last of them has left. Who is inside may enter again.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.inside.Add(1)
	}
	return !g.closed
}

func (g *gate) leave() { g.inside.Done() }

func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
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
