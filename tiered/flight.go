package tiered

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
)

// flight is one journey to Redis and the source for one key. At most one of a key runs at a time. What decides who may
// share it is written down beside it; singleflight runs it and hands its answer round.
//
// The races that the rules close:
//
//  1. A reader that starts after a write joins a flight that looked before it: e0 is compared.
//  2. A reader that comes when epochs cannot be trusted (fence closed, write pending) joins a flight that has read the
//     source already: then only one that goes round Redis and has not begun to read may be joined.
//  3. A flight has answered, but its value is not visible in memory yet; a second one answers something newer, then a
//     reader hits the older value, visible late and under the same epoch: a flight lingers until its put is visible,
//     and who flies meanwhile raises the epoch first.
//  4. A flight whose last reader has left puts its value after another flight has answered: it puts nothing.
type flight[K comparable, V any] struct {
	trip[K, V]
	ctx    context.Context // ends with the last reader, and with the cache
	cancel context.CancelFunc
	began  uint64 // its number among all flights
	e0     uint64 // e(k), read before the first look at Redis

	// Under the registry's lock.
	readers  int
	bypass   bool // it goes round memory and Redis
	reading  bool // its read of the source has begun
	put      bool // its value has been offered to memory
	answered bool
	answer   answer[V]
	over     bool          // its last reader left before it had answered or put
	done     chan struct{} // closed when it has answered or is over
}

// trip is what a reader asks for.
type trip[K comparable, V any] struct {
	key    K
	ref    coherence.Ref
	entry  l2.Entry
	places coherence.Places
	load   loader[K, V]
	part   *part[K, V] // of a batch, or nil
}

// answer is what a flight brings.
type answer[V any] struct {
	held[V]
	tier Tier
	err  error
}

// registry holds, by name, the flight that runs or lingers.
type registry[K comparable, V any] struct {
	mu     sync.Mutex
	byName map[string]*flight[K, V]
	begun  uint64
	closed bool
	group  singleflight.Group
	flying sync.WaitGroup // flights, loads, and what lingers
}

// fly shares, waits for, or leads a flight.
func (c *Cache[K, V]) fly(ctx context.Context, t trip[K, V]) answer[V] {
	r := &c.flights
	r.mu.Lock()
	arrived := r.begun
	for !r.closed && !c.bus.IsClosed() {
		f := r.byName[t.entry.Name]
		switch {
		case f != nil && c.mayShare(f, t, arrived):
			t.part.settle()
			return c.ride(ctx, f)
		case f == nil || f.answered:
			return c.ride(ctx, c.lead(ctx, t, f))
		}
		r.mu.Unlock()
		c.count.waited.Add(1)
		t.part.settle()
		select {
		case <-f.done:
		case <-ctx.Done():
			return answer[V]{err: ctx.Err()}
		}
		r.mu.Lock()
	}
	r.mu.Unlock()
	return answer[V]{err: ErrClosed}
}

// mayShare says whether a reader may take a flight's answer; arrived is how many had begun when the reader came.
func (c *Cache[K, V]) mayShare(f *flight[K, V], t trip[K, V], arrived uint64) bool {
	usable := c.member.Usable(c.bus.Now(), &f.places)
	same := c.member.Epoch(&f.places) == f.e0
	switch {
	case f.load == nil && t.load != nil:
		return false // a Get of a cache without Load cannot load for a Fetch
	case f.began > arrived:
		return !f.answered || usable
	case c.config.Linearizable || !same:
		return false
	case usable:
		return !f.bypass || !f.reading
	default:
		return f.bypass && !f.reading
	}
}

// lead begins a flight; lingering is one that has answered, or nil. The registry is locked.
func (c *Cache[K, V]) lead(ctx context.Context, t trip[K, V], lingering *flight[K, V]) *flight[K, V] {
	r := &c.flights
	if lingering != nil && c.member.Epoch(&t.places) == lingering.e0 {
		c.member.Raise(&t.places)
	}
	r.begun++
	f := &flight[K, V]{trip: t, began: r.begun, e0: c.member.Epoch(&t.places), done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.byName[t.entry.Name] = f
	r.flying.Add(1)
	return f
}

// ride takes a place in a flight and waits for its answer. It unlocks the registry.
func (c *Cache[K, V]) ride(ctx context.Context, f *flight[K, V]) answer[V] {
	r := &c.flights
	if f.answered {
		defer r.mu.Unlock()
		return f.answer
	}
	f.readers++
	if f.readers > 1 {
		c.count.shared.Add(1)
	}
	landed := r.group.DoChan(f.entry.Name, func() (any, error) { return c.run(f), nil })
	r.mu.Unlock()
	select {
	case result := <-landed:
		return result.Val.(answer[V])
	case <-f.done: // after a Goexit, of a codec say, singleflight tells nobody
		return f.answer
	case <-ctx.Done():
		c.leave(f)
		return answer[V]{err: ctx.Err()}
	}
}

// run is the flight. What panics outside of a load, a codec of the user's for one, is an answer too.
func (c *Cache[K, V]) run(f *flight[K, V]) (a answer[V]) {
	stop := context.AfterFunc(c.ctx, f.cancel)
	defer stop()
	a = answer[V]{tier: Source, err: &PanicError{}} // what stays after a Goexit
	defer func() {
		if p := recover(); p != nil {
			a.err = newPanicError(p)
		}
		c.land(f, a)
	}()
	a = c.far(f)
	return a
}

// land makes a flight's answer known. If it has put, it lingers until the put is visible or refused.
func (c *Cache[K, V]) land(f *flight[K, V], a answer[V]) {
	r := &c.flights
	r.mu.Lock()
	put := f.put
	if !f.over {
		f.answered, f.answer = true, a
		r.group.Forget(f.entry.Name)
		close(f.done)
		if !put {
			r.remove(f)
		}
	}
	r.mu.Unlock()
	f.cancel()
	if !put {
		r.flying.Done()
		return
	}
	go func() {
		defer r.flying.Done()
		c.l1.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.remove(f)
	}()
}

// leave gives a place up. The last reader to leave ends the flight, unless it has put or answered.
func (c *Cache[K, V]) leave(f *flight[K, V]) {
	r := &c.flights
	r.mu.Lock()
	defer r.mu.Unlock()
	f.readers--
	if f.readers > 0 || f.answered || f.put {
		return
	}
	f.over = true
	r.group.Forget(f.entry.Name)
	r.remove(f)
	close(f.done)
	f.cancel()
}

// mark changes what the lock guards of a flight.
func (r *registry[K, V]) mark(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *registry[K, V]) remove(f *flight[K, V]) {
	if r.byName[f.entry.Name] == f {
		delete(r.byName, f.entry.Name)
	}
}

// close lets no flight begin any more; false: it was closed already.
func (r *registry[K, V]) close() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.closed
	r.closed = true
	return !was
}

func (r *registry[K, V]) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
