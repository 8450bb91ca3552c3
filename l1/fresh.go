package l1

import "sync"

// fresh are entries that ristretto has taken since somebody waited last; about as many as it queues, so that nothing grows
// where nobody ever waits.
type fresh[K comparable, V any] struct {
	mu   sync.Mutex
	some []*entry[K, V]
}

const maxFresh = 32 << 10

func (f *fresh[K, V]) add(e *entry[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.some = append(f.some, e)
}

func (f *fresh[K, V]) full() bool { return f.len() >= maxFresh }

func (f *fresh[K, V]) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.some)
}

func (f *fresh[K, V]) take() (some []*entry[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	some, f.some = f.some, nil
	return some
}
