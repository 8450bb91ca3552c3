package tiered

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/l2"
)

// Set stores a value whose source is the caller, for Config.TTL; see SetWithTTL.
func (c *Cache[K, V]) Set(ctx context.Context, key K, value V) error {
	return c.SetWithTTL(ctx, key, value, c.config.TTL)
}

// SetWithTTL stores a value whose source is the caller (sessions, results), for ttl, and tells every process. Where a
// write of the entry or of one of its tags is under way, or an invalidation of this process's has not reached Redis yet, or
// a tag was invalidated meanwhile, nothing is stored: a cache with a Load asks the source next, one without returns
// ErrCoherence.
//
// With Redis the value goes there alone; the next Get brings it into memory. On a bus without Redis it goes to memory, and is
// readable when SetWithTTL returns, unless memory has no room for it.
//
// Errors: a ttl below 1 ms or above 100 years; a value that cannot be encoded; ctx's; ErrCoherence, also where Redis
// cannot be reached (the value may then still land later); ErrClosed.
func (c *Cache[K, V]) SetWithTTL(ctx context.Context, key K, value V, ttl time.Duration) error {
	if c.flights.isClosed() || c.bus.IsClosed() {
		return ErrClosed
	}
	if wrong := unusable(ttl); wrong != "" {
		return fmt.Errorf("tiered: set %s: ttl is %v: %s", c.Ref(key), ttl, wrong)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tiered: set %s: %w", c.Ref(key), err)
	}
	var t trip[K, V]
	if err := c.plan(&t, key, c.load); err != nil {
		return fmt.Errorf("tiered: set %s: %w", c.Ref(key), err)
	}
	if c.l2 == nil {
		return c.setNear(t, value, ttl)
	}
	c.member.Raise(&t.places)
	defer c.member.Raise(&t.places)
	c.member.Ready(ctx)
	if c.member.Generation() == 0 {
		return fmt.Errorf("tiered: set %s: %w", t.ref, c.incoherent()) // nothing was heard of Redis yet
	}
	if c.member.Pending(&t.places) { // what is delivered later would take it away
		return c.unstored(&t)
	}
	stored, err := c.setFar(ctx, t, value, ttl)
	switch {
	case err != nil:
		return fmt.Errorf("tiered: set %s: %w", t.ref, err)
	case !stored:
		return c.unstored(&t)
	}
	return nil
}

// setFar stores in Redis; once more if the cache has been cleared meanwhile.
func (c *Cache[K, V]) setFar(ctx context.Context, t trip[K, V], value V, ttl time.Duration) (bool, error) {
	id := c.member.Remember(t.ref)
	for again := true; ; again = false {
		once, cancel := context.WithTimeout(ctx, c.bus.Timeout())
		stored, newer, err := c.l2.Set(once, t.entry, l2.Value[V]{
			Value: value, Generation: c.member.Generation(),
			TTL: ttl, Expires: c.bus.RedisNow(c.bus.Now()) + ttl.Milliseconds(),
		}, id)
		cancel()
		switch {
		case errors.Is(err, l2.ErrEncode):
			return false, err
		case err != nil:
			if late.Err(ctx) == nil {
				c.redisFailed(err)
			}
			return false, fmt.Errorf("%w: %w", ErrCoherence, err)
		case stored || newer == 0 || !again:
			return stored, nil
		}
		c.member.Learn(newer)
	}
}

// setNear stores in memory alone, one value at a time, and not beside a sweep: ristretto keeps the first of two quick puts
// of a new key, and a sweep could put what was loaded before in its place. Readers have the value from the beginning, so
// what makes it void meanwhile has come after it, and it is not stored again.
func (c *Cache[K, V]) setNear(t trip[K, V], value V, ttl time.Duration) error {
	if c.l1 == nil {
		if err := c.unstored(&t); err != nil {
			return fmt.Errorf("%w: a Linearizable cache without Redis has nowhere to store it", err)
		}
		return nil
	}
	h := held[V]{value: c.cloned(value)}
	size := c.size(h)
	c.putting.Lock()
	defer c.putting.Unlock()
	f := &flight[K, V]{trip: t, put: true, answered: true, answer: answer[V]{held: h, tier: Memory}, expires: c.bus.Now() + ttl, size: size}
	c.flights.mark(func() { // a load that began before is void, and none begins that does not know of this
		c.member.Raise(&t.places)
		c.begin(f)
	})
	c.put(f)
	c.l1.Wait(c.bus.Now())
	c.flights.mark(func() {
		c.flights.remove(f)
		c.flights.sweeps.Add(1)
	})
	switch {
	case c.bus.IsClosed():
		return ErrClosed
	case !c.member.Usable(c.bus.Now(), &t.places):
		return c.unstored(&t) // a write is under way, whose end makes it void
	}
	return nil
}

// again looks into memory once more; without Redis until no Set has come between.
func (c *Cache[K, V]) again(f *flight[K, V]) (a answer[V], answered bool) {
	for {
		at := c.member.Epoch()
		if a, answered = c.beingSet(f); !answered {
			a.held, _, answered = c.near(f.key)
		}
		if answered || c.l2 != nil || c.member.Holds(at, &f.places) {
			return a, answered
		}
	}
}

// beingSet returns the value that a Set without Redis is about to show in place of another.
func (c *Cache[K, V]) beingSet(f *flight[K, V]) (a answer[V], is bool) {
	if c.l2 != nil {
		return a, false
	}
	r := &c.flights
	r.mu.Lock()
	defer r.mu.Unlock()
	other := r.byName[f.entry.Name]
	if other == nil || !other.answered || !c.mayShare(other, f, other.began) {
		return a, false
	}
	return other.answer, true
}

// unstored is what Set returns where nothing was stored.
func (c *Cache[K, V]) unstored(t *trip[K, V]) error {
	if c.load == nil {
		return fmt.Errorf("tiered: set %s: %w", t.ref, c.incoherent())
	}
	return nil
}
