package l1

import (
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
)

// fresh is what has been put since somebody waited last, and what front is taking; about as much as ristretto queues, so
// that nothing grows where nobody ever waits. What is put has a number, by which ristretto knows it.
type fresh[K comparable, V any] struct {
	mu   sync.Mutex
	next uint64
	some []put[K, V] // the last of them has the number before next
	// taken is front's until it has been added, gone excepted, which is under front's lock.
	taken []put[K, V]
}

type put[K comparable, V any] struct {
	key     K
	value   V
	hash    uint64
	at      uint64
	expires time.Duration
	stripes epoch.Stripes
	number  uint32
	missing bool
	gone    bool // ristretto has dropped it
	more    *[]uint32
}

const (
	maxFresh = 32 << 10
	spare    = 1 << 10 // puts whose memory is kept for others

	numbered = 1 << 23 // then they begin again
)

// add gives what is put a number; false: there are too many.
func (f *fresh[K, V]) add(p *put[K, V]) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.some) >= maxFresh {
		return false
	}
	p.number = uint32(f.next%numbered | numbered) // never 0
	f.next++
	f.some = append(f.some, *p)
	return true
}

// drop marks what ristretto has dropped before it stood in front.
func (f *fresh[K, V]) drop(number uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, some := range [...][]put[K, V]{f.some, f.taken} {
		if len(some) == 0 {
			continue
		}
		if i := int((number - some[0].number) % numbered); i < len(some) {
			some[i].gone = true
		}
	}
}

func (f *fresh[K, V]) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.some)
}

// take returns what was put before; done says that it has been added.
func (f *fresh[K, V]) take() []put[K, V] {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.some, f.taken = f.taken[:0], f.some
	return f.taken
}

func (f *fresh[K, V]) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.taken)
	if f.taken = f.taken[:0]; cap(f.taken) > spare {
		f.taken = nil
	}
}

// close lets go of what nobody has waited for.
func (f *fresh[K, V]) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.some, f.taken = nil, nil
}
