package truth

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Violation is a promise that was not kept.
type Violation int

// The violations, named as the last line of a run names them.
const (
	BeyondBound Violation = iota
	ReadYourWrites
	Backwards
	DoubleLoads
	ReaderErrors
	Violations // how many there are
)

// String returns the name.
func (v Violation) String() string {
	return [...]string{"beyond_bound", "read_your_writes", "backwards", "double_loads", "errors_to_readers"}[v]
}

// Counts is what all processes count together.
type Counts struct {
	Reads, MemoryHits, Writes, Loads atomic.Int64
	Stale                            atomic.Int64 // reads of a version older than one whose Update had returned; excused ones not among them
	Excused                          atomic.Int64 // reads that section 6 of PROTOCOL.md excuses
	ExcusedBy                        [Excuses]atomic.Int64
	ExcusedLoads                     atomic.Int64 // double loads that a fault or a write excuses
	Unanswered                       atomic.Int64 // commands, while no fault explained that
	ToldErrors                       atomic.Int64 // errors that reached readers because the source was told to give them
	Violations                       [Violations]atomic.Int64

	staleness [buckets]atomic.Int64
	stalest   atomic.Int64
}

// The histogram: 16 buckets for each power of two of nanoseconds, so its error is below 7 %.
const (
	fine    = 4
	buckets = (64 - fine + 1) << fine
)

func bucket(d int64) int {
	if d < 1<<fine {
		return int(max(d, 0))
	}
	shift := bits.Len64(uint64(d)) - 1 - fine
	return (shift+1)<<fine + int(d>>shift)&(1<<fine-1)
}

// bottom is the least duration of a bucket.
func bottom(b int) int64 {
	if b < 1<<fine {
		return int64(b)
	}
	shift := b>>fine - 1
	return (1<<fine + int64(b)&(1<<fine-1)) << shift
}

func (c *Counts) stale(d int64) {
	c.Stale.Add(1)
	c.staleness[bucket(d)].Add(1)
	raise(&c.stalest, d)
}

// Staleness returns how old a stale read was at the quantile q; 1 is the oldest.
func (c *Counts) Staleness(q float64) time.Duration {
	if q >= 1 {
		return time.Duration(c.stalest.Load())
	}
	rank := int64(q * float64(c.Stale.Load()))
	for b := range c.staleness {
		if rank -= c.staleness[b].Load(); rank < 0 {
			return time.Duration(bottom(b))
		}
	}
	return time.Duration(c.stalest.Load())
}
