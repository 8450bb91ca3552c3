package tiered

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/l2"
)

// flight is one journey to Redis and the source for one key. At most one of a key runs at a time; a Set without Redis takes
// the place of one that runs, which then answers only who waits for it already. What decides who may share it is written
// down beside it. Its leader looks in Redis himself, once; what that does not answer flies on in a
// goroutine of its own.
//
// The races that the rules close:
//
//  1. A reader that starts after a write joins a flight that looked before it: e0 is compared.
//  2. A reader that comes when epochs cannot be trusted (fence closed, write pending) joins a flight that has read the
//     source already: then only one that goes round Redis and has not begun to read may be joined.
//  3. A flight has answered, but its value is not visible in memory yet; a second one answers something newer, then a
//     reader hits the older value, visible late and under an epoch that holds: a flight lingers until its put is visible,
//     and who flies meanwhile raises the epoch first.
//  4. A flight whose last reader has left puts its value after another flight has answered: it puts nothing.
//  5. Between the old value's end and the new one's being visible, Set without Redis would let a reader load what is older:
//     Set is a flight that has answered.
type flight[K comparable, V any] struct {
	trip[K, V]
	began uint64 // its number among all flights
	e0    uint64 // the epoch, read before the first look at Redis

	// What its looks have found; of who flies it.
	generation uint64
	round      bool  // memory and Redis may not be used
	looked     bool  // seen and err are what Redis said
	size       int64 // of its answer in memory
	*onward[V]       // nil while its leader looks

	// Under the registry's lock.
	readers  int
	bypass   bool // it goes round memory and Redis
	reading  bool // its read of the source has begun
	put      bool // memory may keep its answer
	filling  bool // its value is being stored in the background
	answered bool
	over     bool // its last reader left before it had answered or put
	answer   answer[V]
	expires  time.Duration // of the answer, if it lingers
	done     chan struct{} // closed when it has answered or is over; nil: nobody waits for that
}

// onward is what a flight needs that the first look has not answered.
type onward[V any] struct {
	seen  l2.Word[V]
	err   error
	lease *l2.Lease // granted already, with the look or together with others

	ctx    context.Context // ends with the last reader, with the cache, and with a load that takes too long
	cancel context.CancelCauseFunc
}

// trip is what a reader asks for.
type trip[K comparable, V any] struct {
	key    K
	ref    coherence.Ref
	entry  l2.Entry
	places coherence.Places
	load   loader[K, V]
	missed uint64 // what sweeps were when memory did not have it, and 1 more; 0: memory was not asked
}

// answer is what a flight brings.
type answer[V any] struct {
	held[V]
	tier Tier
	err  error
}

// registry holds, by name, the flight that runs or lingers.
type registry[K comparable, V any] struct {
	sweeps    atomic.Uint64 // how often memory had taken some of what lingered; counted when that is forgotten
	_         [64]byte      // hits read sweeps: not beside what flights change
	mu        sync.Mutex
	byName    map[string]*flight[K, V]
	lingering []*flight[K, V]
	begun     uint64
	aloft     int // flights: flying counts one as long as there are any
	closed    bool
	flying    sync.WaitGroup // flights, and what they leave behind
}

// fly shares, waits for, or leads a flight: mine, which says where to.
func (c *Cache[K, V]) fly(ctx context.Context, mine *flight[K, V]) answer[V] {
	r := &c.flights
	r.mu.Lock()
	for arrived := r.begun; ; {
		f, leads, free := c.board(mine, arrived)
		switch {
		case f == nil:
			r.mu.Unlock()
			return answer[V]{err: ErrClosed}
		case leads:
			r.mu.Unlock()
			return c.depart(ctx, f)
		case free:
			r.mu.Unlock()
			return c.ride(ctx, f)
		}
		done := f.awaited()
		r.mu.Unlock()
		c.count.waited.Add(1)
		select {
		case <-done:
		case <-ctx.Done():
			return answer[V]{err: ctx.Err()}
		}
		r.mu.Lock()
	}
}

// board gives a reader a place in the flight of its key: in one that leads false says it may share, or in its own, which
// it leads. Not free: this flight's end must be awaited first. nil: the cache is closed. The registry is locked; arrived
// is how many had begun when the reader came.
func (c *Cache[K, V]) board(mine *flight[K, V], arrived uint64) (f *flight[K, V], leads, free bool) {
	r := &c.flights
	if r.closed || c.bus.IsClosed() {
		return nil, false, false
	}
	f = r.byName[mine.entry.Name]
	switch {
	case f != nil && c.mayShare(f, mine, arrived):
		f.readers++
		c.count.shared.Add(1)
		return f, false, true
	case f == nil || f.answered:
		c.lead(mine, f)
		return mine, true, true
	}
	return f, false, false
}

// mayShare says whether a reader may take a flight's answer; arrived is how many had begun when the reader came.
func (c *Cache[K, V]) mayShare(f, mine *flight[K, V], arrived uint64) bool {
	now := c.bus.Now()
	usable := c.member.Usable(now, &f.places)
	same := c.member.Holds(f.e0, &f.places)
	switch {
	case f.load == nil && mine.load != nil && (!f.answered || f.answer.missing):
		return false // a Get of a cache without Load cannot load for a Fetch
	case f.answered && now >= f.expires:
		return false
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
func (c *Cache[K, V]) lead(f, lingering *flight[K, V]) {
	r := &c.flights
	if lingering != nil && c.member.Holds(lingering.e0, &f.places) {
		c.member.Raise(&f.places)
	}
	f.readers = 1
	c.begin(f)
	if r.aloft++; r.aloft == 1 {
		r.flying.Add(1)
	}
}

// begin makes a flight known, under the epoch of this moment. The registry is locked.
func (c *Cache[K, V]) begin(f *flight[K, V]) {
	r := &c.flights
	r.begun++
	f.began, f.e0 = r.begun, c.member.Epoch()
	r.byName[f.entry.Name] = f
}

// depart is the leader's part of a flight: the first look. It answers, or the flight flies on in a goroutine of its own.
func (c *Cache[K, V]) depart(ctx context.Context, f *flight[K, V]) answer[V] {
	if c.landed(f, func() (answer[V], bool) { return c.look(ctx, f) }) {
		return f.answer
	}
	left := c.detach(ctx, f)
	go c.run(f)
	if left {
		return answer[V]{err: late.Err(ctx)}
	}
	return c.ride(ctx, f)
}

// landed says whether a step of a flight has answered it, which ends it. What panics, a codec of the user's for one, is
// an answer too.
func (c *Cache[K, V]) landed(f *flight[K, V], step func() (answer[V], bool)) (answered bool) {
	a, answered := answer[V]{tier: Source, err: errGoexit}, true // what stays after a Goexit
	defer func() {
		if p := recover(); p != nil {
			a.err = newPanicError(p)
		}
		if answered {
			c.finish(f, a)
		}
	}()
	a, answered = step()
	return answered
}

// detach gives a flight a context of its own. It says whether its leader has left: one whose context has ended asks for
// nothing more, on a Redis that may be slow.
func (c *Cache[K, V]) detach(ctx context.Context, f *flight[K, V]) (left bool) {
	c.flights.mark(func() {
		f.goesOn()
		f.ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	})
	if left = late.Err(ctx) != nil; left {
		c.leave(f)
	}
	return left
}

// goesOn returns what a flight needs that goes on.
func (f *flight[K, V]) goesOn() *onward[V] {
	if f.onward == nil {
		f.onward = new(onward[V])
	}
	return f.onward
}

// awaited returns what is closed when a flight that has not answered has, or is over. The registry is locked.
func (f *flight[K, V]) awaited() <-chan struct{} {
	if f.done == nil {
		f.done = make(chan struct{})
	}
	return f.done
}

// wake wakes who waits for a flight. The registry is locked.
func (f *flight[K, V]) wake() {
	if f.done != nil {
		close(f.done)
	}
}

// run is the part of a flight that nobody waits in.
func (c *Cache[K, V]) run(f *flight[K, V]) {
	stop := context.AfterFunc(c.ctx, func() { f.cancel(nil) })
	defer stop()
	c.landed(f, func() (answer[V], bool) { return c.far(f), true })
}

// ride waits for a flight's answer.
func (c *Cache[K, V]) ride(ctx context.Context, f *flight[K, V]) answer[V] {
	r := &c.flights
	r.mu.Lock()
	if f.answered {
		defer r.mu.Unlock()
		return f.answer
	}
	done := f.awaited()
	r.mu.Unlock()
	select {
	case <-done:
		return f.answer
	case <-ctx.Done():
		c.leave(f)
		return answer[V]{err: ctx.Err()}
	}
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
	r.remove(f)
	f.wake()
	f.cancel(nil)
}

// finish makes a flight's answer known, and ends it.
func (c *Cache[K, V]) finish(f *flight[K, V], a answer[V]) {
	r := &c.flights
	r.mu.Lock()
	defer r.mu.Unlock()
	r.land(f, a)
	c.end(f)
}

// land makes a flight's answer known, the first one; nobody waits for the flight any more. A value stays known if it has put.
// The registry is locked.
func (r *registry[K, V]) land(f *flight[K, V], a answer[V]) {
	if f.over || f.answered {
		return
	}
	f.answered, f.answer = true, a
	f.wake()
	if a.err != nil || !f.put && !f.filling {
		r.remove(f)
	}
}

// mark changes what the lock guards.
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

// wait returns when a message has named the entry, when it is time to look again, or when the flight is over.
func wait(ctx context.Context, told <-chan struct{}) {
	poll := time.NewTimer(pollWait)
	defer poll.Stop()
	select {
	case <-told:
	case <-poll.C:
	case <-ctx.Done():
	}
}
