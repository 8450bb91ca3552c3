package coherence

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxUndelivered bounds what is remembered while Redis is away, in names. Beyond it everything counts as pending, and
// every cache is cleared, in every process, when Redis is back.
const maxUndelivered = 100_000

// maxTokens bounds the intents that are remembered of one name. One that is not taken away expires.
const maxTokens = 100

// pending counts, per ref, the writes whose DONE or invalidation Redis has not acknowledged. A count: the first of two
// writers of one key must not clear the other's.
type pending struct {
	some atomic.Int64 // how many counts are not zero, and 1 more after an overflow: a reader's first look

	mu       sync.Mutex
	counts   map[uint32]int   // by place in the epoch table: a neighbour's is a needless trip to the source, or a Set that is refused
	owed     map[string]*owed // by name, of writes that have returned
	intents  map[*write]*resending
	sending  *sending // nil: none
	overflow int64    // how often it overflowed since it was last made good

	retracted []retraction // not counted: their writes have not run
}

// owed is a debt that several writes may have left.
type owed struct {
	debt
	count   int  // of the pending ones
	refused bool // Redis refuses this key alone: it is asked again later, and nothing waits for that
}

// retraction takes an INTENT back that may have landed, of a write that has not run. It is worth nothing when that has
// expired.
type retraction struct {
	debts   []debt
	expires time.Duration
}

// maxRetracted bounds the retractions that are remembered, in names; others expire.
const maxRetracted = 10_000

// resending is an INTENT that is to be sent again. As long as it is, its refs are counted.
type resending struct {
	write    *write
	returned bool // the write has, and the fence waits for this
}

// sending is what one goroutine sends: the INTENTs on the list, one after the other.
type sending struct {
	done   chan struct{} // closed when it ends
	failed error         // after that: why it has ended early
}

func (p *pending) none() bool { return p.some.Load() == 0 }

// has says whether a write to the cache or to any of the places has not been acknowledged.
func (p *pending) has(cache uint32, at *Places) bool {
	if p.none() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.overflow > 0 || p.counts[cache] > 0 || at.Any(func(stripe uint32) bool { return p.counts[stripe] > 0 })
}

// begin counts a write to the places; end takes it back.
func (p *pending) begin(places []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(places)
}

func (p *pending) end(places []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subtract(places)
}

func (p *pending) add(places []uint32) {
	if p.counts == nil {
		p.counts, p.owed = map[uint32]int{}, map[string]*owed{}
	}
	for _, at := range places {
		if p.counts[at]++; p.counts[at] == 1 {
			p.some.Add(1)
		}
	}
}

func (p *pending) subtract(places []uint32) {
	for _, at := range places {
		if p.counts[at]--; p.counts[at] == 0 {
			delete(p.counts, at)
			p.some.Add(-1)
		}
	}
}

// postpone remembers what a write that could not be delivered owes to each of its names; it stays counted. It says whether
// that overflowed.
func (p *pending) postpone(names []string, places []uint32, d debt, refused bool) (overflowed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.owed) >= maxUndelivered {
		p.subtract(places)
		return p.full()
	}
	for _, n := range names {
		d.name = n
		p.owe(d)
		p.owed[n].refused = refused || p.owed[n].refused
	}
	return false
}

// refuse sets a name aside, until retry.
func (p *pending) refuse(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owed[name].refused = true
}

func (p *pending) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.owed {
		o.refused = false
	}
}

// retract remembers to take an INTENT back.
func (p *pending) retract(r retraction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := len(r.debts)
	for _, other := range p.retracted {
		names += len(other.debts)
	}
	if names <= maxRetracted {
		p.retracted = append(p.retracted, r)
	}
}

// takeBack returns the next retraction that is worth something, if there is one, and forgets it.
func (p *pending) takeBack(now time.Duration) (r retraction, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.retracted) > 0 {
		r = p.retracted[0]
		if p.retracted = p.retracted[1:]; now < r.expires {
			return r, true
		}
	}
	return retraction{}, false
}

// nothing says whether there is nothing to be delivered now.
func (p *pending) nothing() bool {
	some, overflow := p.take(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(some) == 0 && overflow == 0 && len(p.retracted) == 0
}

func (p *pending) owe(d debt) {
	o := p.owed[d.name]
	if o == nil {
		p.owed[d.name] = &owed{debt: d, count: 1}
		return
	}
	o.count++
	if o.stays != d.stays {
		o.stays = "" // of two writes, none is surely the last
	}
	o.tokens = append(slices.Clip(o.tokens), d.tokens...)
	o.tokens = o.tokens[max(len(o.tokens)-maxTokens, 0):]
}

// full makes everything pending; overflowed is whether it was not before.
func (p *pending) full() (overflowed bool) {
	if p.overflow++; p.overflow == 1 {
		p.some.Add(1)
	}
	return p.overflow == 1
}

// restored says that the overflows that were counted then have been made good.
func (p *pending) restored(overflow int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overflow != overflow {
		return false // there were more meanwhile, of caches that may have been cleared before
	}
	p.overflow = 0
	p.some.Add(-1)
	return true
}

// resend puts all that an incarnation of Redis may have lost on the list: the intents of writes, and what the ring
// remembers. It says whether that overflowed.
func (p *pending) resend(writes map[*write]struct{}, ids map[string]string, more bool, place func(string) uint32) (overflowed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range writes {
		p.listIntent(w, false)
	}
	for n, id := range ids {
		p.add([]uint32{place(n)})
		p.owe(debt{name: n, stays: id})
	}
	return more && p.full()
}

// resendIntent puts the INTENT of a write that has returned on the list.
func (p *pending) resendIntent(w *write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listIntent(w, true)
}

// listIntent lists one anew that is being sent: it may have gone to a Redis that has lost it since.
func (p *pending) listIntent(w *write, returned bool) {
	if p.intents == nil {
		p.intents = map[*write]*resending{}
	}
	if was := p.intents[w]; was != nil {
		returned = returned || was.returned
	} else {
		p.add(w.places)
	}
	p.intents[w] = &resending{write: w, returned: returned}
}

// dropIntent takes one off the list.
func (p *pending) dropIntent(w *write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlistIntent(p.intents[w])
}

func (p *pending) unlistIntent(i *resending) {
	if i != nil && p.intents[i.write] == i {
		delete(p.intents, i.write)
		p.subtract(i.write.places)
	}
}

// beginSending returns what sends the INTENTs that are on the list, nil if there is none; starts says that the caller is
// to start it.
func (p *pending) beginSending() (s *sending, starts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sending == nil && len(p.intents) > 0 {
		p.sending, starts = &sending{done: make(chan struct{})}, true
	}
	return p.sending, starts
}

// nextIntent ends the sending of one INTENT, nil at first, and returns another: the many of few refs do not wait for the
// few of many. nil: all is sent, or this one failed, and the sending has ended.
func (p *pending) nextIntent(sent *resending, failed error) (next *resending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failed == nil {
		p.unlistIntent(sent)
		for _, next = range p.intents {
			if len(next.write.names) <= refsAtOnce {
				break
			}
		}
	}
	if next == nil {
		p.sending.failed = failed
		close(p.sending.done)
		p.sending = nil
	}
	return next
}

// waits says whether the INTENT of a write that has returned is on the list.
func (p *pending) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.intents {
		if i.returned {
			return true
		}
	}
	return false
}

// take returns some of what is owed and was not refused, and the count of overflows.
func (p *pending) take(most int) (some []owed, overflow int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	some = make([]owed, 0, min(most, len(p.owed)))
	for _, o := range p.owed {
		if len(some) == most {
			break
		}
		if !o.refused {
			some = append(some, *o)
		}
	}
	return some, p.overflow
}

// delivered takes a debt off as it was taken.
func (p *pending) delivered(some []owed, place func(string) uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, was := range some {
		o := p.owed[was.name]
		if o.count -= was.count; o.count == 0 {
			delete(p.owed, was.name)
		}
		for range was.count {
			p.subtract([]uint32{place(was.name)})
		}
	}
}

func (p *pending) undelivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.owed) + len(p.intents)
	if p.overflow > 0 {
		n++
	}
	return n
}
