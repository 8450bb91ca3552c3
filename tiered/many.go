package tiered

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// chunk is how many keys of a GetMany fly at once.
const chunk = 256

// GetMany returns the values of the keys that could be had; equal keys are one. What memory does not hold flies as in
// Get, shared with concurrent reads key by key, and what must be loaded is loaded by one Config.LoadMany, if there is
// one, for every 256 keys. The map is never nil; the error is a *BatchError that names the keys that are not in it, ErrNotFound included,
// or ErrClosed. ctx ends the wait for all of them.
func (c *Cache[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	found, failed := make(map[K]V, len(keys)), map[K]error{}
	if c.flights.isClosed() {
		return found, ErrClosed
	}
	var far []K
	asked := make(map[K]bool, len(keys))
	for _, k := range keys {
		if asked[k] {
			continue
		}
		asked[k] = true
		if h, ok := c.near(k); ok {
			c.sort(found, failed, k, answer[V]{held: h})
			continue
		}
		far = append(far, k)
	}
	if len(far) > 0 {
		c.member.Ready(ctx)
	}
	for len(far) > 0 {
		n := min(chunk, len(far))
		for i, a := range c.flyMany(ctx, far[:n]) {
			origin(ctx, a.tier)
			c.sort(found, failed, far[i], a)
		}
		far = far[n:]
	}
	if c.flights.isClosed() && len(failed) > 0 {
		return found, ErrClosed
	}
	if len(failed) > 0 {
		return found, &BatchError[K]{Failed: failed}
	}
	return found, nil
}

func (c *Cache[K, V]) sort(found map[K]V, failed map[K]error, key K, a answer[V]) {
	v, err := c.give(a.held, key)
	if a.err != nil {
		v, err = c.fail(key, a.err)
	}
	if err != nil {
		failed[key] = err
		return
	}
	found[key] = v
}

// flyMany flies for each key at once.
func (c *Cache[K, V]) flyMany(ctx context.Context, keys []K) []answer[V] {
	answers := make([]answer[V], len(keys))
	b := &batch[K, V]{cache: c, open: len(keys)}
	trips := make([]trip[K, V], len(keys))
	for i, k := range keys { // before the first flies: the user's Key and Tags may panic
		var p *part[K, V]
		if c.config.LoadMany != nil {
			p = &part[K, V]{batch: b}
		}
		trips[i], answers[i].err = c.trip(k, c.load, p)
	}
	var all sync.WaitGroup
	for i, t := range trips {
		all.Go(func() {
			defer t.part.settle()
			if answers[i].err == nil {
				answers[i].err = ctx.Err()
			}
			if answers[i].err == nil {
				answers[i] = c.fly(ctx, t)
			}
		})
	}
	all.Wait()
	return answers
}

// batch collects the keys of one GetMany that must be loaded, and loads them in one go when each of its parts has
// settled: it has asked for a load, has its answer, or waits for somebody else. What comes later is loaded by itself.
type batch[K comparable, V any] struct {
	cache *Cache[K, V]
	ttl   atomic.Int64 // what SetTTL has said, for all

	mu    sync.Mutex
	open  int // parts that have not settled
	asked []ask[K, V]
}

// ask is a load that a flight waits for.
type ask[K comparable, V any] struct {
	ctx    context.Context // of the flight
	key    K
	answer chan answer[V]
}

// part is one key's place in a batch. A nil part settles as well.
type part[K comparable, V any] struct {
	batch   *batch[K, V]
	settled bool // under the batch's lock
}

// settle says that this part keeps the batch waiting no more.
func (p *part[K, V]) settle() {
	if p == nil {
		return
	}
	p.batch.mu.Lock()
	defer p.batch.mu.Unlock()
	p.settleLocked()
}

func (p *part[K, V]) settleLocked() {
	b := p.batch
	if p.settled {
		return
	}
	p.settled = true
	if b.open--; b.open == 0 {
		b.begin()
	}
}

// load asks for a load of the key, together with the others if the batch has not begun, else alone. The flight that asks
// is counted, and so is the load until it has ended.
func (p *part[K, V]) load(ctx context.Context, key K) <-chan answer[V] {
	b := p.batch
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cache.flights.flying.Add(1)
	a := ask[K, V]{ctx: ctx, key: key, answer: make(chan answer[V], 1)}
	b.asked = append(b.asked, a)
	if p.settled && b.open == 0 {
		b.begin()
	}
	p.settleLocked()
	return a.answer
}

// begin loads what has been asked for by flights that have not ended meanwhile; the load is cancelled when the last of
// them ends.
func (b *batch[K, V]) begin() {
	flying := &b.cache.flights.flying
	var asked []ask[K, V]
	for _, a := range b.asked {
		if a.ctx.Err() != nil {
			flying.Done()
			continue
		}
		asked = append(asked, a)
	}
	b.asked = nil
	if len(asked) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(asked[0].ctx))
	left := new(atomic.Int64)
	left.Store(int64(len(asked)))
	keys := make([]K, len(asked))
	for i, a := range asked {
		keys[i] = a.key
		context.AfterFunc(a.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	go func() {
		defer flying.Add(-len(asked))
		defer cancel()
		for i, found := range b.cache.loadMany(ctx, keys) {
			asked[i].answer <- found
		}
	}()
}

// loadMany asks the source for several keys, in one place among the bounded loads.
func (c *Cache[K, V]) loadMany(ctx context.Context, keys []K) []answer[V] {
	answers := make([]answer[V], len(keys))
	found, err := map[K]V{}, c.slots.Acquire(ctx, 1)
	if err == nil {
		found, err = recovered(func() (map[K]V, error) {
			defer c.slots.Release(1)
			return c.config.LoadMany(ctx, keys)
		})
	}
	for i, k := range keys {
		v, ok := found[k]
		answers[i] = answer[V]{tier: Source, held: held[V]{value: v, missing: !ok}}
		if err != nil && !errors.Is(err, ErrNotFound) {
			answers[i] = answer[V]{tier: Source, err: err}
		}
	}
	return answers
}
