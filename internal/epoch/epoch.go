// Package epoch counts invalidations. What was read under an epoch is valid only while the epoch is equal.
//
// The counters of all keys and tags are striped by hash into one table; a cache has one of its own, and so has the
// whole. They only grow, so a sum of some of them is equal only if each is.
package epoch

import (
	"hash/maphash"
	"math"
	"slices"
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
	Stripes
	More *[]uint32 // of the tags that Stripes has no room for; nil: none
}

// Stripes are the key's own and those of its first tags, then None. They lie beside what they are of: a hit must not go
// elsewhere in memory for them.
type Stripes [3]uint32

// None is no stripe's number.
const None = math.MaxUint32

// At returns the places of a key that has these tags.
func At(cache *Counter, key uint32, tags ...uint32) Places {
	p := Places{Cache: cache, Stripes: Stripes{key, None, None}}
	for _, t := range tags {
		p.Add(t)
	}
	return p
}

// Add adds the stripe of a tag.
func (p *Places) Add(tag uint32) {
	for i := range p.Stripes {
		if p.Stripes[i] == None {
			p.Stripes[i] = tag
			return
		}
	}
	if p.More == nil {
		p.More = new([]uint32)
	}
	*p.More = append(*p.More, tag)
}

// Key is the key's own stripe.
func (p *Places) Key() uint32 { return p.Stripes[0] }

// Any says whether f holds for the key's stripe or for that of one of its tags.
func (p *Places) Any(f func(stripe uint32) bool) bool {
	for _, s := range p.Stripes {
		if s != None && f(s) {
			return true
		}
	}
	return p.More != nil && slices.ContainsFunc(*p.More, f)
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
func (t *Table) Place(name string) uint32 { return uint32(maphash.String(t.seed, name)) % None }

// Of returns the epoch of the places.
func (t *Table) Of(p *Places) uint64 { return t.Sum(p.Cache, &p.Stripes, p.More) }

// Sum is Of for the parts of places.
func (t *Table) Sum(cache *Counter, stripes *Stripes, more *[]uint32) uint64 {
	cells := *t.cells.Load()
	mask := uint32(len(cells) - 1)
	e := t.whole.Load() + cache.Load()
	for _, s := range stripes {
		if s == None {
			return e
		}
		e += cells[s&mask].Load()
	}
	if more != nil {
		for _, s := range *more {
			e += cells[s&mask].Load()
		}
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
