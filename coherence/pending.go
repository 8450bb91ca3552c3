package coherence

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// maxUndelivered bounds what is remembered while Redis is away. Beyond it, everything counts as pending, and every
// cache of this process is cleared when Redis is back.
const maxUndelivered = 100_000

// pending counts, per ref, the writes whose invalidation Redis has not acknowledged. A count: the first of two writers
// of one key must not clear the other's.
type pending struct {
	some atomic.Int64 // how many counts are not zero, and 1 more after an overflow: a reader's first look

	mu       sync.Mutex
	counts   map[uint32]int // by place in the epoch table: a neighbour's is a needless trip to the source, no more
	queue    map[string]int // undelivered invalidations of writes that have returned, by name
	overflow bool
}

func (p *pending) none() bool { return p.some.Load() == 0 }

// has says whether a write to any of the places has not been acknowledged.
func (p *pending) has(at *Places) bool {
	if p.none() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.overflow || p.counts[at.Key] > 0 {
		return true
	}
	return slices.ContainsFunc(at.Tags, func(t uint32) bool { return p.counts[t] > 0 })
}

// begin counts a write to the places; end takes it back.
func (p *pending) begin(places []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts, p.queue = map[uint32]int{}, map[string]int{}
	}
	for _, at := range places {
		if p.counts[at]++; p.counts[at] == 1 {
			p.some.Add(1)
		}
	}
}

func (p *pending) end(places []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subtract(places)
}

func (p *pending) subtract(places []uint32) {
	for _, at := range places {
		if p.counts[at]--; p.counts[at] == 0 {
			delete(p.counts, at)
			p.some.Add(-1)
		}
	}
}

// keep queues the names of a write that could not be delivered; it stays counted.
func (p *pending) keep(names []string, places []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) >= maxUndelivered {
		if !p.overflow {
			p.overflow = true
			p.some.Add(1)
		}
		p.subtract(places)
		return
	}
	for _, n := range names {
		p.queue[n]++
	}
}

// take returns some of the queue, each name with how often it was queued, and whether it overflowed.
func (p *pending) take(most int) (names map[string]int, overflow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	names = make(map[string]int, min(most, len(p.queue)))
	for n, count := range p.queue {
		if len(names) == most {
			break
		}
		names[n] = count
	}
	return names, p.overflow
}

// delivered takes names off the queue, as often as they were on it when they were taken.
func (p *pending) delivered(names map[string]int, place func(string) uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, count := range names {
		if p.queue[n] -= count; p.queue[n] == 0 {
			delete(p.queue, n)
		}
		at := place(n)
		for range count {
			p.subtract([]uint32{at})
		}
	}
}

// restored says that an overflow has been made good.
func (p *pending) restored() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.overflow = false
	p.some.Add(-1)
}

func (p *pending) undelivered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.queue)
	if p.overflow {
		n++
	}
	return n
}

// invalidateAtOnce is how many refs one script, one message and one entry of the journal take.
const invalidateAtOnce = 1000

// deliver sends what writes that have returned could not say. Both the SYNC loop and Close deliver: to say a thing
// twice is harmless, to take it off twice is not.
func (b *Bus) deliver(ctx context.Context) error {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	for progress := false; ; progress = true {
		names, overflow := b.pending.take(invalidateAtOnce)
		switch {
		case len(names) > 0:
			if err := b.sendInvalidate(ctx, slices.Collect(maps.Keys(names))); err != nil {
				if progress {
					b.syncNow() // the time was too short: go on at once, not at the next SYNC
				}
				return err
			}
			b.pending.delivered(names, b.epochs.Place)
		case overflow:
			if err := b.clearAll(ctx); err != nil {
				return err
			}
			b.pending.restored()
		default:
			return nil
		}
	}
}

func (b *Bus) clearAll(ctx context.Context) error {
	b.mu.Lock()
	all := slices.Collect(maps.Values(b.members))
	b.mu.Unlock()
	for _, m := range all {
		if err := m.sendClear(ctx); err != nil {
			return err
		}
	}
	return nil
}
