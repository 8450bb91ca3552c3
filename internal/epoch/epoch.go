// Package epoch numbers invalidations. An epoch is how many there have been; what was read at one is valid only while
// nothing that it depends on has been raised since.
//
// For each stripe of keys and tags, each cache and the whole there stands the epoch of its last raise, which only grows.
// Stripes are found by hash, and many, so that a raise seldom concerns a neighbour: too many for the processor's memory
// cache. So a look begins at their groups, which are few. Only where one of those was raised it goes on to the stripes.
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
	groups     = 1 << 13
)

// Table holds the epochs of one process. Its methods are safe for concurrent use.
type Table struct {
	seed   maphash.Seed
	stripe atomic.Pointer[[]Counter]
	group  [groups]Counter // the last raise of any of its stripes
	whole  Counter
	_      [64]byte // what every raise changes is not beside what hits read

	mu  sync.Mutex // one raise at a time, and none while the table grows
	now atomic.Uint64
}

// Counter is the epoch of a last raise.
type Counter = atomic.Uint64

// Places are what one key depends on, beside the whole: its cache, its own stripe and its tags'.
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
	stripes := make([]Counter, MinStripes)
	t.stripe.Store(&stripes)
	return t
}

// Grow makes the table at least as large as the number of entries that it is to tell apart, within the limits.
// Nothing is raised by it: each new stripe was raised last when the one was that it was split from.
func (t *Table) Grow(entries int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := *t.stripe.Load()
	size := sizeFor(entries, len(old))
	if size == len(old) {
		return
	}
	stripes := make([]Counter, size)
	for i := range stripes {
		stripes[i].Store(old[i&(len(old)-1)].Load())
	}
	t.stripe.Store(&stripes)
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

// Now returns the epoch of this moment.
func (t *Table) Now() uint64 { return t.now.Load() }

// Holds says whether what was read at an epoch is valid: none of the places has been raised since.
func (t *Table) Holds(at uint64, p *Places) bool {
	quiet, raised := t.look(at, p.Cache, &p.Stripes, p.More)
	return quiet || !raised && t.Last(p) <= at
}

// HoldsFor is Holds for the parts of places. Where it had to look at the stripes, it moves the epoch on, to one that what
// was read is as valid at: the next look need not.
func (t *Table) HoldsFor(at, cache *Counter, stripes *Stripes, more *[]uint32) bool {
	quiet, raised := t.look(at.Load(), cache, stripes, more)
	return quiet || !raised && t.moveOn(at, cache, stripes, more)
}

func (t *Table) moveOn(at, cache *Counter, stripes *Stripes, more *[]uint32) bool {
	now := t.Now() // before the stripes: all of the raises until now stand there
	if t.last(cache, stripes, more) > at.Load() {
		return false
	}
	at.Store(now)
	return true
}

// look goes as far as the groups: nothing has been raised since an epoch, or what all entries share was, or neither is sure.
func (t *Table) look(at uint64, cache *Counter, stripes *Stripes, more *[]uint32) (quiet, raised bool) {
	if t.whole.Load() > at || cache.Load() > at {
		return false, true
	}
	for _, s := range stripes {
		if s == None {
			return true, false
		}
		if t.group[s%groups].Load() > at {
			return false, false
		}
	}
	if more != nil {
		for _, s := range *more {
			if t.group[s%groups].Load() > at {
				return false, false
			}
		}
	}
	return true, false
}

// Last returns the epoch of the last raise of any of the places.
func (t *Table) Last(p *Places) uint64 { return t.last(p.Cache, &p.Stripes, p.More) }

func (t *Table) last(cache *Counter, stripes *Stripes, more *[]uint32) uint64 {
	all := *t.stripe.Load()
	mask := uint32(len(all) - 1)
	e := max(t.whole.Load(), cache.Load())
	for _, s := range stripes {
		if s == None {
			return e
		}
		e = max(e, all[s&mask].Load())
	}
	if more != nil {
		for _, s := range *more {
			e = max(e, all[s&mask].Load())
		}
	}
	return e
}

// Raise makes everything stale that has one of the places.
func (t *Table) Raise(places ...uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, all := t.Now()+1, *t.stripe.Load()
	for _, p := range places {
		t.group[p%groups].Store(next) // first: when somebody finds the stripe raised, nobody finds the group quiet any more
		all[p&uint32(len(all)-1)].Store(next)
	}
	t.now.Store(next)
}

// RaiseCounter makes everything stale of the cache that a counter is of.
func (t *Table) RaiseCounter(cache *Counter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cache.Store(t.Now() + 1)
	t.now.Add(1)
}

// RaiseAll makes everything stale.
func (t *Table) RaiseAll() { t.RaiseCounter(&t.whole) }
