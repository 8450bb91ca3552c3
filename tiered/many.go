package tiered

import (
	"context"
	"slices"
	"sync"

	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/l2"
)

// chunk is how many keys of a GetMany fly at once.
const chunk = 256

// GetMany returns the values of the keys that could be had; equal keys are one. What memory does not hold flies as in
// Get, shared with concurrent reads key by key, but together, for every 256 keys: one round trip to Redis, one more for
// the leases of what is missing, one Config.LoadMany, if there is one, and one to store what it brought. The map is never
// nil; the error is a *BatchError that names the keys that are not in it, ErrNotFound included, or ErrClosed. ctx ends
// the wait for all of them.
func (c *Cache[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	found, failed := make(map[K]V, len(keys)), map[K]error{}
	if c.flights.isClosed() {
		return found, ErrClosed
	}
	var far []K
	missed := c.flights.sweeps.Load() + 1
	for some := range slices.Chunk(keys, chunk) {
		if c.l1 != nil {
			c.l1.Prefetch(some)
		}
		for _, k := range some {
			h, asked, ok := c.near(k)
			if ok {
				c.sort(found, failed, k, answer[V]{held: h})
				continue
			}
			if !asked {
				missed = 0
			}
			far = append(far, k)
		}
	}
	if len(far) > chunk { // those of one chunk share their flights
		far = unique(far)
	}
	if len(far) > 0 {
		defer c.rest(ctx)()
	}
	for some := range slices.Chunk(far, chunk) {
		c.member.Ready(ctx)
		for i, a := range c.flyMany(ctx, some, missed) {
			origin(ctx, a.tier)
			c.sort(found, failed, some[i], a)
		}
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
	v, err := c.result(a, key)
	if err != nil {
		failed[key] = err
		return
	}
	found[key] = v
}

func unique[K comparable](keys []K) []K {
	seen := make(map[K]bool, len(keys))
	return slices.DeleteFunc(keys, func(k K) bool {
		was := seen[k]
		seen[k] = true
		return was
	})
}

// flyMany flies for several keys at once: it leads those flights that it may, together, and rides those of others. missed
// is of the trips.
func (c *Cache[K, V]) flyMany(ctx context.Context, keys []K, missed uint64) []answer[V] {
	answers := make([]answer[V], len(keys))
	mine := make([]flight[K, V], len(keys))
	load := loadingOf(ctx)
	for i, k := range keys { // before the first flies: the user's Key and Tags may panic
		mine[i].missed = missed
		answers[i].err = c.plan(&mine[i].trip, k, c.load)
		if answers[i].err == nil {
			answers[i].err = c.mayFly(ctx, load, mine[i].entry.Name)
		}
	}
	boarded := make([]*flight[K, V], len(keys))
	led := make([]*flight[K, V], 0, len(keys))
	var others sync.WaitGroup
	var arrived uint64
	c.flights.mark(func() { arrived = c.flights.begun })
	for i := range mine {
		if answers[i].err != nil {
			continue
		}
		c.flights.mu.Lock()
		f, leads, free := c.board(&mine[i], arrived)
		c.flights.mu.Unlock()
		switch {
		case leads:
			led = append(led, f)
			boarded[i] = f
		case free:
			boarded[i] = f
		default:
			answers[i].err = errGoexit // what stays after one
			others.Go(func() { answers[i] = c.fly(ctx, &mine[i]) })
		}
	}
	left := c.departMany(ctx, led)
	for i, f := range boarded {
		switch {
		case f == nil:
		case slices.Contains(left, f):
			if f != &mine[i] { // its leader has left; this is a place of an equal key
				c.leave(f)
			}
			answers[i] = answer[V]{err: late.Err(ctx)}
		default:
			answers[i] = c.ride(ctx, f)
		}
	}
	others.Wait()
	return answers
}

// departMany is depart for flights that look together. Those that Redis does not answer fly on together; left are those
// of them that their leader has left.
func (c *Cache[K, V]) departMany(ctx context.Context, led []*flight[K, V]) (left []*flight[K, V]) {
	var ask, on []*flight[K, V]
	defer func() { c.lose(append(append(led, ask...), on...)) }() // after a Goexit in the user's code
	for len(led) > 0 {
		f := led[0]
		led = led[1:]
		c.prepare(f)
		switch {
		case c.hasNews(f) && c.landed(f, func() (answer[V], bool) { return c.again(f) }):
		case f.looked:
			on = append(on, f)
		default:
			ask = append(ask, f)
		}
	}
	words, err := c.l2GetMany(ctx, ask)
	now := c.bus.Now()
	for i := 0; len(ask) > 0; i++ {
		f := ask[0]
		ask = ask[1:]
		if !c.landed(f, func() (answer[V], bool) { return c.saw(ctx, f, words.Word(i, f.generation), err, now) }) {
			on = append(on, f)
		}
	}
	for _, f := range on {
		if c.detach(ctx, f) {
			left = append(left, f)
		}
	}
	if len(on) > 0 {
		go c.convoy(on)
		on = nil
	}
	return left
}

func (c *Cache[K, V]) l2GetMany(ctx context.Context, ask []*flight[K, V]) (l2.Words[V], error) {
	if len(ask) == 0 {
		return l2.Words[V]{}, nil
	}
	once, cancel := c.bus.Within(ctx)
	defer cancel()
	return c.l2.GetMany(once, entries(ask), c.bus.RedisNow(c.bus.Now()))
}

func entries[K comparable, V any](flights []*flight[K, V]) []l2.Entry {
	all := make([]l2.Entry, len(flights))
	for i, f := range flights {
		all[i] = f.entry
	}
	return all
}
