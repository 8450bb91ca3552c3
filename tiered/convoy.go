package tiered

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// convoy flies on with flights that have looked together: it asks for their leases together, and loads together what it
// may. What somebody else loads goes on by itself, and so does all of it where there is no LoadMany.
func (c *Cache[K, V]) convoy(flights []*flight[K, V]) {
	var lease, load []*flight[K, V]
	defer func() { // after a Goexit in the user's codec or OnEvent
		c.lose(flights)
		c.lose(lease)
		c.lose(load)
	}()
	for len(flights) > 0 {
		f := flights[0]
		flights = flights[1:]
		switch c.courseOf(f) {
		case landed:
		case toLease:
			lease = append(lease, f)
		case toLoad:
			load = append(load, f)
		default:
			go c.run(f)
		}
	}
	leases := c.leaseMany(lease)
	for i := 0; len(lease) > 0; i++ {
		f := lease[0]
		lease = lease[1:]
		if c.landed(f, func() (answer[V], bool) { c.leased(f, leases, i); return answer[V]{}, false }) {
			continue
		}
		switch c.courseOf(f) {
		case landed:
		case toLoad:
			load = append(load, f)
		default:
			go c.run(f)
		}
	}
	together := load
	load = nil
	switch {
	case len(together) == 0:
	case c.config.LoadMany != nil:
		c.loadTogether(together)
	default:
		for _, f := range together {
			go c.run(f)
		}
	}
}

// lose answers flights whose goroutine has ended.
func (c *Cache[K, V]) lose(flights []*flight[K, V]) {
	for _, f := range flights {
		if f.onward != nil && f.lease != nil {
			c.letGo(f, f.lease)
		}
		c.landed(f, func() (answer[V], bool) { return answer[V]{tier: Source, err: errGoexit}, true })
	}
}

// course is what a flight does after it has looked.
type course int

const (
	onItsOwn course = iota // it waits, or looks again
	toLease
	toLoad // under a lease, aside, or round Redis
	landed // it did: what the user is told of has ended it
)

func (c *Cache[K, V]) courseOf(f *flight[K, V]) (next course) {
	if c.landed(f, func() (answer[V], bool) { next = c.course(f); return answer[V]{}, false }) {
		return landed
	}
	return next
}

func (c *Cache[K, V]) course(f *flight[K, V]) course {
	switch {
	case f.lease != nil:
		return toLoad
	case f.load == nil, f.ctx.Err() != nil:
		return onItsOwn
	case f.round, c.l2 == nil:
		return toLoad
	case !f.looked:
		return onItsOwn
	case f.err != nil:
		c.redisFailed(f.err)
		f.round = true
		return toLoad
	case f.seen.Kind == l2.Intended:
		f.round = true
		return toLoad
	case f.seen.Kind == l2.Foreign:
		return toLoad
	case f.seen.Kind == l2.Absent, f.seen.Kind == l2.Stale, f.seen.Kind == l2.Garbage:
		return toLease
	}
	return onItsOwn
}

// leaseMany asks for the leases of several flights in one round trip.
func (c *Cache[K, V]) leaseMany(flights []*flight[K, V]) (leases l2.Leases[V]) {
	if len(flights) == 0 {
		return leases
	}
	ctx, cancel := c.bus.Within(c.ctx)
	defer cancel()
	seen := make([]l2.Word[V], len(flights))
	for i, f := range flights {
		seen[i] = f.seen
	}
	return c.l2.LeaseMany(ctx, entries(flights), seen, c.config.TTL)
}

// leased takes what a flight, the one at i, was granted; one that gets no lease has seen what stands in its way, or Redis's
// error.
func (c *Cache[K, V]) leased(f *flight[K, V], leases l2.Leases[V], i int) {
	lease, met, err := leases.Lease(i, f.generation, c.bus.RedisNow(c.bus.Now()))
	if err != nil {
		c.letGo(f, lease)
	} else {
		c.met(lease, f.seen, met)
		f.lease = lease
	}
	f.seen, f.err = met, err
}

// loadTogether loads for several flights in one LoadMany, and stores what it brought in a round trip for each MB. A flight
// that is over meanwhile gives its lease up at once; the load is cancelled when the last of them is.
func (c *Cache[K, V]) loadTogether(flights []*flight[K, V]) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(flights[0].ctx))
	defer cancel()
	left := flights
	goOn := make(map[*flight[K, V]]func() bool, len(flights))
	defer func() { // after a Goexit in the user's code
		for _, f := range left {
			if goOn[f]() && f.reading {
				c.count.loadErrors.Add(1)
			}
		}
		c.lose(left)
	}()
	var flying atomic.Int64
	flying.Store(int64(len(flights)))
	for _, f := range flights {
		stop := context.AfterFunc(c.ctx, func() { f.cancel(nil) })
		defer stop()
		goOn[f] = c.whenOver(f, func() {
			if f.lease != nil {
				c.giveUp(f, f.lease)
			}
			if flying.Add(-1) == 0 {
				cancel()
			}
		})
	}
	if held := withLease(flights); len(held) > 0 {
		stop := c.everyThird(ctx, func(ctx context.Context) bool { return c.l2.Renew(ctx, held...) })
		defer stop()
	}
	answers, ttls := c.sourceMany(ctx, flights)
	for _, f := range flights {
		switch over := !goOn[f](); {
		case over && answers[f].err == nil: // it was answered with what ended it
			answers[f] = answer[V]{tier: Source, err: context.Cause(f.ctx)}
		case !over && answers[f].err != nil && f.reading:
			c.count.loadErrors.Add(1)
		}
	}
	c.fillMany(flights, answers, ttls)
	for len(left) > 0 {
		f := left[0]
		left = left[1:]
		c.landed(f, func() (answer[V], bool) { return answers[f], true })
	}
}

// sourceMany asks the source for several keys, in one place among the bounded loads.
func (c *Cache[K, V]) sourceMany(ctx context.Context, flights []*flight[K, V]) (answers map[*flight[K, V]]answer[V], ttl func(answer[V]) time.Duration) {
	names := make([]string, len(flights))
	for i, f := range flights {
		names[i] = f.entry.Name
		if f.round {
			c.count.bypasses.Add(1)
			c.flights.mark(func() { f.bypass = true })
		}
	}
	ctx, l := c.newLoading(ctx, names...)
	found, err := map[K]V{}, l.begin()
	if err == nil {
		defer l.end()
	}
	switch keys := c.wanted(flights, err == nil); {
	case err != nil:
		c.count.noPlace.Add(uint64(len(keys)))
	case len(keys) > 0:
		c.count.loads.Add(uint64(len(keys)))
		found, err = recovered(func() (map[K]V, error) {
			return timed(ctx, c.config.LoadTimeout, func(ctx context.Context) (map[K]V, error) { return c.config.LoadMany(ctx, keys) }, flights...)
		})
	}
	answers = make(map[*flight[K, V]]answer[V], len(flights))
	for _, f := range flights {
		a := answer[V]{tier: Source}
		a.held, a.err = recovered(func() (held[V], error) { return brought(one(found, err, f.key)) })
		answers[f] = a
		if f.round {
			c.member.Raise(&f.places)
		}
	}
	return answers, func(a answer[V]) time.Duration { return c.life(l, a) }
}

// wanted returns the keys of the flights that are not over; reading says that their read of the source begins.
func (c *Cache[K, V]) wanted(flights []*flight[K, V], reading bool) (keys []K) {
	c.flights.mark(func() {
		for _, f := range flights {
			if !f.over && !f.answered {
				f.reading = reading
				keys = append(keys, f.key)
			}
		}
	})
	return keys
}

// fillMany stores what was loaded, and keeps what was stored in memory; without Redis, all of it. A load that failed
// gives its lease up.
func (c *Cache[K, V]) fillMany(flights []*flight[K, V], answers map[*flight[K, V]]answer[V], ttl func(answer[V]) time.Duration) {
	var fills []l2.Filling
	var filling []*flight[K, V]
	for _, f := range flights {
		a := answers[f]
		switch {
		case f.lease != nil:
			fill := l2.Filling{Entry: f.entry, Lease: f.lease}
			if a.err == nil {
				fill = c.filling(f, a, ttl(a))
			}
			fills, filling = append(fills, fill), append(filling, f)
		case a.err == nil && !f.round:
			c.keepOne(f, a, ttl(a))
		}
	}
	for len(fills) > 0 {
		n := portion(fills)
		results := c.l2FillMany(fills[:n])
		for i, f := range filling[:n] {
			if results[i].Err != nil {
				c.letGo(f, f.lease)
			}
			if a := answers[f]; fills[i].Word != nil {
				c.filled(results[i].Held, results[i].Err)
				if results[i].Held {
					c.keepOne(f, a, ttl(a))
				}
			}
		}
		fills, filling = fills[n:], filling[n:]
		if unanswered(results) { // nor would it the others
			for i, f := range filling {
				c.letGo(f, f.lease)
				if fills[i].Word != nil {
					c.filled(false, results[0].Err)
				}
			}
			return
		}
	}
}

// unanswered says whether Redis did not say anything to what it was sent.
func unanswered(results []l2.Ended) bool {
	return !slices.ContainsFunc(results, func(r l2.Ended) bool {
		var said redis.Error
		return r.Err == nil || errors.As(r.Err, &said)
	})
}

// portion says how many of some words are sent at once, which one Redis timeout is for.
func portion(fills []l2.Filling) (n int) {
	const most = 1 << 20
	for size := 0; n < len(fills) && (n == 0 || size+len(fills[n].Word) <= most); n++ {
		size += len(fills[n].Word)
	}
	return n
}

func (c *Cache[K, V]) l2FillMany(fills []l2.Filling) []l2.Ended {
	ctx, cancel := c.bus.Within(c.ctx)
	defer cancel()
	return c.l2.FillMany(ctx, fills)
}

// keepOne is keep for one of several: a panic in the user's Cost is the answer of that one.
func (c *Cache[K, V]) keepOne(f *flight[K, V], a answer[V], ttl time.Duration) {
	defer c.landPanic(f)
	c.keep(f, a.held, c.bus.Now()+ttl)
}

// landPanic is deferred: it makes a panic a flight's answer.
func (c *Cache[K, V]) landPanic(f *flight[K, V]) {
	if p := recover(); p != nil {
		c.flights.mark(func() { c.flights.land(f, answer[V]{tier: Source, err: newPanicError(p)}) })
	}
}

// filling makes the word that is to be stored. A value that cannot be encoded gives its lease up.
func (c *Cache[K, V]) filling(f *flight[K, V], a answer[V], ttl time.Duration) (fill l2.Filling) {
	fill = l2.Filling{Entry: f.entry, Lease: f.lease}
	defer c.landPanic(f)
	c.answerFirst(f, a, ttl)
	w, err := c.l2.Encode(f.lease, c.value(f, a, ttl))
	if err != nil {
		c.filled(false, err)
		return fill
	}
	fill.Word, fill.TTL = w, ttl
	return fill
}

func withLease[K comparable, V any](flights []*flight[K, V]) (all []l2.Filling) {
	for _, f := range flights {
		if f.lease != nil {
			all = append(all, l2.Filling{Entry: f.entry, Lease: f.lease})
		}
	}
	return all
}
