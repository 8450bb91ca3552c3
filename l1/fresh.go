package l1

import "sync"

// fresh are entries that have been put since somebody waited last; at most as many as ristretto queues, so that nothing
// grows where nobody ever waits.
type fresh[K comparable, V any] struct {
	mu   sync.Mutex
	some []*entry[K, V]
}

const maxFresh = 32 << 10

// add says false where there are too many already.
func (f *fresh[K, V]) add(e *entry[K, V]) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.some) >= maxFresh {
		return false
	}
	f.some = append(f.some, e)
	return true
}

func (f *fresh[K, V]) take() (some []*entry[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	some, f.some = f.some, nil
	return some
}
