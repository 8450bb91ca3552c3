package coherence

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Condition says whether a bus lets its process use memory and Redis.
type Condition int

// The conditions of a bus. Fenced is the first.
const (
	Fenced     Condition = iota // reads go to the source
	Open                        // memory and Redis are used; by an idle bus, once the next read has had Redis asked
	Closed                      // Close was called
	CatchingUp                  // Redis answers again; reads go to the source until what was pending everywhere has been told
)

// String returns the condition in lower case.
func (c Condition) String() string {
	switch c {
	case Fenced:
		return "fenced"
	case Open:
		return "open"
	case Closed:
		return "closed"
	case CatchingUp:
		return "catching up"
	default:
		return fmt.Sprintf("condition %d", int(c))
	}
}

// State is the condition of a bus, since when, and why: for alerts. A process behind a closed fence answers, from the source,
// and all of them lose Redis together: a readiness probe that goes by it takes all of them out.
type State struct {
	Condition  Condition
	Since      time.Time
	Why        string
	Pending    int  // invalidations that Redis has not taken yet
	Subscribed bool // Redis has confirmed the subscription; false behind an open fence: what others write is heard of at the next SYNC only
	Idle       bool // nobody has read for Config.IdleAfter: Redis is asked every 10 s, so an outage may show that late, and before the next read
}

// State returns the state of the bus.
func (b *Bus) State() State {
	s := b.status.get()
	s.Idle = b.idleness.lull.Load() != nil
	if until := b.fence.Load(); s.Condition == Open && int64(b.Now()) >= until && !s.Idle {
		s = State{Condition: Fenced, Since: b.start.Add(time.Duration(until)), Why: b.late().Error()}
	}
	s.Subscribed = b.subscribed.Load()
	s.Pending = b.pending.undelivered()
	if cause := b.hindrance.last(); s.Condition == Open && s.Pending > 0 && cause != nil {
		s.Why += ", but not all is delivered: " + cause.Error()
	}
	return s
}

type status struct {
	mu    sync.Mutex
	state State
}

// set returns what the condition was. Another reason for the same condition leaves Since as it is.
func (s *status) set(c Condition, why string) (was Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was = s.state.Condition
	if was != c || s.state.Since.IsZero() {
		s.state = State{Condition: c, Since: time.Now()}
	}
	s.state.Why = why
	return was
}

func (s *status) get() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Stats counts what a bus has done since New.
type Stats struct {
	Syncs         uint64 // SYNCs that were answered
	SyncFailures  uint64 // SYNCs that were not
	Messages      uint64 // messages received, one's own included
	Gaps          uint64 // messages that showed that an earlier one was lost or late
	Garbage       uint64 // messages of an unknown form
	Flushes       uint64 // times that everything in memory was made stale
	Reconnects    uint64 // times that the subscription was lost
	Invalidations uint64 // calls of Invalidate, and of Clear

	Updates        uint64 // calls of Update
	UnknownUpdates uint64 // those whose commit may still have landed when write returned
	IntentFailures uint64 // INTENTs that Redis did not acknowledge
	Repairs        uint64 // writes that had lost their intent, and whose refs were invalidated after them
	Postponed      uint64 // ends of writes, and invalidations, that Redis did not take at once; they are pending
	Overflows      uint64 // times that more was pending than can be remembered
}

type counters struct {
	syncs, syncFailures, messages, gaps, garbage, flushes, reconnects, invalidations, updates, unknown, intentFailures, repairs, postponed, overflows atomic.Uint64
}

// Stats returns the counts. They are read one by one, not at one moment.
func (b *Bus) Stats() Stats {
	c := &b.counters
	return Stats{
		Syncs: c.syncs.Load(), SyncFailures: c.syncFailures.Load(), Messages: c.messages.Load(), Gaps: c.gaps.Load(),
		Garbage: c.garbage.Load(), Flushes: c.flushes.Load(), Reconnects: c.reconnects.Load(), Invalidations: c.invalidations.Load(),
		Updates: c.updates.Load(), UnknownUpdates: c.unknown.Load(), IntentFailures: c.intentFailures.Load(),
		Repairs: c.repairs.Load(), Postponed: c.postponed.Load(), Overflows: c.overflows.Load(),
	}
}
