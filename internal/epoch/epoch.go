// Package epoch counts invalidations. What was read under an epoch is valid only while the epoch is equal.
//
// The counters of all keys and tags are striped by hash into one table; a cache has one of its own, and so has the
// whole. They only grow, so a sum of some of them is equal only if each is.
package epoch

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// The table's size, in stripes. With too few, each write drops unrelated neighbours.
const (
	MinStripes = 1 << 16
	MaxStripes = 1 << 22
)

// Table holds the counters of one process. Its methods are safe for concurrent use.
type Table struct {
	seed  maphash.Seed
	whole atomic.Uint64
	cells atomic.Pointer[[]atomic.Uint64]
	mu    sync.Mutex // growing against raising
}

// Counter is the epoch of one cache.
type Counter = atomic.Uint64

// Places are the counters that make up the epoch of one key: its own stripe, its tags', its cache's, the whole's.
type Places struct {
	Cache *Counter
	Key   uint32
	Tags  []uint32
}

// New returns a table of MinStripes.
func New() *Table {
	t := &Table{seed: maphash.MakeSeed()}
	cells := make([]atomic.Uint64, MinStripes)
	t.cells.Store(&cells)
	return t
}

// Grow makes the table at least as large as the number of entries that it is to tell apart, within the limits.
// No epoch changes by it: each new stripe starts where the one that it was split from stood.
func (t *Table) Grow(entries int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.cells.Load()
	size := sizeFor(entries, len(old))
	if size == len(old) {
		return
	}
	cells := make([]atomic.Uint64, size)
	for i := range cells {
		cells[i].Store(old[i&(len(old)-1)].Load())
	}
	t.cells.Store(&cells)
}

// sizeFor returns the size that a table of a size grows to.
func sizeFor(entries int64, size int) int {
	for int64(size) < entries && size < MaxStripes {
		size *= 2
	}
	return size
}

// Place returns the place of a name in the table.
func (t *Table) Place(name string) uint32 { return uint32(maphash.String(t.seed, name)) }

// Of returns the epoch of the places.
func (t *Table) Of(p *Places) uint64 {
	cells := *t.cells.Load()
	mask := uint32(len(cells) - 1)
	e := t.whole.Load() + p.Cache.Load() + cells[p.Key&mask].Load()
	for _, tag := range p.Tags {
		e += cells[tag&mask].Load()
	}
	return e
}

// Raise makes everything stale that has one of the places.
func (t *Table) Raise(places ...uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cells := *t.cells.Load()
	for _, p := range places {
		cells[p&uint32(len(cells)-1)].Add(1)
	}
}

// RaiseAll makes everything stale.
func (t *Table) RaiseAll() { t.whole.Add(1) }
