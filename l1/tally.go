package l1

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// tally counts hits and misses, and knows whether ristretto is being asked: it must not be closed under a Get. Cells are
// chosen by the caller's stack, so that goroutines on different cores seldom share a cache line.
type tally [tallies]cell

const tallies = 32 // a power of two

type cell struct {
	hits, misses atomic.Uint64
	begun, ended atomic.Uint64   // of what asks ristretto
	_            [128 - 4*8]byte // a pair of cache lines: the prefetcher fetches two
}

func (t *tally) mine() *cell {
	var here byte
	at := uintptr(unsafe.Pointer(&here))
	return &t[(at>>11^at>>17)&(tallies-1)]
}

// sum returns the lookups that have ended.
func (t *tally) sum() (hits, misses uint64) {
	for i := range t {
		hits += t[i].hits.Load()
		misses += t[i].misses.Load()
	}
	return hits, misses
}

// quiet returns when nobody asks ristretto. begun is read last: if it equals ended, nobody was inside when that was
// read. The caller sees to it that few new ones begin.
func (t *tally) quiet() {
	for i := range t {
		c := &t[i]
		for c.ended.Load() != c.begun.Load() {
			runtime.Gosched()
		}
	}
}
