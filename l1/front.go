package l1

import "sync/atomic"

// front holds, by hash, the entries that are asked for again and again, so that a hit on one of them takes no lock and
// walks no map: two loads and a comparison. What it holds is held by ristretto too, but for moments, so it needs no
// capacity of its own; what it does not hold is looked up there. A place has room for one entry: the last that came.
//
// The race that gone closes: a lookup finds an entry in ristretto, ristretto drops it, the lookup puts it in front,
// where it would stay. So who puts it looks again whether it is gone, and who drops it says so before it looks.
type front[K comparable, V any] []atomic.Pointer[entry[K, V]]

const (
	// proven is how often ristretto answers for an entry before it may stand in front.
	proven = 4
	// told: ristretto is told of one in so many of the lookups that are answered in front, so that it does not forget
	// them. Measured on zipf with room for 1 % of the keys: what stands in front is so far above the entries that it
	// chooses victims from that its hit ratio does not fall, whether it is told of 1 in 8 or of none.
	told = 16
)

func newFront[K comparable, V any](entries int64) front[K, V] {
	size := int64(1)
	for size < entries {
		size *= 2
	}
	return make(front[K, V], size)
}

func (f front[K, V]) at(hash uint64) *atomic.Pointer[entry[K, V]] { return &f[hash&uint64(len(f)-1)] }

// add is called for each lookup that ristretto has answered.
func (f front[K, V]) add(hash uint64, e *entry[K, V]) {
	if e.state.Load()&^(gone|missing) < proven {
		e.state.Add(1)
		return
	}
	place := f.at(hash)
	if place.Load() == e {
		return
	}
	place.Store(e)
	if e.state.Load()&gone != 0 {
		place.CompareAndSwap(e, nil)
	}
}

// drop is called when ristretto has dropped an entry.
func (f front[K, V]) drop(hash uint64, e *entry[K, V]) {
	e.state.Or(gone)
	f.at(hash).CompareAndSwap(e, nil)
}
