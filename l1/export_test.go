package l1

import "time"

// PutInPlaceOf stores an entry of key where other's belongs: what two keys of one hash would do.
func (c *Cache[K, V]) PutInPlaceOf(other, key K, value V, places Places, expires time.Duration) {
	c.store.Set(c.hash(other), &entry[K, V]{key: key, value: value, stripes: places.Stripes, more: places.More, epoch: c.epochs.Of(&places), expires: expires}, Overhead)
}

// BeginLookup begins a lookup as Get does, and returns what ends it.
func (c *Cache[K, V]) BeginLookup() (end func()) {
	count := c.tally.mine()
	count.begun.Add(1)
	return func() { count.ended.Add(1) }
}

// InFront says whether a key's entry is answered without asking ristretto.
func (c *Cache[K, V]) InFront(key K) bool {
	e := c.front.at(c.hash(key)).Load()
	return e != nil && e.key == key
}

// PromoteAfterDrop plays the race of front's comment: a lookup has found an entry, ristretto drops it, the lookup puts
// it in front.
func (c *Cache[K, V]) PromoteAfterDrop(key K) {
	hash := c.hash(key)
	e, _ := c.store.Get(hash)
	c.store.Del(hash)
	c.front.add(hash, e)
}

// Stray returns how many entries stand in front that ristretto does not have.
func (c *Cache[K, V]) Stray() (n int) {
	for i := range c.front {
		if e := c.front[i].Load(); e != nil {
			if has, ok := c.store.Get(c.hash(e.key)); !ok || has != e {
				n++
			}
		}
	}
	return n
}
