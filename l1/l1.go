// Package l1 is the tier in memory: ristretto, bounded in bytes, whose entries are valid only under the epoch that
// they were stored under and until they expire.
//
// # Guarantees
//
// ristretto queues new keys, drops some, and may keep the older of two quick puts. None of that is ever a wrong answer
// here: an entry carries the epoch read before its value was looked up, and a lookup that finds another epoch is a miss.
//
// # Concurrency
//
// A Cache is safe for concurrent use. Values are shared, never copied: treat them as read-only.
//
// # Who uses what
//
// An application may use Size and Sizer, for a Cost of its own. Cache is for package tiered.
package l1

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// Epochs is the table that entries are checked against. NewEpochs makes one.
type Epochs = epoch.Table

// Places are what one key depends on, by their numbers in Epochs.
type Places = epoch.Places

// Counter is an epoch, that of a cache's last raise for one.
type Counter = epoch.Counter

// NewEpochs returns a table for the caches of one process.
func NewEpochs() *Epochs { return epoch.New() }

// Overhead is what an entry costs beyond its key and value, in bytes: its slot in front and a share of those that are free,
// ristretto's bookkeeping and its share of the frequency sketch. Measured: values of 64 B to 8 kB cost 175 to 305 bytes each
// beyond Size of both.
const Overhead = 240

// Overhead covers three free slots for five used ones whose keys and values take 32 bytes in them; of larger ones three
// fifths of the rest are counted. A value that stands elsewhere is pointed to, and in a block of the allocator's sizes.
const (
	usualSlot = 32
	ofBox     = 16
)

// typical is the size of the entries that the frequency sketch is laid out for; other sizes only make it coarser.
const typical = 1 << 10

// Config says how large a Cache is.
type Config struct {
	// Capacity is the memory that values and their overhead may take, in bytes. It must be positive.
	Capacity int64
	// Epochs must be the table of the Places that entries are put with, and Cache the counter in all of them.
	Epochs *Epochs
	Cache  *Counter
}

// Cache keeps values of V under keys of K: ristretto says what is kept, front answers.
type Cache[K comparable, V any] struct {
	boxes cache[K, V] // in place of all else, where values are large

	seed   maphash.Seed
	epochs *Epochs
	own    *Counter
	keys   func(K) int64 // measures a key
	each   int64         // Overhead, and what else an entry costs here
	store  *ristretto.Cache[uint64, uint64]
	closed atomic.Bool
	full   atomic.Bool // something had to make room
	front  front[K, V]
	tally  tally
	puts   sync.RWMutex // put and wait against close
	fresh  fresh[K, V]
	waits  sync.Mutex
	hand   int // the bucket of front where the dead were looked for last; under puts

	evictions atomic.Uint64
}

// Entries returns how many entries of a usual size fit into a capacity in bytes: at least 1,024, and at most 16,777,216,
// beyond which only the sketch grows coarser.
func Entries(capacity int64) int64 { return min(max(capacity/typical, 1<<10), 1<<24) }

// New returns an empty cache, or an error that says what of config is unusable. Close ends what it started.
func New[K comparable, V any](config Config) (*Cache[K, V], error) {
	switch {
	case config.Capacity <= 0:
		return nil, fmt.Errorf("l1: Capacity is %d: give the bytes that memory may hold", config.Capacity)
	case config.Epochs == nil:
		return nil, errors.New("l1: Epochs is nil: use NewEpochs")
	case config.Cache == nil:
		return nil, errors.New("l1: Cache is nil: give the counter of the cache's own epoch")
	}
	if unsafe.Sizeof(*new(V)) <= inline {
		return newCache[K, V](config)
	}
	inner, err := newCache[K, *V](config)
	if err != nil {
		return nil, err
	}
	inner.each += ofBox
	return &Cache[K, V]{boxes: inBoxes[K, V]{inner}}, nil
}

func newCache[K comparable, V any](config Config) (*Cache[K, V], error) {
	c := &Cache[K, V]{seed: maphash.MakeSeed(), epochs: config.Epochs, own: config.Cache, keys: Sizer[K]()}
	inSlot := int64(unsafe.Sizeof(*new(K)) + unsafe.Sizeof(*new(V)))
	c.each = Overhead + max(inSlot-usualSlot, 0)*3/5
	c.front.init(max(min(Entries(config.Capacity), config.Capacity/(c.each+inSlot)), atFirst), &c.tally, c.hash)
	var err error
	c.store, err = ristretto.NewCache(&ristretto.Config[uint64, uint64]{
		NumCounters:        10 * Entries(config.Capacity),
		MaxCost:            config.Capacity,
		BufferItems:        64,
		IgnoreInternalCost: true, // Overhead counts it
		OnEvict:            c.evicted,
		OnExit:             c.dropped,
	})
	if err != nil {
		return nil, fmt.Errorf("l1: %w", err)
	}
	return c, nil
}

// Get returns the value of a key, if it is here, not expired at now and of the epoch that its places have. missing says
// that what is here is the fact that the key has none.
func (c *Cache[K, V]) Get(key K, now time.Duration) (value V, missing, ok bool) {
	if c.boxes != nil {
		return c.boxes.Get(key, now)
	}
	hash, count := c.hash(key), c.tally.mine()
	look := c.tally.begin(count)
	if b, s := c.front.find(hash, key); s != nil && c.valid(b, s, now) {
		value, missing = s.value, s.missing()
		if c.full.Load() && (!s.proven() || look.hits.Load()%told == 0) {
			s.prove()
			c.tell(count, hash)
		}
		look.hits.Add(1)
		return value, missing, true
	}
	look.misses.Add(1)
	return value, false, false
}

func (c *Cache[K, V]) valid(b *bucket[K, V], s *slot[K, V], now time.Duration) bool {
	return now < s.expires && c.epochs.HoldsFor(&s.epoch, c.own, &s.stripes, b.rest(s))
}

// Prefetch says that Get will be asked for some keys at once. It waits for memory for all of them together, where each Get
// would wait for itself.
func (c *Cache[K, V]) Prefetch(keys []K) {
	if c.boxes != nil {
		c.boxes.Prefetch(keys)
		return
	}
	for _, k := range keys {
		c.front.prefetch(c.hash(k))
	}
}

// tell tells ristretto that a key was asked for.
func (c *Cache[K, V]) tell(count *cell, hash uint64) {
	count.asked.Add(1)
	defer count.heard.Add(1)
	if !c.closed.Load() {
		c.store.Get(hash)
	}
}

// evicted is called before dropped, of what has to make room; that may have gone by itself meanwhile.
func (c *Cache[K, V]) evicted(item *ristretto.Item[uint64]) {
	if item.Value != 0 && !c.closed.Load() { // ristretto may name one twice
		c.evictions.Add(1)
	}
	if !c.full.Load() { // hits read it
		c.full.Store(true)
	}
}

// token is what ristretto knows an entry by: of its hash the bits that say which bucket it is in, and its tag. The token of
// what ristretto does not have is 0.
func token(hash uint64, number uint32) uint64 { return hash>>32<<32 | hash&0x7f<<24 | uint64(number) }

func (c *Cache[K, V]) dropped(token uint64) {
	if token == 0 {
		return
	}
	hash, number := token>>32<<32|token>>24&0x7f, uint32(token%(2*numbered))
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	if !c.front.remove(hash, number) {
		c.fresh.drop(number)
	}
}

// Put offers a value that was looked up under an epoch. It expires at the time that Get is asked with; size is in
// bytes, the key and Overhead not included. False means that it is surely not stored, as a key that does not equal itself;
// true, that it is seen when Wait has returned, if there was room and nobody put the same key at the same time. What the key
// had before may be missed from now on.
func (c *Cache[K, V]) Put(key K, value V, places Places, at uint64, expires time.Duration, size int64) bool {
	if c.boxes != nil {
		return c.boxes.Put(key, value, places, at, expires, size)
	}
	return c.put(putOf(key, value, places, at, expires), size)
}

// PutMissing is Put for the fact that a key has no value.
func (c *Cache[K, V]) PutMissing(key K, places Places, at uint64, expires time.Duration) bool {
	if c.boxes != nil {
		return c.boxes.PutMissing(key, places, at, expires)
	}
	p := putOf(key, *new(V), places, at, expires)
	p.missing = true
	return c.put(p, 0)
}

func putOf[K comparable, V any](key K, value V, places Places, at uint64, expires time.Duration) put[K, V] {
	return put[K, V]{key: key, value: value, stripes: places.Stripes, more: places.More, at: at, expires: expires}
}

func (c *Cache[K, V]) put(p put[K, V], size int64) bool {
	c.puts.RLock()
	defer c.puts.RUnlock()
	if p.hash = c.hash(p.key); c.closed.Load() || !equal(p.key, p.key) || !c.fresh.add(&p) {
		return false
	}
	if c.full.Load() {
		c.tell(c.tally.mine(), p.hash) // it was missed, and ristretto goes by that when it makes room
	}
	if c.holds(p.hash, p.key) {
		c.store.Del(p.hash) // ristretto makes room for new keys only, not for a larger value of one that is there
	}
	if t := token(p.hash, p.number); !c.store.Set(p.hash, t, c.keys(p.key)+size+c.each) {
		c.dropped(t)
		return false
	}
	return true
}

// equal is false for one key where nobody could find it again: a NaN is in it.
func equal[K comparable](a, b K) bool { return a == b }

func (c *Cache[K, V]) holds(hash uint64, key K) bool {
	look := c.tally.begin(c.tally.mine())
	defer look.others.Add(1)
	_, s := c.front.find(hash, key)
	return s != nil
}

// Wait returns when all that was put before is visible or refused. What is put is not seen before somebody waits: that
// should be soon after each put, or after some together. Puts that nobody waits for are refused beyond 32,768. Where
// memory is full, it drops some of what has expired at now, or is of an epoch that is over.
func (c *Cache[K, V]) Wait(now time.Duration) {
	if c.boxes != nil {
		c.boxes.Wait(now)
		return
	}
	if c.full.Load() {
		c.bury(now)
	}
	c.puts.RLock()
	defer c.puts.RUnlock()
	c.waits.Lock() // what one takes is in front when the next returns
	defer c.waits.Unlock()
	if !c.closed.Load() {
		some := c.fresh.take()
		c.store.Wait()
		c.front.add(some)
		c.fresh.done()
	}
}

// Lookups returns how many calls of Get found a valid entry and how many did not.
func (c *Cache[K, V]) Lookups() (hits, misses uint64) {
	if c.boxes != nil {
		return c.boxes.Lookups()
	}
	return c.tally.sum()
}

// Usage says how much of a Cache is in use.
type Usage struct {
	Entries int    // those that have expired, or whose epoch is over, included
	Bytes   int64  // what they take of Capacity
	Evicted uint64 // entries that have made room for others since New
}

// Usage returns what is held. Once closed, a cache holds nothing.
func (c *Cache[K, V]) Usage() Usage {
	if c.boxes != nil {
		return c.boxes.Usage()
	}
	c.puts.RLock()
	defer c.puts.RUnlock()
	u := Usage{Evicted: c.evictions.Load()}
	if !c.closed.Load() {
		u.Entries, u.Bytes = c.front.count(), c.store.MaxCost()-c.store.RemainingCost()
	}
	return u
}

// Close drops everything and ends what New started. A closed cache misses, and refuses every put. Closing twice is
// harmless; lookups that run meanwhile are waited for.
func (c *Cache[K, V]) Close() {
	if c.boxes != nil {
		c.boxes.Close()
		return
	}
	c.puts.Lock()
	defer c.puts.Unlock()
	if c.closed.Swap(true) {
		return
	}
	c.tally.quiet()
	c.store.Close()
	c.front.close()
	c.fresh.close()
}

func (c *Cache[K, V]) hash(key K) uint64 { return maphash.Comparable(c.seed, key) }
