package tiered

import "github.com/tieredcache/tieredcache/coherence"

// BusOf returns the bus of a cache.
func BusOf[K comparable, V any](c *Cache[K, V]) *coherence.Bus { return c.bus }
