package tiered

import (
	"context"
	"slices"
	"sync"

	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/l2"
)

// chunk is how many keys of a GetMany look together, and ahead how many chunks fly at once.
const (
	chunk = 256
	ahead = 4
)

// GetMany returns the values of the keys that could be had; equal keys are one. What memory does not hold flies as in
// Get, shared with concurrent reads key by key, but together, for every 256 keys: one round trip to Redis, one more for
// the leases of what is missing, one Config.LoadMany, if there is one, and one to store what it brought, for each MB; up
// to 1,024 keys fly at once. The map is never nil; the error is a *BatchError that names the keys that are not in it,
// or ErrClosed. errors.Is(err, ErrNotFound) says that the source has none of these, and that nothing worse has happened.
// ctx ends the wait for all of them.
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
	flying := make([]*passage[K, V], 0, ahead)
	defer func() { // after a panic or Goexit in the user's code
		for _, p := range flying {
			c.abandon(p)
		}
	}()
	arrive := func() {
		p := flying[0]
		c.arrive(ctx, p)
		flying = slices.Delete(flying, 0, 1)
		for i, a := range p.answers {
			origin(ctx, a.tier)
			c.sort(found, failed, p.keys[i], a)
		}
	}
	for some := range slices.Chunk(far, chunk) {
		if len(flying) == ahead {
			arrive()
		}
		flying = append(flying, &passage[K, V]{keys: some})
		c.member.Ready(ctx)
		c.flyMany(ctx, flying[len(flying)-1], missed)
	}
	for len(flying) > 0 {
		arrive()
	}
	if c.flights.isClosed() && len(failed) > 0 {
		return found, ErrClosed
	}
	if len(failed) > 0 {
		return found, &BatchError[K]{Failed: failed}
	}
	return found, nil
}

// sort puts an answer where it belongs. Equal keys may have several: a value counts.
func (c *Cache[K, V]) sort(found map[K]V, failed map[K]error, key K, a answer[V]) {
	v, err := c.result(a, key)
	if err == nil {
		found[key] = v
		delete(failed, key)
	} else if _, ok := found[key]; !ok {
		failed[key] = err
	}
}

func unique[K comparable](keys []K) []K {
	seen := make(map[K]bool, len(keys))
	return slices.DeleteFunc(keys, func(k K) bool {
		was := seen[k]
		seen[k] = true
		return was
	})
}

// passage is one chunk of a batch on its way.
type passage[K comparable, V any] struct {
	keys    []K
	answers []answer[V]
	mine    []flight[K, V]
	boarded []*flight[K, V] // those whose answers are to come
	others  sync.WaitGroup  // keys that wait for the end of another's flight
}

// flyMany flies for several keys at once: it leads those flights that it may, together, and rides those of others. missed
// is of the trips.
func (c *Cache[K, V]) flyMany(ctx context.Context, p *passage[K, V], missed uint64) {
	p.answers, p.mine = make([]answer[V], len(p.keys)), make([]flight[K, V], len(p.keys))
	load := loadingOf(ctx)
	for i, k := range p.keys { // before the first flies: the user's Key and Tags may panic
		f := &p.mine[i]
		f.missed = missed
		p.answers[i].err = c.plan(&f.trip, k, c.load)
		if p.answers[i].err == nil {
			p.answers[i].err = c.mayFly(ctx, load, f.entry.Name)
		}
	}
	p.boarded = make([]*flight[K, V], len(p.keys))
	led := make([]*flight[K, V], 0, len(p.keys))
	var arrived uint64
	c.flights.mark(func() { arrived = c.flights.begun })
	for i := range p.mine {
		if p.answers[i].err != nil {
			continue
		}
		c.flights.mu.Lock()
		f, leads, free := c.board(&p.mine[i], arrived)
		c.flights.mu.Unlock()
		switch {
		case leads:
			led = append(led, f)
			p.boarded[i] = f
		case free:
			p.boarded[i] = f
		default:
			p.answers[i].err = errGoexit // what stays after one
			p.others.Go(func() { p.answers[i] = c.fly(ctx, &p.mine[i]) })
		}
	}
	left := c.departMany(ctx, led)
	for i, f := range p.boarded {
		if f != nil && slices.Contains(left, f) {
			if f != &p.mine[i] { // its leader has left; this is a place of an equal key
				c.leave(f)
			}
			p.boarded[i], p.answers[i].err = nil, late.Err(ctx)
		}
	}
}

// arrive waits for the answers of a passage.
func (c *Cache[K, V]) arrive(ctx context.Context, p *passage[K, V]) {
	for i, f := range p.boarded {
		if f != nil {
			p.answers[i] = c.ride(ctx, f)
			p.boarded[i] = nil
		}
	}
	p.others.Wait()
}

// abandon leaves the flights of a passage that nobody rides any more.
func (c *Cache[K, V]) abandon(p *passage[K, V]) {
	for _, f := range p.boarded {
		if f != nil {
			c.leave(f)
		}
	}
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
