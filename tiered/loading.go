package tiered

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// errLoop is what a loader gets that would wait for itself.
var errLoop = errors.New("a loader reads the entry that it loads")

// loading is a call of a loader. Its context carries it, for SetTTL, and for what the loader reads of a cache: meanwhile the
// load gives its place among the bounded loads to others. Else MaxLoads of them could wait for each other for good.
type loading struct {
	ttl    atomic.Int64        // of SetTTL; 0: not called
	names  []string            // of the entries
	slots  *semaphore.Weighted // of their cache, which they tell it by
	outer  *loading            // whose loader reads what this one loads
	ctx    context.Context     // of the load
	limit  time.Duration       // of the wait for a place; negative: none
	count  *counters
	flying *sync.WaitGroup // what Close waits for, a load among it

	mu    sync.Mutex
	reads int  // of its loader, that run
	has   bool // a place
	over  bool
	back  chan struct{} // closed when who waits for a place after a read has ended; nil: nobody does
}

type loadingKey struct{}

func loadingOf(ctx context.Context) *loading {
	l, _ := ctx.Value(loadingKey{}).(*loading)
	return l
}

// newLoading returns a call of a loader that is to come, and its context.
func (c *Cache[K, V]) newLoading(ctx context.Context, names ...string) (context.Context, *loading) {
	l := &loading{names: names, slots: c.slots, outer: loadingOf(ctx), ctx: ctx, limit: c.config.LoadTimeout, count: &c.count, flying: &c.flights.flying}
	return context.WithValue(ctx, loadingKey{}, l), l
}

// begin waits for a place, no longer than a load may take.
func (l *loading) begin() error {
	if l.ctx.Err() == nil && l.slots.TryAcquire(1) {
		l.take()
		return nil
	}
	ctx := l.ctx
	if l.limit > 0 {
		noPlace := fmt.Errorf("no place among MaxLoads came free for it within LoadTimeout, %v: %w", l.limit, context.DeadlineExceeded)
		bounded, cancel := context.WithTimeoutCause(ctx, l.limit, noPlace)
		defer cancel()
		ctx = bounded
	}
	if l.acquire(ctx) != nil {
		return context.Cause(ctx)
	}
	l.take()
	return nil
}

func (l *loading) acquire(ctx context.Context) error {
	l.count.queued.Add(1)
	defer l.count.queued.Add(-1)
	return l.slots.Acquire(ctx, 1)
}

func (l *loading) take() {
	l.has = true
	l.count.loading.Add(1)
}

// end leaves it.
func (l *loading) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.leave()
}

func (l *loading) leave() {
	if l.has {
		l.count.loading.Add(-1)
		l.slots.Release(1)
	}
	l.has = false
}

// mayFly says why a reader may not go on: his context has ended, or he loads the entry himself, in l or in what waits for l.
func (c *Cache[K, V]) mayFly(ctx context.Context, l *loading, name string) error {
	for ; l != nil; l = l.outer {
		if l.slots == c.slots && slices.Contains(l.names, name) && !l.isOver() {
			return errLoop
		}
	}
	return ctx.Err()
}

func (l *loading) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// rest gives up the place of the reader's own load, if he is a loader, of this cache or another: who reads waits, maybe for
// who waits for that place. goOn waits for one, or for the end of the read's context: then the load gets one later.
func (c *Cache[K, V]) rest(ctx context.Context) (goOn func()) {
	l := loadingOf(ctx)
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	l.leave()
	return func() { l.goOn(ctx) }
}

func (l *loading) goOn(ctx context.Context) {
	back := l.ended()
	if back == nil {
		return
	}
	select {
	case <-back:
	case <-ctx.Done():
	}
}

// ended counts a read that has. After the last the load needs a place, and what is returned is closed when it has one:
// one goroutine waits for that, however many reads come and go meanwhile. nil: it needs none.
func (l *loading) ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads--
	if l.reads > 0 || l.over {
		return nil
	}
	if l.back == nil { // one place is enough: who waited for a second one might wait for this load's own
		l.back = make(chan struct{})
		l.flying.Go(l.comeBack)
	}
	return l.back
}

func (l *loading) comeBack() {
	err := l.acquire(l.ctx) // which fails where nobody waits for the load any more
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.back)
	l.back = nil
	if err != nil {
		return
	}
	if l.reads > 0 || l.over { // meanwhile
		l.slots.Release(1)
		return
	}
	l.take()
}
