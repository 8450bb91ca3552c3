// Package tiered composes memory, Redis and a source into one typed cache: reads look in memory, then in Redis, then
// ask the source, once however many wait; writes go to the source and make every process forget.
//
// # Usage
//
//	bus, err := coherence.New(coherence.Config{Redis: client})
//	users, err := tiered.New(tiered.Config[string, User]{Name: "users", Bus: bus, Load: loadUser})
//	user, err := users.Get(ctx, "ada")
//	err = users.Update(ctx, "ada", func(ctx context.Context) error { return saveUser(ctx, user) })
//
// # Guarantees
//
// The process that wrote never reads what was before the write. Others stop reading it when the message arrives, or
// when the next SYNC finds it in the journal, and never later than coherence.Config.MaxStaleness. A value that was loaded
// before a write is never stored in Redis after it, and never answered from memory after it was invalidated here.
//
// # Failure
//
// Errors of Redis never reach a reader: it is answered from the source, or, by a cache without one, with ErrCoherence.
// Errors of the source do, wrapped once.
//
// # Concurrency
//
// A Cache is safe for concurrent use. Values are shared and read-only, unless Config.Clone copies them.
package tiered

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l1"
	"github.com/tieredcache/tieredcache/l2"
)

// Cache is a read-through cache of V under keys of K. Make it with New, end it with Close.
type Cache[K comparable, V any] struct {
	config Config[K, V]
	load   loader[K, V]
	keys   keyer[K]

	bus    *coherence.Bus
	own    bool // the bus was made here: Config.Bus was nil
	member *coherence.Member
	prefix string          // of the Redis keys of the entries
	l1     *l1.Cache[K, V] // nil if Linearizable
	l2     *l2.Store[V]    // nil without Redis

	flights registry[K, V]
	slots   *semaphore.Weighted // of the loads that run
	count   counters
	odds    odds
	putting sync.Mutex // Set without Redis, and sweeps

	ctx    context.Context
	cancel context.CancelFunc
}

// A hit in another package's instance of Cache calls, and does not inline, what this package has not inlined in one of its
// own: the compiler hands on only such bodies of packages further down (cmd/compile/internal/noder/linker.go).
var _ = New[string, string]

// loader reads one value from the source.
type loader[K comparable, V any] func(context.Context, K) (V, error)

// held is what memory holds.
type held[V any] struct {
	value   V
	missing bool
}

// New returns a cache, also when Redis cannot be reached. The error names the field of config that is unusable and what
// to give instead. Close ends what New started.
func New[K comparable, V any](config Config[K, V]) (*Cache[K, V], error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	c := &Cache[K, V]{config: config, load: config.loader(), bus: config.Bus, slots: semaphore.NewWeighted(int64(config.MaxLoads))}
	if c.keys, err = newKeyer(config.Key); err != nil {
		return nil, fmt.Errorf("tiered: cache %q: Key: %w", config.Name, err)
	}
	if c.bus == nil {
		c.own = true
		if c.bus, err = coherence.New(coherence.Config{}); err != nil {
			return nil, fmt.Errorf("tiered: cache %q: %w", config.Name, err)
		}
	}
	if err := c.open(); err != nil {
		if c.own {
			_ = c.bus.Close()
		}
		return nil, fmt.Errorf("tiered: cache %q: %w", config.Name, err)
	}
	return c, nil
}

func (c *Cache[K, V]) open() (err error) {
	if client := c.bus.Redis(); client != nil {
		sequence, journal, channel := c.bus.Announce()
		c.l2, err = l2.New(l2.Config[V]{
			Redis: client, Codec: c.config.Codec, Schema: c.config.Schema, CompressAbove: c.config.CompressAbove,
			Generation: c.bus.GenerationKey(c.config.Name), Sequence: sequence, Journal: journal, Channel: channel,
			PipelineBeyond: c.bus.PipelineBeyond(),
		})
		if err != nil {
			return err
		}
	}
	if c.member, err = c.bus.Join(c.config.Name, l1.Entries(c.config.Capacity)); err != nil {
		return err
	}
	c.prefix = c.member.Prefix()
	if !c.config.Linearizable {
		c.l1, err = l1.New[K, V](l1.Config{Capacity: c.config.Capacity, Epochs: c.bus.Epochs(), Cache: c.member.Counter()})
		if err != nil {
			c.member.Leave()
			return err
		}
		c.member.Watch(func() uint64 { hits, misses := c.l1.Lookups(); return hits + misses })
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.flights.byName = map[string]*flight[K, V]{}
	return nil
}

// Close cancels the loads that run, waits for them, and drops what memory holds. What waits gets ErrClosed, and so does
// what comes later. The bus stays open, unless New made it. Closing again does nothing and returns nil.
func (c *Cache[K, V]) Close() error {
	if !c.flights.close() {
		return nil
	}
	c.cancel()
	c.flights.flying.Wait()
	if c.l1 != nil {
		c.l1.Close()
	}
	c.member.Leave()
	if c.own {
		return c.bus.Close()
	}
	return nil
}

// Ref names an entry for Bus.Update and Bus.Invalidate.
func (c *Cache[K, V]) Ref(key K) coherence.Ref {
	ref, _ := c.entry(key)
	return ref
}

// entry returns the ref of a key's entry, and the Redis key of its word.
func (c *Cache[K, V]) entry(key K) (coherence.Ref, string) {
	var room [200]byte
	return c.member.Entry(string(c.keys.append(append(room[:0], c.prefix...), key)))
}

// Update runs write, which changes the entry in the source, and makes every process forget it; see Bus.Update. After an
// error of write the commit may still land, so nobody caches the entry for coherence.Config.IntentLife, unless the error is
// marked with coherence.RolledBack: mark what fails before it touches the source. A Set of the entry within write stores
// nothing.
func (c *Cache[K, V]) Update(ctx context.Context, key K, write func(context.Context) error) error {
	if c.flights.isClosed() {
		return ErrClosed
	}
	return c.bus.Update(ctx, []coherence.Ref{c.Ref(key)}, write)
}

// Invalidate makes every process forget the entries: after somebody else's commit; see Bus.Invalidate. Without keys it
// does nothing.
func (c *Cache[K, V]) Invalidate(ctx context.Context, keys ...K) error {
	if c.flights.isClosed() {
		return ErrClosed
	}
	if len(keys) == 0 {
		return nil
	}
	refs := make([]coherence.Ref, len(keys))
	for i, k := range keys {
		refs[i] = c.Ref(k)
	}
	return c.bus.Invalidate(ctx, refs...)
}

// Clear makes every process forget every entry of this cache, whatever their number, without looking for them. Where
// Redis cannot be reached, an Available bus keeps it pending, and this process reads the cache from the source.
//
// Errors: ErrClosed; ErrCoherence, of a Strict bus that cannot reach Redis; ErrUndelivered, as for Bus.Invalidate.
func (c *Cache[K, V]) Clear(ctx context.Context) error {
	if c.flights.isClosed() {
		return ErrClosed
	}
	return c.member.Clear(ctx)
}

// tags returns the tags of a key's entry.
func (c *Cache[K, V]) tags(key K) []coherence.Ref {
	if c.config.Tags == nil {
		return nil
	}
	return c.config.Tags(key)
}
