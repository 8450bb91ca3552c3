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
package l1

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// Epochs is the table that entries are checked against. NewEpochs makes one.
type Epochs = epoch.Table

// Places are the counters of Epochs that make up the epoch of one key.
type Places = epoch.Places

// NewEpochs returns a table for the caches of one process.
func NewEpochs() *Epochs { return epoch.New() }

// Overhead is what an entry costs beyond its value, in bytes: the entry itself, ristretto's bookkeeping and its share
// of the frequency sketch. Measured: values of 64 B to 8 kB cost 240 to 270 bytes each beyond Size.
const Overhead = 250

// typical is the size of the entries that the frequency sketch is laid out for; other sizes only make it coarser.
const typical = 1 << 10

// Config says how large a Cache is.
type Config struct {
	// Capacity is the memory that values and their overhead may take, in bytes. It must be positive.
	Capacity int64
	// Epochs must be the table of the Places that entries are put with.
	Epochs *Epochs
}

// Cache keeps values of V under keys of K.
type Cache[K comparable, V any] struct {
	seed   maphash.Seed
	epochs *Epochs
	front  front[K, V]
	store  *ristretto.Cache[uint64, *entry[K, V]]
	tally  tally
	closed atomic.Bool
	puts   sync.RWMutex // Put and Wait against Close
}

type entry[K comparable, V any] struct {
	key     K
	expires time.Duration
	epoch   uint64
	places  Places
	value   V
	lookups atomic.Uint32 // that ristretto was told of, up to proven
	gone    atomic.Bool   // ristretto has dropped it
}

// Entries returns how many entries of a usual size fit into a capacity in bytes.
func Entries(capacity int64) int64 { return max(capacity/typical, 1<<10) }

// New returns an empty cache, or an error that says what of config is unusable. Close ends what it started.
func New[K comparable, V any](config Config) (*Cache[K, V], error) {
	switch {
	case config.Capacity <= 0:
		return nil, fmt.Errorf("l1: Capacity is %d: give the bytes that memory may hold", config.Capacity)
	case config.Epochs == nil:
		return nil, errors.New("l1: Epochs is nil: use NewEpochs")
	}
	c := &Cache[K, V]{seed: maphash.MakeSeed(), epochs: config.Epochs, front: newFront[K, V](Entries(config.Capacity))}
	var err error
	c.store, err = ristretto.NewCache(&ristretto.Config[uint64, *entry[K, V]]{
		NumCounters:        10 * Entries(config.Capacity),
		MaxCost:            config.Capacity,
		BufferItems:        64,
		IgnoreInternalCost: true, // Overhead counts it
		OnExit:             c.dropped,
	})
	if err != nil {
		return nil, fmt.Errorf("l1: %w", err)
	}
	return c, nil
}

// Get returns the value of a key, if it is here, not expired at now and of the epoch that its places have.
func (c *Cache[K, V]) Get(key K, now time.Duration) (V, bool) {
	hash, count := c.hash(key), c.tally.mine()
	if e := c.front.at(hash).Load(); e != nil && c.valid(e, key, now) {
		if count.hits.Add(1)%told == 0 {
			c.lookup(count, hash)
		}
		return e.value, true
	}
	if e := c.lookup(count, hash); e != nil && c.valid(e, key, now) {
		c.front.add(hash, e)
		count.hits.Add(1)
		return e.value, true
	}
	count.misses.Add(1)
	var none V
	return none, false
}

func (c *Cache[K, V]) valid(e *entry[K, V], key K, now time.Duration) bool {
	return e.key == key && now < e.expires && c.epochs.Of(&e.places) == e.epoch
}

// lookup asks ristretto, which counts it.
func (c *Cache[K, V]) lookup(count *cell, hash uint64) *entry[K, V] {
	count.begun.Add(1)
	defer count.ended.Add(1)
	if c.closed.Load() {
		return nil
	}
	e, _ := c.store.Get(hash)
	return e
}

func (c *Cache[K, V]) dropped(e *entry[K, V]) {
	if e != nil {
		c.front.drop(c.hash(e.key), e)
	}
}

// Put offers a value that was looked up under an epoch. It expires at the time that Get is asked with; size is in
// bytes, Overhead not included. False means that it is surely not stored; true, that it may be seen later, at the
// latest when Wait has returned.
func (c *Cache[K, V]) Put(key K, value V, places Places, at uint64, expires time.Duration, size int64) bool {
	c.puts.RLock()
	defer c.puts.RUnlock()
	e := &entry[K, V]{key: key, value: value, places: places, epoch: at, expires: expires}
	return !c.closed.Load() && c.store.Set(c.hash(key), e, size+Overhead)
}

// Wait returns when all that was put before is visible or refused.
func (c *Cache[K, V]) Wait() {
	c.puts.RLock()
	defer c.puts.RUnlock()
	if !c.closed.Load() {
		c.store.Wait()
	}
}

// Lookups returns how many calls of Get found a valid entry and how many did not.
func (c *Cache[K, V]) Lookups() (hits, misses uint64) { return c.tally.sum() }

// Close drops everything and ends what New started. A closed cache misses, and refuses every put. Closing twice is
// harmless; lookups that run meanwhile are waited for.
func (c *Cache[K, V]) Close() {
	c.puts.Lock()
	defer c.puts.Unlock()
	if c.closed.Swap(true) {
		return
	}
	c.tally.quiet()
	c.store.Close()
}

func (c *Cache[K, V]) hash(key K) uint64 { return maphash.Comparable(c.seed, key) }
