package l1

import "time"

// inline is the size of values that stand in front itself, in bytes. Its table has more room than entries: of larger ones
// too much would be wasted.
const inline = 64

// cache is what a Cache does.
type cache[K comparable, V any] interface {
	Get(key K, now time.Duration) (value V, missing, ok bool)
	Prefetch(keys []K)
	Put(key K, value V, places Places, at uint64, expires time.Duration, size int64) bool
	PutMissing(key K, places Places, at uint64, expires time.Duration) bool
	Wait(now time.Duration)
	Lookups() (hits, misses uint64)
	Usage() Usage
	Close()
}

// inBoxes has large values, which its cache points to.
type inBoxes[K comparable, V any] struct{ *Cache[K, *V] }

// Get is the cache's, of the value.
func (b inBoxes[K, V]) Get(key K, now time.Duration) (value V, missing, ok bool) {
	box, missing, ok := b.Cache.Get(key, now)
	if box != nil {
		value = *box
	}
	return value, missing, ok
}

// Put is the cache's, of the value.
func (b inBoxes[K, V]) Put(key K, value V, places Places, at uint64, expires time.Duration, size int64) bool {
	return b.Cache.Put(key, &value, places, at, expires, size)
}
