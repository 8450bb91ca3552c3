package coherence

import (
	"fmt"
	"sync"
)

// Kind is what an Event tells of.
type Kind int

// The kinds of events.
const (
	// SyncFailed: a SYNC was not answered; Err says why. The same reason is told once in ten seconds.
	SyncFailed Kind = iota
	// FenceClosed: reads go to the source from now on: nothing was heard for MaxStaleness, or a bus that was idle has
	// something to deliver first. Of a bus that has not opened MaxStaleness after New it is told once.
	FenceClosed
	// FenceOpened: memory and Redis are used from now on.
	FenceOpened
	// Flushed: everything in memory was made stale; Err says why. The same reason is told once in ten seconds, and
	// Stats.Flushes counts.
	Flushed
	// SubscriptionLost: the subscription ended, and is being rebuilt; Err says why. The same reason is told once in ten
	// seconds.
	SubscriptionLost
	// InvalidationPending: an invalidation was not delivered, and will be; Err says why. One in ten seconds is told, and
	// Stats.Postponed counts.
	InvalidationPending
	// IntentFailed: Redis did not take an intent whose write runs, or did not let it be renewed; Err says why. One in ten
	// seconds is told, and Stats.IntentFailures counts.
	IntentFailed
	// Overflowed: more is pending than can be remembered, or Redis refuses a tag: every cache will be cleared; Err says
	// why. One in ten seconds is told, and Stats.Overflows counts.
	Overflowed
	// CacheFailed: Redis did not answer a cache, or refused it; Err names the cache, and says why.
	CacheFailed
	// NotEncoded: a cache's codec cannot encode what was loaded: it is loaded at every read; Err names the cache, and says
	// why.
	NotEncoded
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
