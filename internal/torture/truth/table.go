// Package truth is what the torture run knows for certain, and the checker that holds every read against it. It knows
// nothing of the library under test.
//
// The truth is a table in a file that all processes map: per key, the versions that were committed, when, and when their
// Update returned; per process, its lives; and the faults, with their times. All times are nanoseconds of the machine's
// monotonic clock.
//
// # Concurrency
//
// Everything in the table is atomic: any process may be killed at any instruction, so nothing is locked.
package truth

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The table's size.
const (
	Keys    = 2048
	Group   = 8 // keys of one tag
	Procs   = 16
	Writers = 8    // concurrent writes of one process
	kept    = 64   // versions of one key
	lives   = 4096 // of all processes together
	faults  = 1 << 14
)

// Table is the mapped file.
type Table struct {
	clock clock
	*shared
}

// shared is what the file holds.
type shared struct {
	bound, intentLife, ttl, settle atomic.Int64

	Control Control
	Counts  Counts

	nLives  atomic.Int64
	lives   [lives]life
	nFaults atomic.Int64
	faults  [faults]fault

	current  [Keys]atomic.Uint64 // the newest version that was committed
	returned [Keys]atomic.Uint64 // the newest version whose Update has returned
	busy     [Keys]atomic.Int64  // until when an intent may stand of a write that committed nothing

	failed [Keys]atomic.Int64 // when a load failed last

	versions [Keys][kept]version
	loading  [Keys][Procs]atomic.Int64 // since when a process loads; 0: it does not
	procs    [Procs]proc
}

// Limits are what the promises are counted in.
type Limits struct {
	Bound      time.Duration // D
	IntentLife time.Duration
	TTL        time.Duration // of the caches
	Settle     time.Duration // how long after a fault its traces last: broken connections in pools, SYNCs to come
}

// Create makes the file of a run.
func Create(path string, l Limits) (*Table, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(int64(unsafe.Sizeof(shared{}))); err != nil {
		return nil, err
	}
	t, err := mapped(f)
	if err != nil {
		return nil, err
	}
	t.bound.Store(int64(l.Bound))
	t.intentLife.Store(int64(l.IntentLife))
	t.ttl.Store(int64(l.TTL))
	t.settle.Store(int64(l.Settle))
	for k := range Keys {
		t.current[k].Store(1)
		t.returned[k].Store(1)
	}
	return t, nil
}

// Open maps the file of a run that another process has made.
func Open(path string) (*Table, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mapped(f)
}

// mapped maps a file for the rest of this process's life.
func mapped(f *os.File) (*Table, error) {
	size := int(unsafe.Sizeof(shared{}))
	memory, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	c, err := newClock()
	if err != nil {
		return nil, err
	}
	return &Table{clock: c, shared: (*shared)(unsafe.Pointer(&memory[0]))}, nil
}

// Now returns the machine's monotonic time.
func (t *Table) Now() int64 { return t.clock.now() }

// raise sets a to the larger of itself and v.
func raise[T interface {
	Load() N
	CompareAndSwap(old, next N) bool
}, N int64 | uint64](a T, v N) {
	for old := a.Load(); old < v && !a.CompareAndSwap(old, v); {
		old = a.Load()
	}
}
