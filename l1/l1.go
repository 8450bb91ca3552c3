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
	"time"
	"unsafe"

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

// Overhead is what an entry costs beyond its key and value, in bytes: the entry itself, its place in front, ristretto's
// bookkeeping and its share of the frequency sketch. Measured: values of 64 B to 8 kB cost 225 to 265 bytes each beyond
// Size of both.
const Overhead = 240

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

// Cache keeps values of V under keys of K.
type Cache[K comparable, V any] struct {
	values *memory[K, V]
	boxes  *memory[K, *V] // in place of values where those are large
}

// inline is the size of values that stand in front itself, in bytes. Its table has more room than entries: of larger ones
// too much would be wasted.
const inline = 64

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
	c, err := &Cache[K, V]{}, error(nil)
	if unsafe.Sizeof(*new(V)) > inline {
		c.boxes, err = newMemory[K, *V](config)
	} else {
		c.values, err = newMemory[K, V](config)
	}
	if err != nil {
		return nil, fmt.Errorf("l1: %w", err)
	}
	return c, nil
}

// Get returns the value of a key, if it is here, not expired at now and of the epoch that its places have. missing says
// that what is here is the fact that the key has none.
func (c *Cache[K, V]) Get(key K, now time.Duration) (value V, missing, ok bool) {
	if c.boxes == nil {
		return c.values.get(key, now)
	}
	box, missing, ok := c.boxes.get(key, now)
	if box != nil {
		value = *box
	}
	return value, missing, ok
}

// Prefetch says that Get will be asked for some keys at once. It waits for memory for all of them together, where each Get
// would wait for itself.
func (c *Cache[K, V]) Prefetch(keys []K) {
	if c.boxes != nil {
		c.boxes.prefetch(keys)
	} else {
		c.values.prefetch(keys)
	}
}

// Put offers a value that was looked up under an epoch. It expires at the time that Get is asked with; size is in
// bytes, the key and Overhead not included. False means that it is surely not stored, as a key that does not equal itself;
// true, that it is seen when Wait has returned, if there was room.
func (c *Cache[K, V]) Put(key K, value V, places Places, at uint64, expires time.Duration, size int64) bool {
	if c.boxes != nil {
		return c.boxes.put(putOf(key, &value, places, at, expires), size)
	}
	return c.values.put(putOf(key, value, places, at, expires), size)
}

// PutMissing is Put for the fact that a key has no value.
func (c *Cache[K, V]) PutMissing(key K, places Places, at uint64, expires time.Duration) bool {
	if c.boxes != nil {
		p := putOf[K, *V](key, nil, places, at, expires)
		p.missing = true
		return c.boxes.put(p, 0)
	}
	p := putOf(key, *new(V), places, at, expires)
	p.missing = true
	return c.values.put(p, 0)
}

// Wait returns when all that was put before is visible or refused. What is put is not seen before somebody waits: that
// should be soon after each put, or after some together. Puts that nobody waits for are refused beyond 32,768. Where
// memory is full, it drops some of what has expired at now, or is of an epoch that is over.
func (c *Cache[K, V]) Wait(now time.Duration) {
	if c.boxes != nil {
		c.boxes.wait(now)
	} else {
		c.values.wait(now)
	}
}

// Lookups returns how many calls of Get found a valid entry and how many did not.
func (c *Cache[K, V]) Lookups() (hits, misses uint64) {
	if c.boxes != nil {
		return c.boxes.tally.sum()
	}
	return c.values.tally.sum()
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
		return c.boxes.usage()
	}
	return c.values.usage()
}

// Close drops everything and ends what New started. A closed cache misses, and refuses every put. Closing twice is
// harmless; lookups that run meanwhile are waited for.
func (c *Cache[K, V]) Close() {
	if c.boxes != nil {
		c.boxes.close()
	} else {
		c.values.close()
	}
}
