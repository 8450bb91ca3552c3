package tiered

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// SetTTL gives the entry that is being loaded another life than Config.TTL or MissingTTL; in Config.LoadMany, all the
// entries of the GetMany. It is for loaders, with the context that they were given; anywhere else, and with a ttl below 1 ms, it does nothing.
func SetTTL(ctx context.Context, ttl time.Duration) {
	if own, ok := ctx.Value(ttlKey{}).(*atomic.Int64); ok && ttl >= time.Millisecond {
		own.Store(int64(ttl))
	}
}

type ttlKey struct{}

// source asks the source, when one of the places among the bounded loads is free. The place is free again when the
// loader has returned, also if the flight has ended before.
func (c *Cache[K, V]) source(f *flight[K, V]) (a answer[V], ttl time.Duration) {
	own := new(atomic.Int64)
	if f.part != nil {
		own = &f.part.batch.ttl
	}
	ctx := context.WithValue(f.ctx, ttlKey{}, own)
	var returned <-chan answer[V]
	if f.part != nil {
		c.flights.mark(func() { f.reading = true })
		returned = f.part.load(ctx, f.key)
	} else if returned, a.err = c.loadOne(ctx, f); a.err != nil {
		return a, 0
	}
	c.count.loads.Add(1)
	select {
	case a = <-returned:
	case <-f.ctx.Done():
		a.err = f.ctx.Err()
	}
	if a.err != nil {
		c.count.loadErrors.Add(1)
	}
	a.tier = Source
	if ttl = time.Duration(own.Load()); ttl == 0 {
		if ttl = c.config.TTL; a.missing {
			ttl = c.config.MissingTTL
		}
	}
	return a, ttl
}

func (c *Cache[K, V]) loadOne(ctx context.Context, f *flight[K, V]) (<-chan answer[V], error) {
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	c.flights.mark(func() { f.reading = true })
	returned := make(chan answer[V], 1)
	c.flights.flying.Go(func() {
		defer c.slots.Release(1)
		v, err := recovered(func() (V, error) { return f.load(ctx, f.key) })
		if errors.Is(err, ErrNotFound) {
			returned <- answer[V]{held: held[V]{missing: true}}
			return
		}
		returned <- answer[V]{held: held[V]{value: v}, err: err}
	})
	return returned, nil
}

// recovered calls a loader in a goroutine of its own, so that whatever it does, panic and Goexit included, is a result.
func recovered[T any](load func() (T, error)) (result T, err error) {
	err = &PanicError{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = newPanicError(p)
			}
		}()
		result, err = load()
	}()
	<-done
	return result, err
}

// renew keeps a lease alive while the load runs, and returns what ends that.
func (c *Cache[K, V]) renew(f *flight[K, V], lease *l2.Lease) (stop func()) {
	ctx, cancel := context.WithCancel(f.ctx)
	c.flights.flying.Go(func() {
		every := time.NewTicker(l2.LeaseLife / 3)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			once, done := context.WithTimeout(ctx, c.bus.Timeout())
			held, err := c.l2.Renew(once, f.entry, lease)
			done()
			if err == nil && !held {
				return // somebody has written: what is loaded will not be stored
			}
		}
	})
	return cancel
}

// size measures what memory holds.
func (c *Cache[K, V]) size(h held[V]) int64 {
	if h.missing {
		return 0
	}
	return max(c.config.Cost(h.value), 0)
}
