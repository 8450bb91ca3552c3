package tiered

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/l2"
)

// How often a flight puts up with what stands in its way before it goes round Redis.
const (
	maxEnded = 2 // leases of others that ended without a value: a source that fails is not asked by one after the other
	maxMet   = 3 // unusable values met by LEASE
	pollWait = 100 * time.Millisecond
)

// Get returns the value of a key: from memory, else from Redis, else from the source, which is asked once however many
// wait. ctx ends this caller's wait alone. A cancellation may be noticed a Redis timeout late; a deadline is noticed in time,
// perhaps just before ctx.Err tells of it.
//
// Errors: ErrNotFound, wrapped with the key; the source's error, wrapped once; a *PanicError; one that says that a loader
// reads the entry that it loads, or that Config.Tags names what is no tag; ctx's; ErrClosed; ErrCoherence, only without a
// loader.
func (c *Cache[K, V]) Get(ctx context.Context, key K) (V, error) { return c.get(ctx, key, c.load) }

// Fetch is Get with a loader of its own, which must not be nil. A reader that shares the flight of another gets what that
// one's loader brought.
func (c *Cache[K, V]) Fetch(ctx context.Context, key K, load func(context.Context, K) (V, error)) (V, error) {
	if load == nil {
		return *new(V), fmt.Errorf("tiered: fetch %s: load is nil: give a loader, or use Get", c.Ref(key))
	}
	return c.get(ctx, key, load)
}

// Peek returns what memory holds of a key and nothing else: it never waits, loads or looks in Redis. What a Get has brought
// is there some 2 ms later; until then another Get shares it. Where nobody had read for coherence.Config.IdleAfter there is
// nothing, until the bus has asked Redis what it missed.
func (c *Cache[K, V]) Peek(key K) (V, bool) {
	h, asked, ok := c.near(key)
	if !asked {
		c.member.Wake()
	}
	if !ok || h.missing {
		var none V
		return none, false
	}
	return c.cloned(h.value), true
}

// get, and look and far below it, are the read path: near, flight, look, lease, load, fill.
func (c *Cache[K, V]) get(ctx context.Context, key K, load loader[K, V]) (V, error) {
	sweeps := c.flights.sweeps.Load()
	h, asked, ok := c.near(key)
	if ok {
		return c.give(h, key)
	}
	f := new(flight[K, V])
	if asked {
		f.missed = sweeps + 1
	}
	if err := c.plan(&f.trip, key, load); err != nil {
		return c.fail(key, err)
	}
	if err := c.mayFly(ctx, loadingOf(ctx), f.entry.Name); err != nil {
		return c.fail(key, err)
	}
	defer c.rest(ctx)()
	c.member.Ready(ctx)
	a := c.fly(ctx, f)
	origin(ctx, a.tier)
	return c.result(a, key)
}

// near looks in memory: clock, fence, pending and epoch, in this order, afresh at every look. asked says that it could.
func (c *Cache[K, V]) near(key K) (h held[V], asked, ok bool) {
	now := c.bus.Now()
	if c.l1 == nil || !c.bus.Open(now) {
		return h, false, false
	}
	if !c.member.Settled() {
		if places := c.places(key); !c.member.Usable(now, &places) {
			return h, false, false
		}
	}
	h.value, h.missing, ok = c.l1.Get(key, now)
	return h, true, ok
}

// look is what a flight does first: memory once more, then Redis, once. What it cannot answer flies on.
func (c *Cache[K, V]) look(ctx context.Context, f *flight[K, V]) (a answer[V], answered bool) {
	if a, answered = c.nearby(f); answered || f.looked {
		return a, answered
	}
	once, cancel := c.bus.Within(ctx)
	defer cancel()
	w, err := c.ask(once, f)
	return c.saw(ctx, f, w, err, c.bus.Now())
}

// ask asks Redis for the word, and where it is likely that there is none, for the lease with it.
func (c *Cache[K, V]) ask(ctx context.Context, f *flight[K, V]) (w l2.Word[V], err error) {
	now := c.bus.RedisNow(c.bus.Now())
	if f.load == nil || !c.odds.absent() {
		return c.l2.Get(ctx, f.entry, f.generation, now)
	}
	lease, w, err := c.l2.GetOrLease(ctx, f.entry, c.config.TTL, f.generation, now)
	if err != nil {
		c.letGo(f, lease)
		return w, err
	}
	f.goesOn().lease = lease
	return w, nil
}

// nearby is what needs no Redis.
func (c *Cache[K, V]) nearby(f *flight[K, V]) (a answer[V], answered bool) {
	c.prepare(f)
	if !c.hasNews(f) {
		return a, false
	}
	return c.again(f)
}

// prepare says what a flight may use.
func (c *Cache[K, V]) prepare(f *flight[K, V]) {
	f.generation = c.member.Generation() // after e0, before the fence
	f.round = !c.member.Usable(c.bus.Now(), &f.places)
	f.looked = f.round || c.l2 == nil
}

// hasNews says whether a flight may use memory, and memory has got something since it missed the key.
func (c *Cache[K, V]) hasNews(f *flight[K, V]) bool {
	return !f.round && f.missed != c.flights.sweeps.Load()+1
}

// saw takes what Redis said. An error that the end of the caller's context explains says nothing: the flight looks again.
func (c *Cache[K, V]) saw(ctx context.Context, f *flight[K, V], w l2.Word[V], err error, now time.Duration) (a answer[V], answered bool) {
	c.count.saw(w.Kind, err)
	c.odds.saw(w.Kind, err)
	f.looked = err == nil || late.Err(ctx) == nil
	if w.Kind == l2.Found {
		return c.found(f, w, now), true
	}
	f.goesOn().seen, f.err = w, err
	return a, false
}

// far is what a flight does that flies on. Redis's errors lead round Redis, never to the reader.
func (c *Cache[K, V]) far(f *flight[K, V]) answer[V] {
	if err := f.ctx.Err(); err != nil && f.lease == nil {
		return answer[V]{err: err} // nobody waits any more
	}
	if !f.looked {
		if a, answered := c.look(f.ctx, f); answered {
			return a
		}
	}
	switch {
	case f.round:
		return c.goRound(f)
	case c.l2 == nil:
		return c.loadAside(f)
	case f.lease != nil:
		return c.loadAndFill(f, f.lease)
	}
	told, stop := c.bus.Listen(f.ref) // before LEASE marks a lease as waited for
	defer stop()
	w, err := f.seen, f.err
	ended, met, awaited := 0, 0, ""
	for err == nil && f.ctx.Err() == nil {
		if awaited != "" && w.Token != awaited && w.Kind != l2.Found {
			ended, awaited = ended+1, ""
		}
		switch {
		case w.Kind == l2.Found:
			return c.found(f, w, c.bus.Now())
		case w.Kind == l2.Intended || ended == maxEnded || met == maxMet:
			return c.goRound(f)
		case f.load == nil:
			return answer[V]{held: held[V]{missing: true}, tier: Redis}
		case w.Kind == l2.Foreign:
			return c.loadAside(f)
		}
		var lease *l2.Lease
		if lease, w, err = c.l2Lease(f, w); err != nil {
			c.letGo(f, lease)
			break
		}
		switch {
		case lease != nil:
			return c.loadAndFill(f, lease)
		case w.Kind == l2.Leased && (awaited == "" || awaited == w.Token):
			awaited = w.Token
			wait(f.ctx, told)
			w, err = c.l2Get(f)
		case w.Kind == l2.Stale || w.Kind == l2.Garbage:
			met++
		}
	}
	if f.ctx.Err() != nil { // nobody waits any more: that was not Redis's failure
		return answer[V]{err: f.ctx.Err()}
	}
	c.redisFailed(err)
	return c.goRound(f)
}

// found answers with a value of Redis's, and keeps it in memory no longer than it has left to live.
func (c *Cache[K, V]) found(f *flight[K, V], w l2.Word[V], now time.Duration) answer[V] {
	c.count.redisHits.Add(1)
	left := time.Duration(w.Expires-c.bus.RedisNow(now)) * time.Millisecond
	h := held[V]{value: w.Value, missing: w.Missing}
	if left > 0 {
		c.keep(f, h, now+left)
	}
	return answer[V]{held: h, tier: Redis}
}

// loadAndFill loads under a lease. Memory keeps only what Redis has stored.
func (c *Cache[K, V]) loadAndFill(f *flight[K, V], lease *l2.Lease) answer[V] {
	renewed := c.renew(f, lease)
	defer renewed() // also after a Goexit
	a, ttl, over := c.source(f, func() { c.giveUp(f, lease) })
	renewed()
	switch {
	case over:
		return a
	case a.err != nil:
		c.giveUp(f, lease)
		return a
	}
	c.answerFirst(f, a, ttl)
	if c.fill(f, lease, a, ttl) {
		c.keep(f, a.held, c.bus.Now()+ttl)
	}
	return a
}

// answerFirst answers before the value is stored, where the user wants that.
func (c *Cache[K, V]) answerFirst(f *flight[K, V], a answer[V], ttl time.Duration) {
	if c.config.FillInBackground {
		c.flights.mark(func() {
			f.filling, f.expires = true, c.bus.Now()+ttl
			c.flights.land(f, a)
		})
	}
}

// fill stores what was loaded, and says whether it did.
func (c *Cache[K, V]) fill(f *flight[K, V], lease *l2.Lease, a answer[V], ttl time.Duration) bool {
	ended := false
	defer func() { // also when a codec panics
		if !ended {
			c.giveUp(f, lease)
		}
	}()
	ctx, cancel := c.bus.Within(f.ctx)
	defer cancel()
	stored, err := c.l2.Fill(ctx, f.entry, lease, c.value(f, a, ttl))
	ended = true
	c.filled(stored, err)
	return stored
}

// value is what a load brought, as Redis is to keep it.
func (c *Cache[K, V]) value(f *flight[K, V], a answer[V], ttl time.Duration) l2.Value[V] {
	return l2.Value[V]{
		Value: a.value, Missing: a.missing, Generation: f.generation,
		TTL: ttl, Expires: c.bus.RedisNow(c.bus.Now()) + ttl.Milliseconds(),
	}
}

// giveUp ends a lease without a value, also when the flight is over. If that fails, the lease ends by itself.
func (c *Cache[K, V]) giveUp(f *flight[K, V], lease *l2.Lease) {
	ctx, cancel := c.bus.Within(c.ctx)
	defer cancel()
	_ = c.l2.GiveUp(ctx, f.entry, lease)
}

// letGo gives up a lease that Redis may have granted, off the reader's path: others would wait for it.
func (c *Cache[K, V]) letGo(f *flight[K, V], lease *l2.Lease) {
	c.flights.flying.Go(func() { c.giveUp(f, lease) })
}

// loadAside loads without a lease, and keeps the value in memory alone: the epoch keeps it right.
func (c *Cache[K, V]) loadAside(f *flight[K, V]) answer[V] {
	if f.load == nil {
		return answer[V]{held: held[V]{missing: true}}
	}
	a, ttl, _ := c.source(f, nil)
	if a.err == nil {
		c.keep(f, a.held, c.bus.Now()+ttl)
	}
	return a
}

// goRound is BYPASS: the source is asked and nothing is stored. The epoch is raised before it returns, so that memory
// cannot answer with something older afterwards.
func (c *Cache[K, V]) goRound(f *flight[K, V]) answer[V] {
	c.count.bypasses.Add(1)
	if f.load == nil {
		return answer[V]{err: c.incoherent()}
	}
	c.flights.mark(func() { f.bypass = true })
	a, _, _ := c.source(f, nil)
	c.member.Raise(&f.places)
	return a
}

// keep says that memory may keep the flight's answer until it expires, unless the flight is over. It is put there off the
// reader's path, under the flight's epoch; until then the flight lingers and answers.
func (c *Cache[K, V]) keep(f *flight[K, V], h held[V], expires time.Duration) {
	if c.l1 == nil {
		return
	}
	f.size = c.size(h)
	c.flights.mark(func() { f.put, f.expires = !f.over, expires })
}

func (c *Cache[K, V]) l2Get(f *flight[K, V]) (l2.Word[V], error) {
	ctx, cancel := c.bus.Within(f.ctx)
	defer cancel()
	w, err := c.l2.Get(ctx, f.entry, f.generation, c.bus.RedisNow(c.bus.Now()))
	c.count.saw(w.Kind, err)
	return w, err
}

func (c *Cache[K, V]) l2Lease(f *flight[K, V], seen l2.Word[V]) (*l2.Lease, l2.Word[V], error) {
	ctx, cancel := c.bus.Within(f.ctx)
	defer cancel()
	lease, met, err := c.l2.Lease(ctx, f.entry, seen, c.config.TTL, f.generation, c.bus.RedisNow(c.bus.Now()))
	c.met(lease, seen, met)
	return lease, met, err
}

// met counts the garbage that only LEASE's script can tell.
func (c *Cache[K, V]) met(lease *l2.Lease, seen, met l2.Word[V]) {
	if lease != nil && met.Kind == l2.Garbage && seen.Kind != l2.Garbage {
		c.count.garbage.Add(1)
	}
}

// plan says what a reader asks for. The error says that Config.Tags is wrong.
func (c *Cache[K, V]) plan(t *trip[K, V], key K, load loader[K, V]) error {
	tags := c.tags(key)
	if len(tags) > l2.MaxTags {
		return fmt.Errorf("Tags: %d refs: give at most %d", len(tags), l2.MaxTags) //nolint:staticcheck // a field's name
	}
	t.key, t.load = key, load
	t.ref, t.entry.Key = c.entry(key)
	t.entry.Name, t.places = t.ref.String(), c.member.Places(t.ref, tags)
	for i, tag := range tags {
		if !tag.IsTag() {
			return fmt.Errorf("Tags: the ref at %d is no tag: make tags with coherence.Tag", i) //nolint:staticcheck // as above
		}
		t.entry.Tags = append(t.entry.Tags, c.bus.Key(tag.String()))
	}
	return nil
}

func (c *Cache[K, V]) places(key K) coherence.Places { return c.member.Places(c.Ref(key), c.tags(key)) }

// result hands an answer out.
func (c *Cache[K, V]) result(a answer[V], key K) (V, error) {
	if a.err != nil {
		return c.fail(key, a.err)
	}
	return c.give(a.held, key)
}

// give hands a value out.
func (c *Cache[K, V]) give(h held[V], key K) (V, error) {
	if h.missing {
		return c.fail(key, ErrNotFound)
	}
	return c.cloned(h.value), nil
}

func (c *Cache[K, V]) cloned(v V) V {
	if c.config.Clone == nil {
		return v
	}
	return c.config.Clone(v)
}

// fail wraps an error with the key, once.
func (c *Cache[K, V]) fail(key K, err error) (V, error) {
	var none V
	if errors.Is(err, context.Canceled) && c.flights.isClosed() {
		err = ErrClosed // the cache's end cancelled it, not the caller
	}
	return none, fmt.Errorf("tiered: get %s: %w", c.Ref(key), err)
}
