package l1

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// tally counts looks at front, and so knows what is being looked at; and whether ristretto is being asked: it must not be
// closed under a Get. Cells are chosen by the caller's stack, so that goroutines on different cores seldom share a cache
// line.
type tally struct {
	_     [128]byte // what puts change is not beside what hits read
	phase atomic.Uint32
	_     [124]byte
	cells [tallies]cell
}

const tallies = 32 // a power of two

type cell struct {
	looks        [phases]looks
	asked, heard atomic.Uint64               // ristretto
	_            [128 - 16 - phases*4*8]byte // a pair of cache lines: the prefetcher fetches two
}

// looks are those of one phase: each begins, and ends in one of three ways.
type looks struct{ begun, hits, misses, others atomic.Uint64 }

const phases = 2

func (t *tally) mine() *cell {
	var here byte
	at := uintptr(unsafe.Pointer(&here))
	return &t.cells[(at>>11^at>>17)&(tallies-1)]
}

// begin begins a look: what it finds in front stays as it is until one of hits, misses and others has been raised.
func (t *tally) begin(c *cell) *looks {
	l := &c.looks[t.phase.Load()%phases]
	l.begun.Add(1)
	return l
}

// turn changes the phase, if no look of the other one is under way.
func (t *tally) turn() bool {
	now := t.phase.Load()
	for i := range t.cells {
		if !t.cells[i].looks[(now+1)%phases].none() {
			return false
		}
	}
	t.phase.Store(now + 1)
	return true
}

// none: begun is read last. If it equals what had ended before, no look was under way when it was read.
func (l *looks) none() bool {
	ended := l.hits.Load() + l.misses.Load() + l.others.Load()
	return ended == l.begun.Load()
}

// sum returns the lookups that have ended.
func (t *tally) sum() (hits, misses uint64) {
	for i := range t.cells {
		for p := range t.cells[i].looks {
			hits += t.cells[i].looks[p].hits.Load()
			misses += t.cells[i].looks[p].misses.Load()
		}
	}
	return hits, misses
}

// quiet returns when nobody asks ristretto. asked is read last, as begun is. The caller sees to it that few new ones begin.
func (t *tally) quiet() {
	for i := range t.cells {
		c := &t.cells[i]
		for c.heard.Load() != c.asked.Load() {
			runtime.Gosched()
		}
	}
}
