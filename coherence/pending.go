package coherence

import (
	"slices"
	"sync"
	"sync/atomic"
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
	aside    map[string]*owed // Clears that Redis refuses; a name is owed here or there, never in both
	intents  map[*write]*resending
	sending  *sending // nil: none
	overflow int64    // how often it overflowed since it was last made good

	retracted []retraction // not counted: their writes have not run
}

// owed is a debt that several writes may have left.
type owed struct {
	debt
	count int // of the pending ones
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
func (p *pending) postpone(names []string, d debt, place func(string) uint32) (overflowed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isNew := func(name string) bool { return p.owed[name] == nil }
	if len(p.owed) >= maxUndelivered && slices.ContainsFunc(names, isNew) {
		for _, n := range names {
			p.settle(n, 1, place)
		}
		return p.full()
	}
	for _, n := range names {
		d.name = n
		p.owe(d)
	}
	return false
}

// nothing says whether there is nothing to be delivered now.
func (p *pending) nothing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.owed) == 0 && p.overflow == 0 && len(p.retracted) == 0
}

// owe adds a debt to what its name is owed, which is on the list by that. The caller holds mu.
func (p *pending) owe(d debt) {
	o := p.owed[d.name]
	if o == nil {
		o = p.aside[d.name]
		delete(p.aside, d.name)
	}
	if o == nil {
		o = &owed{debt: debt{name: d.name, stays: d.stays}}
	}
	p.owed[d.name] = o
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

// take returns some of what is owed, and the count of overflows.
func (p *pending) take(most int) (some []owed, overflow int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	some = make([]owed, 0, min(most, len(p.owed)))
	for _, o := range p.owed {
		if len(some) == most {
			break
		}
		some = append(some, *o)
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
		p.settle(was.name, was.count, place)
	}
}

// settle takes so many writes of a name off the counts. The caller holds mu.
func (p *pending) settle(name string, writes int, place func(string) uint32) {
	for range writes {
		p.subtract([]uint32{place(name)})
	}
}

func (p *pending) undelivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.owed) + len(p.aside) + len(p.intents)
	if p.overflow > 0 {
		n++
	}
	return n
}
