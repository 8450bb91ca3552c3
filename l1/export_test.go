package l1

import "time"

// PutInPlaceOf stores an entry of key where other's belongs: what two keys of one hash would do.
func (c *Cache[K, V]) PutInPlaceOf(other, key K, value V, places Places, expires time.Duration) {
	c.store.Set(c.hash(other), &entry[K, V]{key: key, value: value, places: places, epoch: c.epochs.Of(&places), expires: expires}, Overhead)
}

// BeginLookup begins a lookup as Get does, and returns what ends it.
func (c *Cache[K, V]) BeginLookup() (end func()) {
	count := c.tally.mine()
	count.begun.Add(1)
	return func() { count.misses.Add(1) }
}
