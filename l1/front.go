package l1

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// front holds the entries that ristretto has taken, by hash: a hit takes no lock and walks no map, and a miss asks nobody
// else. It holds nothing that ristretto does not hold, but for moments, so it needs no capacity of its own.
//
// It is a table with linear probing whose buckets count what went past them, so that a look ends at the first that nothing
// passed: https://github.com/facebook/folly/blob/main/folly/container/F14.md. Entries stand in the table itself, where
// their hash says before anything has been read, six of ten where it says: of those a look waits for memory once. So what
// leaves may still be read by who has found it; its slot is used again when nobody can (limbo).
//
// Only Wait adds entries, before it returns, and each once. So nobody who looked one up, and was slow, puts it back when
// others have missed it meanwhile and read something newer.
type front[K comparable, V any] struct {
	table atomic.Pointer[table[K, V]] // that readers search
	_     [64]byte                    // what puts change is not beside what hits read

	hash func(K) uint64

	mu    sync.Mutex // of all that follows, and of every change of the tables
	held  int        // entries that stand in table
	next  table[K, V]
	moved int // buckets of table that next, which takes its place, has already
	usual int // buckets for as many entries as the capacity usually has
	limbo limbo[K, V]
	later *time.Timer // calls tidy, unless it is nil
}

type table[K comparable, V any] []bucket[K, V]

const (
	roomFor   = 0.8 // of the places: then one entry in twenty-five stands in another's bucket
	crowded   = 0.9 // of the places, those included that cannot be used yet
	atFirst   = 1 << 10
	doubled   = 2 // up to the usual size; beyond
	growth    = 1.25
	moveFirst = 16 // buckets at each step of growing, and
	moveMore  = 1  // so many for each entry that was added: it ends before the smaller table is full
	addAtOnce = 64

	// What was dropped is let go, and a table filled, so long after, if nothing is put meanwhile.
	tidyAfter = 10 * time.Millisecond
)

func (f *front[K, V]) init(entries int64, readers *tally, hash func(K) uint64) {
	f.hash, f.limbo.readers = hash, readers
	f.usual = buckets(float64(entries))
	for entries > atFirst {
		entries /= doubled
	}
	t := make(table[K, V], buckets(float64(entries)))
	f.table.Store(&t)
}

// close lets go of what ristretto has dropped.
func (f *front[K, V]) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := make(table[K, V], 1)
	f.table.Store(&t)
	f.held, f.next, f.limbo.slots = 0, nil, nil
	if f.later != nil {
		f.later.Stop()
	}
}

func buckets(entries float64) int { return 1 + int(entries/roomFor)/places }

// find returns the bucket and the slot of a key, or nil. They are the key's until who looks has left (tally).
func (f *front[K, V]) find(hash uint64, key K) (*bucket[K, V], *slot[K, V]) {
	return f.table.Load().find(hash, key)
}

func (t table[K, V]) find(hash uint64, key K) (*bucket[K, V], *slot[K, V]) {
	at, first, tag := t.home(hash)
	b := &t[at]
	if s := &b.slots[first]; b.tag(first) == tag && s.key == key { // most are here: the tag is not waited for
		return b, s
	}
	for range t {
		b := &t[at]
		low, high := b.tags[0].Load(), b.tags[1].Load()
		for m := match(low, tag); m != 0; m &= m - 1 {
			if s := &b.slots[bits.TrailingZeros64(m)/8]; s.key == key {
				return b, s
			}
		}
		for m := match(high, tag) &^ (0xff << 56); m != 0; m &= m - 1 {
			if s := &b.slots[8+bits.TrailingZeros64(m)/8]; s.key == key {
				return b, s
			}
		}
		if high>>56 == 0 {
			break
		}
		at = t.after(at)
	}
	return nil, nil
}

// prefetch reads what find begins with. Nothing is done with it, so the processor goes on before it is there.
func (f *front[K, V]) prefetch(hash uint64) {
	t := *f.table.Load()
	at, _, _ := t.home(hash)
	t[at].tags[0].Load()
}

// home says where a hash is looked for: the high bits choose the bucket, the low ones the slot that comes first, and the tag.
func (t table[K, V]) home(hash uint64) (at, first int, tag uint64) {
	return int(hash >> 32 * uint64(len(t)) >> 32), int(hash >> 8 & 0xffff * places >> 16), hash&0x7f | 0x80
}

// after is the bucket that takes what another has no room for.
func (t table[K, V]) after(at int) int {
	if at++; at < len(t) {
		return at
	}
	return 0
}

// add takes what has been put, but for what ristretto has dropped since; a few at a time, so that the table grows before
// it is full. One adds at a time.
func (f *front[K, V]) add(all []put[K, V]) {
	for some := range slices.Chunk(all, addAtOnce) {
		f.addSome(some)
	}
	f.addSome(nil)
}

func (f *front[K, V]) addSome(some []put[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limbo.release()
	f.grow(len(some))
	defer f.tidyLater()
	for i := range some {
		f.prefetch(some[i].hash)
	}
	for i := range some {
		p := &some[i]
		if p.gone {
			continue
		}
		if _, s := f.find(p.hash, p.key); s != nil {
			f.remove(p.hash, s.number())
		}
		now, next := f.table.Load().add(p), f.next.add(p)
		if now || next {
			f.held++
		}
	}
}

// remove takes an entry out that ristretto has dropped; false: it does not stand here. front is locked.
func (f *front[K, V]) remove(hash uint64, number uint32) bool {
	later, i := f.next.drop(hash, number, f.hash)
	if later != nil {
		later.free(i) // nobody has seen it
	}
	now, i := f.table.Load().drop(hash, number, f.hash)
	if now != nil {
		f.limbo.take(now, i)
		f.tidyLater()
	}
	if now == nil && later == nil {
		return false
	}
	f.held--
	return true
}

// tidyLater sees to it that what was dropped is let go, and that what grows has grown, also if nothing changes any more.
func (f *front[K, V]) tidyLater() {
	if (len(f.limbo.slots) > 0 || f.next != nil) && f.later == nil {
		f.later = time.AfterFunc(tidyAfter, f.tidy)
	}
}

func (f *front[K, V]) tidy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.later = nil
	f.limbo.release()
	f.grow(0)
	f.tidyLater()
}

// count returns how many entries have a place.
func (f *front[K, V]) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// grow moves on with another table, where there is no room for more entries; a larger one if that is not for slots that
// cannot be used yet. Those stay with the old table.
func (f *front[K, V]) grow(more int) {
	t := *f.table.Load()
	if f.next == nil {
		size, used := len(t), f.held+len(f.limbo.slots)+more
		switch {
		case buckets(float64(f.held)) > size:
			size = f.larger(size)
		case float64(used) <= crowded*float64(size*places):
			return
		}
		f.next, f.moved = make(table[K, V], size), 0
	}
	to := min(f.moved+moveFirst+moveMore*more, len(t))
	for ; f.moved < to; f.moved++ {
		b := &t[f.moved]
		for i := range b.slots {
			if b.tag(i) == 0 {
				continue
			}
			p := b.entry(i)
			if p.hash = f.hash(p.key); !f.next.has(p.hash, p.key) {
				f.next.add(&p)
			}
		}
	}
	if to == len(t) {
		next := f.next
		f.table.Store(&next)
		f.next, f.limbo.slots = nil, nil
	}
}

func (f *front[K, V]) larger(size int) int {
	switch {
	case size >= f.usual:
		return int(growth*float64(size)) + 1
	case size*(doubled+1) > f.usual:
		return f.usual
	default:
		return doubled * size
	}
}

// has is find for who adds: nothing changes meanwhile.
func (t table[K, V]) has(hash uint64, key K) bool {
	_, s := t.find(hash, key)
	return s != nil
}

// add gives an entry the first slot that is free from its own on; false: there is none.
func (t table[K, V]) add(p *put[K, V]) bool {
	if len(t) == 0 {
		return false
	}
	at, first, tag := t.home(p.hash)
	for range t {
		if b := &t[at]; b.add(p, first, tag) {
			return true
		}
		t[at].pass(1)
		at = t.after(at)
	}
	return false
}

// drop takes an entry out, and returns where it stood.
func (t table[K, V]) drop(hash uint64, number uint32, of func(K) uint64) (*bucket[K, V], int) {
	if len(t) == 0 {
		return nil, 0
	}
	home, _, tag := t.home(hash)
	at := home
	for range t {
		b := &t[at]
		if i := b.holds(hash, tag, number, of); i >= 0 {
			b.mark(i, 0)
			for ; home != at; home = t.after(home) {
				t[home].pass(-1)
			}
			return b, i
		}
		if b.passed() == 0 {
			break
		}
		at = t.after(at)
	}
	return nil, 0
}
