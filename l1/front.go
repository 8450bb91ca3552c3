package l1

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// front is an index, by hash, of the entries that ristretto holds: a hit takes no lock and walks no map, and a miss asks
// nobody else. It holds nothing that ristretto does not hold, but for moments, so it needs no capacity of its own.
//
// It is a table with linear probing whose buckets count what went past them, so that a look ends at the first that nothing
// passed: https://github.com/facebook/folly/blob/main/folly/container/F14.md.
//
// Only Wait adds entries, before it returns, and each once. So nobody who looked one up, and was slow, puts it back when
// others have missed it meanwhile and read something newer; and what ristretto has dropped answers no more, whatever
// still points to it.
type front[K comparable, V any] struct {
	table atomic.Pointer[table[K, V]] // that readers search
	_     [64]byte                    // what puts change is not beside what hits read

	mu    sync.Mutex // of what changes the tables
	held  int        // entries that stand in table
	next  table[K, V]
	moved int // buckets of table that next, which is larger, has already
}

type table[K comparable, V any] []bucket[K, V]

// bucket is a pair of lines of the processor's memory cache: looking into the first waits for memory once, the second lies
// beside it, and an entry that they point to is seldom another key's.
type bucket[K comparable, V any] [2]line[K, V]

type line[K comparable, V any] struct {
	tags   atomic.Uint64 // a byte of each entry's hash, 0 where there is none; the last byte counts what passed the bucket
	places [places]atomic.Pointer[entry[K, V]]
}

const (
	// proven: ristretto is told of so many hits of each entry, and from then on of
	proven = 4
	// one hit in told.
	told = 16

	places    = 7    // of a line
	many      = 0xff // entries that passed a bucket: it counts no further, nor down again
	roomFor   = 0.8  // of the places: beyond that, more than one entry in twenty-five stands in another's bucket
	growth    = 1.5
	moveFirst = 128 // buckets at each step of growing, and
	moveMore  = 2   // so many for each entry that was added: it ends before the smaller table is full
	addAtOnce = 64
)

func (f *front[K, V]) init(entries int64) {
	t := make(table[K, V], buckets(float64(entries)))
	f.table.Store(&t)
}

func buckets(entries float64) int { return 1 + int(entries/roomFor)/(2*places) }

// find returns the entry of a key, or nil.
func (f *front[K, V]) find(hash uint64, key K) *entry[K, V] {
	_, e := f.table.Load().find(hash, key)
	return e
}

func (t table[K, V]) find(hash uint64, key K) (*atomic.Pointer[entry[K, V]], *entry[K, V]) {
	i, first, tag := t.home(hash)
	for range t {
		b := &t[i]
		for _, l := range [...]*line[K, V]{&b[first], &b[1-first]} {
			for m := match(l.tags.Load(), tag); m != 0; m &= m - 1 {
				place := &l.places[bits.TrailingZeros64(m)/8]
				if e := place.Load(); e != nil && e.key == key {
					return place, e
				}
			}
		}
		if b.passed() == 0 {
			break
		}
		i = t.after(i)
	}
	return nil, nil
}

// prefetch reads what find begins with. Nothing is done with it, so the processor goes on before it is there.
func (f *front[K, V]) prefetch(hash uint64) {
	t := *f.table.Load()
	i, first, _ := t.home(hash)
	t[i][first].tags.Load()
	t[i][1-first].tags.Load()
}

// home says where a hash is looked for: the high bits choose the bucket, the low ones the line that comes first, and the
// tag.
func (t table[K, V]) home(hash uint64) (i, first int, tag uint64) {
	high, _ := bits.Mul64(hash, uint64(len(t)))
	return int(high), int(hash >> 7 & 1), hash&0x7f | 0x80
}

// after is the bucket that takes what another has no room for.
func (t table[K, V]) after(i int) int {
	if i++; i < len(t) {
		return i
	}
	return 0
}

// match marks the bytes of tags that equal a tag, in their highest bits. A byte above one that does may be marked
// falsely: https://graphics.stanford.edu/~seander/bithacks.html#ValueInWord
func match(tags, tag uint64) uint64 {
	const each = 0x01_0101_0101_0101
	x := tags ^ tag*each
	return (x - each) & ^x & (0x80 * each)
}

// add takes entries that have been put and that ristretto may have dropped since; a few at a time, so that the table grows
// before it is full.
func (f *front[K, V]) add(all []*entry[K, V], hash func(K) uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for some := range slices.Chunk(all, addAtOnce) {
		var hashes [addAtOnce]uint64
		for i, e := range some {
			hashes[i] = hash(e.key)
			f.prefetch(hashes[i])
		}
		for i, e := range some {
			if e.state.Load()&gone != 0 {
				continue
			}
			if f.table.Load().add(hashes[i], e) {
				f.held++
			}
			f.next.add(hashes[i], e)
		}
		f.grow(len(some), hash)
	}
	f.grow(0, hash) // what has begun ends, also where nothing more is put
}

// drop is called when ristretto has dropped an entry.
func (f *front[K, V]) drop(e *entry[K, V], hash uint64) {
	e.state.Or(gone)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table.Load().drop(hash, e) {
		f.held--
	}
	f.next.drop(hash, e)
}

// count returns how many entries have a place.
func (f *front[K, V]) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// grow moves on with a larger table, where there are more entries than usual in so many bytes.
func (f *front[K, V]) grow(more int, hash func(K) uint64) {
	t := *f.table.Load()
	if f.next == nil {
		if buckets(float64(f.held)) <= len(t) {
			return
		}
		f.next, f.moved = make(table[K, V], int(growth*float64(len(t)))+1), 0
	}
	to := min(f.moved+moveFirst+moveMore*more, len(t))
	for ; f.moved < to; f.moved++ {
		for n := range t[f.moved] {
			for i := range t[f.moved][n].places {
				if e := t[f.moved][n].places[i].Load(); e != nil {
					f.next.add(hash(e.key), e)
				}
			}
		}
	}
	if to == len(t) {
		next := f.next
		f.table.Store(&next)
		f.next = nil
	}
}

// add gives an entry a place, that of its key's last entry, or the first that is free from its own bucket on; it says
// whether it took a free one.
func (t table[K, V]) add(hash uint64, e *entry[K, V]) bool {
	if place, _ := t.find(hash, e.key); place != nil {
		place.Store(e)
		return false
	}
	i, first, tag := t.home(hash)
	for range t {
		if b := &t[i]; b[first].add(e, tag) || b[1-first].add(e, tag) {
			return true
		}
		t[i].pass(1)
		i = t.after(i)
	}
	return false
}

// drop frees the place of an entry, if it has one.
func (t table[K, V]) drop(hash uint64, e *entry[K, V]) bool {
	i, _, _ := t.home(hash)
	for n := range t {
		if t[i].drop(e) {
			for i, _, _ = t.home(hash); n > 0; n-- {
				t[i].pass(-1)
				i = t.after(i)
			}
			return true
		}
		if t[i].passed() == 0 {
			return false
		}
		i = t.after(i)
	}
	return false
}

// passed says how many entries stand in later buckets since this one had no room for them; many: or more.
func (b *bucket[K, V]) passed() uint64 { return b[0].tags.Load() >> 56 }

func (b *bucket[K, V]) pass(n int) {
	if b.passed() < many {
		b[0].tags.Store(b[0].tags.Load() + uint64(n)<<56)
	}
}

func (b *bucket[K, V]) drop(e *entry[K, V]) bool {
	for n := range b {
		for i := range b[n].places {
			if b[n].places[i].Load() == e {
				b[n].mark(i, 0)
				b[n].places[i].Store(nil)
				return true
			}
		}
	}
	return false
}

func (l *line[K, V]) add(e *entry[K, V], tag uint64) bool {
	for i := range l.places {
		if l.places[i].Load() == nil {
			l.places[i].Store(e)
			l.mark(i, tag)
			return true
		}
	}
	return false
}

func (l *line[K, V]) mark(i int, tag uint64) {
	l.tags.Store(l.tags.Load()&^(0xff<<(8*i)) | tag<<(8*i))
}
