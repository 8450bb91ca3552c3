package l1

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/ristretto/v2"
)

// memory is ristretto, which says what is kept, and front, which answers. ristretto knows an entry by its token: the high
// bits of its hash, by which front finds it, and its number.
type memory[K comparable, V any] struct {
	seed   maphash.Seed
	epochs *Epochs
	own    *Counter
	keys   func(K) int64 // measures a key
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

func newMemory[K comparable, V any](config Config) (*memory[K, V], error) {
	c := &memory[K, V]{seed: maphash.MakeSeed(), epochs: config.Epochs, own: config.Cache, keys: Sizer[K]()}
	c.front.init(Entries(config.Capacity), &c.tally)
	var err error
	c.store, err = ristretto.NewCache(&ristretto.Config[uint64, uint64]{
		NumCounters:        10 * Entries(config.Capacity),
		MaxCost:            config.Capacity,
		BufferItems:        64,
		IgnoreInternalCost: true, // Overhead counts it
		OnEvict:            c.evicted,
		OnExit:             c.dropped,
	})
	return c, err
}

func (c *memory[K, V]) get(key K, now time.Duration) (value V, missing, ok bool) {
	hash, count := c.hash(key), c.tally.mine()
	look := c.tally.begin(count)
	if b, i := c.front.find(hash, key); b != nil && c.valid(b, i, now) {
		s := &b.slots[i]
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

func (c *memory[K, V]) valid(b *bucket[K, V], i int, now time.Duration) bool {
	s := &b.slots[i]
	return now < s.expires && c.epochs.HoldsFor(&s.epoch, c.own, &s.stripes, b.rest(i))
}

func (c *memory[K, V]) prefetch(keys []K) {
	for _, k := range keys {
		c.front.prefetch(c.hash(k))
	}
}

// tell tells ristretto that a key was asked for.
func (c *memory[K, V]) tell(count *cell, hash uint64) {
	count.asked.Add(1)
	defer count.heard.Add(1)
	if !c.closed.Load() {
		c.store.Get(hash)
	}
}

// evicted is called before dropped, of what has to make room; that may have gone by itself meanwhile.
func (c *memory[K, V]) evicted(item *ristretto.Item[uint64]) {
	if item.Value != 0 && !c.closed.Load() { // ristretto may name one twice
		c.evictions.Add(1)
	}
	if !c.full.Load() { // hits read it
		c.full.Store(true)
	}
}

// The token of what ristretto does not have is 0.
func token(hash uint64, number uint32) uint64 { return hash&^(2*numbered-1) | uint64(number) }

func (c *memory[K, V]) dropped(token uint64) {
	if token == 0 {
		return
	}
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	if number := uint32(token % (2 * numbered)); !c.front.remove(token, number) {
		c.fresh.drop(number)
	}
}

func putOf[K comparable, V any](key K, value V, places Places, at uint64, expires time.Duration) put[K, V] {
	return put[K, V]{key: key, value: value, stripes: places.Stripes, more: places.More, at: at, expires: expires}
}

func (c *memory[K, V]) put(p put[K, V], size int64) bool {
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
	if t := token(p.hash, p.number); !c.store.Set(p.hash, t, c.keys(p.key)+size+Overhead) {
		c.dropped(t)
		return false
	}
	return true
}

// equal is false for one key where nobody could find it again: a NaN is in it.
func equal[K comparable](a, b K) bool { return a == b }

func (c *memory[K, V]) holds(hash uint64, key K) bool {
	look := c.tally.begin(c.tally.mine())
	defer look.others.Add(1)
	b, _ := c.front.find(hash, key)
	return b != nil
}

func (c *memory[K, V]) wait(now time.Duration) {
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
		c.front.add(some, c.hash)
		c.fresh.done()
	}
}

func (c *memory[K, V]) usage() Usage {
	c.puts.RLock()
	defer c.puts.RUnlock()
	u := Usage{Evicted: c.evictions.Load()}
	if !c.closed.Load() {
		u.Entries, u.Bytes = c.front.count(), c.store.MaxCost()-c.store.RemainingCost()
	}
	return u
}

func (c *memory[K, V]) close() {
	c.puts.Lock()
	defer c.puts.Unlock()
	if c.closed.Swap(true) {
		return
	}
	c.tally.quiet()
	c.store.Close()
	c.front.close()
}

func (c *memory[K, V]) hash(key K) uint64 { return maphash.Comparable(c.seed, key) }
