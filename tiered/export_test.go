package tiered

import "github.com/tieredcache/tieredcache/coherence"

// BusOf returns the bus of a cache.
func BusOf[K comparable, V any](c *Cache[K, V]) *coherence.Bus { return c.bus }

// EpochOf returns the epoch of a key's entry.
func EpochOf[K comparable, V any](c *Cache[K, V], key K) uint64 {
	p := c.places(key)
	return c.member.Epoch(&p)
}
