package l1

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// front is an index, by hash, of the entries that ristretto holds: a hit there takes no lock and walks no map. It holds
// nothing that ristretto does not hold, but for moments, so it needs no capacity of its own; what its bucket has no room
// for is looked up in ristretto.
//
// Only Wait adds entries, before it returns, and each once. So nobody who looked one up, and was slow, puts it back when
// others have missed it meanwhile and read something newer; and what ristretto has dropped answers no more, whatever
// still points to it.
type front[K comparable, V any] struct {
	table atomic.Pointer[table[K, V]] // that readers search
	_     [64]byte                    // what puts change is not beside what hits read

	outside atomic.Int64 // entries that readers find in ristretto alone: front had no room for them

	mu    sync.Mutex // of what changes the tables
	held  int        // entries that were added and not dropped, with and without room
	next  table[K, V]
	moved int // buckets of table that next, which is larger, has already
}

type table[K comparable, V any] []bucket[K, V]

// bucket is a pair of lines of the processor's memory cache: looking into the first waits for memory once, the second lies
// beside it, and an entry that they point to is seldom another key's.
type bucket[K comparable, V any] [2]line[K, V]

type line[K comparable, V any] struct {
	tags   atomic.Uint64 // a byte of each entry's hash, 0 where there is none; the last byte is unused
	places [places]atomic.Pointer[entry[K, V]]
}

const (
	// proven: ristretto is told of so many hits of each entry, and from then on of
	proven = 4
	// one hit in told.
	told = 16

	places    = 7   // of a line
	roomFor   = 0.8 // of the places: beyond that, more than one entry in twenty-five finds no room
	growth    = 1.5
	moveFirst = 128 // buckets at each step of growing, and
	moveMore  = 2   // so many for each entry that was added: it ends before the next one is due
)

func (f *front[K, V]) init(entries int64) {
	t := make(table[K, V], buckets(float64(entries)))
	f.table.Store(&t)
}

func buckets(entries float64) int { return 1 + int(entries/roomFor)/(2*places) }

// find returns the entry of a key, or nil.
func (f *front[K, V]) find(hash uint64, key K) *entry[K, V] {
	b, first, tag := f.table.Load().at(hash)
	for _, l := range [...]*line[K, V]{&b[first], &b[1-first]} {
		for m := match(l.tags.Load(), tag); m != 0; m &= m - 1 {
			if e := l.places[bits.TrailingZeros64(m)/8].Load(); e != nil && e.key == key {
				return e
			}
		}
	}
	return nil
}

// prefetch reads what find begins with. Nothing is done with it, so the processor goes on before it is there.
func (f *front[K, V]) prefetch(hash uint64) {
	b, first, _ := f.table.Load().at(hash)
	b[first].tags.Load()
}

// at says where a hash is looked for: the high bits choose the bucket, the low ones the line that comes first, and the tag.
func (t table[K, V]) at(hash uint64) (b *bucket[K, V], first int, tag uint64) {
	i, _ := bits.Mul64(hash, uint64(len(t)))
	return &t[i], int(hash >> 7 & 1), hash&0x7f | 0x80
}

// match marks the bytes of tags that equal a tag, in their highest bits. A byte above one that does may be marked
// falsely: https://graphics.stanford.edu/~seander/bithacks.html#ValueInWord
func match(tags, tag uint64) uint64 {
	const each = 0x0101_0101_0101_0101
	x := tags ^ tag*each
	return (x - each) & ^x & (0x80 * each)
}

// add takes entries that have been put and that ristretto may have dropped since.
func (f *front[K, V]) add(some []*entry[K, V], hash func(K) uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range some {
		if e.state.Load()&gone != 0 {
			continue
		}
		e.state.Or(added)
		f.held++
		h := hash(e.key)
		f.note(e, f.table.Load().add(h, e) && (f.next == nil || f.next.add(h, e)))
	}
	f.grow(len(some), hash)
}

// note notes whether an entry has a place, also in the table that is being filled, or needs none.
func (f *front[K, V]) note(e *entry[K, V], has bool) {
	switch had := e.state.Load()&outside == 0; {
	case has && !had:
		e.state.And(^uint32(outside))
		f.outside.Add(-1)
	case !has && had:
		e.state.Or(outside)
		f.outside.Add(1)
	}
}

// leaveOut is add for an entry that nobody will add: readers find it in ristretto.
func (f *front[K, V]) leaveOut(e *entry[K, V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.state.Load()&gone == 0 {
		f.note(e, false)
	}
}

// drop is called when ristretto has dropped an entry.
func (f *front[K, V]) drop(e *entry[K, V], hash uint64) {
	e.state.Or(gone)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(e, true) // it is in neither
	if e.state.Load()&added == 0 {
		return
	}
	f.held--
	f.table.Load().drop(hash, e)
	if f.next != nil {
		f.next.drop(hash, e)
	}
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
		t[f.moved].each(func(_ *line[K, V], _ int, e *entry[K, V]) bool {
			f.note(e, f.next.add(hash(e.key), e))
			return true
		})
	}
	if to == len(t) {
		next := f.next
		f.table.Store(&next)
		f.next = nil
	}
}

// add gives an entry a place, that of its key's last entry or a free one, and says whether there was one.
func (t table[K, V]) add(hash uint64, e *entry[K, V]) bool {
	b, first, tag := t.at(hash)
	for n := range b {
		for m := match(b[n].tags.Load(), tag); m != 0; m &= m - 1 {
			if place := &b[n].places[bits.TrailingZeros64(m)/8]; place.Load().key == e.key {
				place.Store(e)
				return true
			}
		}
	}
	return b[first].add(e, tag) || b[1-first].add(e, tag)
}

func (t table[K, V]) drop(hash uint64, e *entry[K, V]) {
	b, _, _ := t.at(hash)
	b.each(func(l *line[K, V], i int, at *entry[K, V]) bool {
		if at == e {
			l.mark(i, 0)
			l.places[i].Store(nil)
		}
		return at != e
	})
}

// each goes through a bucket's entries until do says false.
func (b *bucket[K, V]) each(do func(l *line[K, V], i int, e *entry[K, V]) bool) {
	for n := range b {
		for i := range b[n].places {
			if e := b[n].places[i].Load(); e != nil && !do(&b[n], i, e) {
				return
			}
		}
	}
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
