package tiered

import "github.com/tieredcache/tieredcache/coherence"

// BusOf returns the bus of a cache.
func BusOf[K comparable, V any](c *Cache[K, V]) *coherence.Bus { return c.bus }

// EpochOf returns the epoch at which a key's entry was last made stale.
func EpochOf[K comparable, V any](c *Cache[K, V], key K) uint64 {
	p := c.places(key)
	return c.bus.Epochs().Last(&p)
}

// ExpectNothing makes caches ask Redis for the word of an entry and the lease at once, as after many looks that found nothing.
func ExpectNothing[K comparable, V any](caches ...*Cache[K, V]) {
	for _, c := range caches {
		c.odds.of.Store(certain)
	}
}

// ExpectsNothing says whether a cache does so.
func ExpectsNothing[K comparable, V any](c *Cache[K, V]) bool { return c.odds.absent() }
