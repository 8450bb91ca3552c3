package l1

import (
	"reflect"
	"time"
)

// PutInPlaceOf stores an entry of key where other's belongs: what two keys of one hash would do.
func (c *Cache[K, V]) PutInPlaceOf(other, key K, value V, places Places, expires time.Duration) {
	e := &entry[K, V]{key: key, value: value, stripes: places.Stripes, more: places.More, expires: expires}
	e.epoch.Store(c.epochs.Now())
	c.front.add([]*entry[K, V]{e}, func(K) uint64 { return c.hash(other) })
}

// BeginLookup begins a lookup as Get does, and returns what ends it.
func (c *Cache[K, V]) BeginLookup() (end func()) {
	count := c.tally.mine()
	count.begun.Add(1)
	return func() { count.ended.Add(1) }
}

// InFront says whether a key's entry stands where readers find it, valid or not.
func (c *Cache[K, V]) InFront(key K) bool { return c.front.find(c.hash(key), key) != nil }

// WaitHalfway waits as Wait does, up to the moment when it has taken what was put; finish is the rest.
func (c *Cache[K, V]) WaitHalfway() (finish func()) {
	c.waits.Lock()
	put := c.fresh.take()
	return func() {
		defer c.waits.Unlock()
		c.store.Wait()
		c.front.add(put, c.hash)
	}
}

// AddAfterDrop has front take the entry of a key as Wait does, when ristretto has dropped it already.
func (c *Cache[K, V]) AddAfterDrop(key K) {
	e, _ := c.store.Get(c.hash(key))
	c.store.Del(c.hash(key))
	c.front.add([]*entry[K, V]{e}, c.hash)
}

// DropWithoutFront drops an entry of a key as ristretto does, and leaves it where readers find it.
func (c *Cache[K, V]) DropWithoutFront(key K) {
	e := c.front.find(c.hash(key), key)
	c.store.Del(c.hash(key))
	c.front.table.Load().add(c.hash(key), e)
}

// Told returns how many hits of an entry in front ristretto was told of, those beyond the first ones not included.
func (c *Cache[K, V]) Told(key K) int {
	return int(c.front.find(c.hash(key), key).state.Load() &^ marks)
}

// MaxFresh is how many puts are remembered for front.
const MaxFresh = maxFresh

// Fresh returns how many are.
func (c *Cache[K, V]) Fresh() int { return c.fresh.len() }

// Asked returns how often ristretto was asked.
func (c *Cache[K, V]) Asked() (n uint64) {
	for i := range c.tally {
		n += c.tally[i].begun.Load()
	}
	return n
}

// Full says whether something had to make room.
func (c *Cache[K, V]) Full() bool { return c.full.Load() }

// Front returns how many entries front has places for, how many it counts and how many stand in it, with how many of them
// not in their own bucket.
func (c *Cache[K, V]) Front() (room, held, standing, displaced int) {
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	t := *c.front.table.Load()
	c.standing(func(bucket int, e *entry[K, V]) {
		standing++
		if home, _, _ := t.home(c.hash(e.key)); home != bucket {
			displaced++
		}
	})
	return len(t) * 2 * places, c.front.held, standing, displaced
}

// Growing says whether a larger table is being filled.
func (c *Cache[K, V]) Growing() bool {
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	return c.front.next != nil
}

// Stray returns how many entries stand in front that ristretto does not have.
func (c *Cache[K, V]) Stray() (n int) {
	c.front.mu.Lock()
	defer c.front.mu.Unlock()
	c.standing(func(_ int, e *entry[K, V]) {
		if has, ok := c.store.Get(c.hash(e.key)); !ok || has != e {
			n++
		}
	})
	return n
}

func (c *Cache[K, V]) standing(each func(bucket int, e *entry[K, V])) {
	for b := range *c.front.table.Load() {
		for n := range (*c.front.table.Load())[b] {
			for i := range (*c.front.table.Load())[b][n].places {
				if e := (*c.front.table.Load())[b][n].places[i].Load(); e != nil {
					each(b, e)
				}
			}
		}
	}
}

// Match is front's search for a tag.
func Match(tags, tag uint64) uint64 { return match(tags, tag) }

// MapSize returns what a map of a type takes, what its keys and values refer to not included.
func MapSize(t reflect.Type, entries int) int64 { return tableOf(t).size(entries) }
