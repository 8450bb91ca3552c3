package truth

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Checker holds what one process reads against the truth, in place. It is made by NewChecker and lives as long as its
// process. Its methods are safe for concurrent use.
type Checker struct {
	table  *Table
	life   int
	slot   int
	seen   [Keys]atomic.Uint64 // the newest version that a read of this process has returned
	own    [Keys]atomic.Uint64 // the newest version whose Update has returned to this process
	loads  loads
	told   io.Writer
	mu     sync.Mutex
	spoken [Violations]int
}

// shown bounds what one process tells of one kind of violation. All are counted.
const shown = 5

// NewChecker returns the checker of a process; what it finds is told to out as well as counted in the table.
func NewChecker(t *Table, life int, out io.Writer) *Checker {
	return &Checker{table: t, life: life, slot: int(t.lives[life].slot.Load()), told: out}
}

// Reading is a read that has begun.
type Reading struct {
	key       int
	seen, own uint64
	began     int64
}

// Begin is called before the read.
func (c *Checker) Begin(key int) Reading {
	return Reading{key: key, seen: c.seen[key].Load(), own: c.own[key].Load(), began: c.table.Now()}
}

// End is called with the version that the read returned.
func (c *Checker) End(r Reading, got uint64) {
	if got > r.seen {
		raise(&c.seen[r.key], got)
	}
	if got < r.seen || got < r.own || got < c.table.returned[r.key].Load() {
		c.old(r, got)
	}
}

// Returned is called after an Update of this process has returned, and committed a version.
func (c *Checker) Returned(key int, number uint64, failed bool) {
	c.table.Return(key, number, c.table.Now(), failed)
	raise(&c.own[key], number)
}

// old judges a read that returned something older than the newest.
func (c *Checker) old(r Reading, got uint64) {
	t := c.table
	first, excuse := int64(0), none // since when it was stale; why that may be
	var broken [Violations]bool
	for n := got + 1; n <= t.returned[r.key].Load(); n++ {
		w, ok := t.write(r.key, n)
		if !ok || w.Returned == 0 || w.Returned >= r.began {
			continue
		}
		if first == 0 || w.Returned < first {
			first = w.Returned
		}
		if r.began-w.Returned > t.bound.Load() && !c.excuses(r, w, &excuse) {
			broken[BeyondBound] = true
		}
	}
	c.await(r.key, r.seen)
	for n := got + 1; n <= r.seen; n++ { // each of the versions that it went back over must be excused
		if w, ok := t.write(r.key, n); !ok || !c.excuses(r, w, &excuse) {
			broken[Backwards] = true
		}
	}
	broken[ReadYourWrites] = got < r.own
	fine := true
	for v, is := range broken {
		if is {
			c.report(Violation(v), r, got)
			fine = false
		}
	}
	switch {
	case fine && excuse != none:
		t.Counts.Excused.Add(1)
		t.Counts.ExcusedBy[excuse].Add(1)
	case first != 0:
		t.Counts.stale(r.began - first)
	}
}

// patience is how long a commit may take to be on record: a source that is a database tells its readers before its writer.
const patience = 10 * time.Second

// await waits until a version that was read is on record; one that never is, nothing excuses.
func (c *Checker) await(key int, number uint64) {
	for limit := c.table.Now() + int64(patience); c.table.Current(key) < number && c.table.Now() < limit; {
		time.Sleep(time.Millisecond)
	}
}

// excuses says whether section 6 excuses that the read missed the write, and why. Its own writes a process never may
// miss, but for one that committed after its Update had returned: all that protects it is its intent.
func (c *Checker) excuses(r Reading, w Write, why *Excuse) bool {
	until, excuse := c.table.excusedUntil(r.key, w)
	if w.Life == c.life && !w.Late || r.began > until {
		return false
	}
	*why = excuse
	return true
}

func (c *Checker) report(v Violation, r Reading, got uint64) {
	t := c.table
	t.Counts.Violations[v].Add(1)
	c.tell(v, func(b *strings.Builder) {
		fmt.Fprintf(b, "key %d: read %d, seen %d, own %d, now %d; the read began %v ago", r.key, got, r.seen, r.own, t.current[r.key].Load(), since(t.Now(), r.began))
		for n := got; n <= t.current[r.key].Load(); n++ {
			w, ok := t.write(r.key, n)
			if !ok {
				continue
			}
			fmt.Fprintf(b, "\n  version %d by life %d (slot %d): began %v, committed %v, returned %v before the read; %s",
				n, w.Life, t.lives[w.Life].slot.Load(), since(r.began, w.Began), since(r.began, w.Committed), since(r.began, w.Returned), w.kind())
		}
		t.recent(b, r.key, r.began)
	})
}

func (w Write) kind() string {
	s := "key"
	if w.Tag {
		s = "tag"
	}
	if w.Late {
		s += ", late"
	}
	if w.Unknown {
		s += ", outcome unknown"
	}
	if w.Returned == 0 {
		s += ", not returned"
	}
	return s
}

// Failed is called with an error that no reader may get.
func (c *Checker) Failed(key int, err error) {
	c.table.Counts.Violations[ReaderErrors].Add(1)
	c.tell(ReaderErrors, func(b *strings.Builder) {
		fmt.Fprintf(b, "key %d: %v", key, err)
		c.table.recent(b, key, c.table.Now())
	})
}

// tell writes what was found, a few times for each kind.
func (c *Checker) tell(v Violation, say func(*strings.Builder)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoken[v]++; c.spoken[v] > shown {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "VIOLATION %v in slot %d, life %d at %.3f s: ", v, c.slot, c.life, float64(c.table.Now()-c.table.lives[0].started.Load())/1e9)
	say(&b)
	b.WriteByte('\n')
	_, _ = io.WriteString(c.told, b.String())
}

// recent lists the faults of the last seconds before a time that may have to do with a key.
func (t *Table) recent(b *strings.Builder, key int, at int64) {
	t.each(func(f Fault) bool {
		if f.Word >= 0 && f.Word != key && f.Word != TagWord(key) {
			return true
		}
		if f.To != 0 && f.To < at-8e9 {
			return f.To > at-60e9 // a longer one may lie behind it
		}
		fmt.Fprintf(b, "\n  fault %v slot %d word %d: from %v", f.Kind, f.Slot, f.Word, since(at, f.From))
		if f.To == 0 {
			b.WriteString(" before")
		} else {
			fmt.Fprintf(b, " to %v before", since(at, f.To))
		}
		return true
	})
}
