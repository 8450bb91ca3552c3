package tiered

import (
	"context"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/l2"
)

// SetTTL gives the entry that is being loaded another life than Config.TTL or MissingTTL; in Config.LoadMany, all the
// entries of that call. Below 1 ms, also below zero, it is 1 ms: who reads together still shares one load; above 100
// years it is 100 years. An entry with tags that lives for longer than Config.TTL and an hour may go sooner: when a tag's
// word expires. It is for loaders, with the context that they were given; anywhere else it does nothing.
func SetTTL(ctx context.Context, ttl time.Duration) {
	if l := loadingOf(ctx); l != nil {
		l.ttl.Store(int64(min(max(ttl, MinTTL), MaxTTL)))
	}
}

// source asks the source, when one of the places among the bounded loads is free. over says that the flight ended before
// the loader returned, and was answered with that; then has been called, if it is not nil, as after
// a Goexit.
func (c *Cache[K, V]) source(f *flight[K, V], then func()) (a answer[V], ttl time.Duration, over bool) {
	ctx, l := c.newLoading(f.ctx, f.entry.Name)
	a.tier = Source
	if a.err = l.begin(); a.err != nil {
		if f.ctx.Err() == nil {
			c.count.noPlace.Add(1)
		}
		return a, 0, false
	}
	defer l.end()
	c.flights.mark(func() { f.reading = true })
	c.count.loads.Add(1)
	goOn := c.whenOver(f, then)
	ended := false
	defer func() {
		if !ended && goOn() { // by Goexit
			c.count.loadErrors.Add(1)
			if then != nil {
				then()
			}
		}
	}()
	a.held, a.err = recovered(func() (held[V], error) {
		return brought(timed(ctx, c.config.LoadTimeout, func(ctx context.Context) (V, error) { return f.load(ctx, f.key) }, f))
	})
	ended = true
	switch over = !goOn(); {
	case over: // which was counted
		a.err = context.Cause(f.ctx)
	case a.err != nil:
		c.count.loadErrors.Add(1)
	}
	return a, c.life(l, a), over
}

// timed calls a loader with a deadline, at which its flights end, whether it heeds it or not.
func timed[K comparable, V, T any](ctx context.Context, limit time.Duration, load func(context.Context) (T, error), flights ...*flight[K, V]) (result T, err error) {
	if limit < 0 {
		return load(ctx)
	}
	tooLong := fmt.Errorf("the loader took longer than LoadTimeout, %v: %w", limit, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, tooLong)
	defer cancel()
	over := func() bool { return context.Cause(ctx) == tooLong } //nolint:errorlint // this one
	stop := context.AfterFunc(ctx, func() {
		if !over() {
			return
		}
		for _, f := range flights {
			f.cancel(tooLong)
		}
	})
	defer stop()
	if result, err = load(ctx); err != nil && over() {
		err = fmt.Errorf("%w: %w", tooLong, err)
	}
	return result, err
}

// life is how long what was loaded lives.
func (c *Cache[K, V]) life(l *loading, a answer[V]) time.Duration {
	switch ttl := time.Duration(l.ttl.Load()); {
	case ttl != 0:
		return ttl
	case a.missing:
		return c.config.MissingTTL
	default:
		return c.config.TTL
	}
}

// whenOver sees to a flight whose context ends while its loader runs: it is answered at once, which is counted, and then is
// called, if it is not nil. What is returned says whether that has not happened, and sees to it that it will not.
func (c *Cache[K, V]) whenOver(f *flight[K, V], then func()) (goOn func() bool) {
	flying := &c.flights.flying
	flying.Add(1)
	stop := context.AfterFunc(f.ctx, func() {
		defer flying.Done()
		c.flights.mark(func() {
			if f.reading {
				c.count.loadErrors.Add(1)
			}
			c.flights.land(f, answer[V]{tier: Source, err: context.Cause(f.ctx)})
		})
		if then != nil {
			then()
		}
	})
	return func() bool {
		if !stop() {
			return false
		}
		flying.Done()
		return true
	}
}

// recovered calls a loader, and makes its panic an error. After a Goexit nobody is here to return to: what was deferred
// by its callers answers for it.
func recovered[T any](load func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
	}()
	return load()
}

// renew keeps a lease alive while the load runs, and returns what ends that.
func (c *Cache[K, V]) renew(f *flight[K, V], lease *l2.Lease) (stop func()) {
	return c.everyThird(f.ctx, func(ctx context.Context) bool {
		return c.l2.Renew(ctx, l2.Filling{Entry: f.entry, Lease: lease}) // false: what is loaded will not be stored
	})
}

// everyThird calls again and again, in a goroutine of its own once a third of a lease has passed, until again says
// false, ctx ends or stop is called.
func (c *Cache[K, V]) everyThird(ctx context.Context, again func(context.Context) bool) (stop func()) {
	flying := &c.flights.flying
	ctx, cancel := context.WithCancel(ctx)
	flying.Add(1)
	first := time.AfterFunc(word.LeaseLife/3, func() {
		defer flying.Done()
		every := time.NewTicker(word.LeaseLife / 3)
		defer every.Stop()
		for ctx.Err() == nil {
			once, done := context.WithTimeout(ctx, c.bus.Timeout())
			goOn := again(once)
			done()
			if !goOn {
				return
			}
			select {
			case <-ctx.Done():
			case <-every.C:
			}
		}
	})
	return func() {
		cancel()
		if first.Stop() {
			flying.Done()
		}
	}
}

// size measures what memory holds; more than all it may hold is as much.
func (c *Cache[K, V]) size(h held[V]) int64 {
	if h.missing {
		return 0
	}
	return min(max(c.config.Cost(h.value), 0), c.config.Capacity)
}
