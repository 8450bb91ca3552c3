package truth

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// loads are those of one process that run: several of one key count as one.
type loads struct {
	mu      [64]sync.Mutex
	running [Keys]int
}

// Loading is called when a load begins; the result, when it has ended, or failed. A load that is cancelled has ended: its
// lease is given up. Two that overlap in different processes are a violation, unless a write or a fault explains it.
func (c *Checker) Loading(ctx context.Context, key int) (done func(failed bool)) {
	t, l := c.table, &c.loads
	t.Counts.Loads.Add(1)
	mu, mine := &l.mu[key%len(l.mu)], &t.loading[key][c.slot]
	began := t.Now()
	mu.Lock()
	if l.running[key]++; l.running[key] == 1 {
		mine.Store(began)
	}
	mu.Unlock()
	for slot := range Procs {
		if other := t.loading[key][slot].Load(); other != 0 && slot != c.slot && (other < began || other == began && slot < c.slot) {
			c.double(key, slot, other, began)
		}
	}
	end := sync.OnceFunc(func() {
		mu.Lock()
		defer mu.Unlock()
		if l.running[key]--; l.running[key] == 0 {
			mine.Store(0)
		}
	})
	stop := context.AfterFunc(ctx, end)
	return func(failed bool) {
		stop()
		if failed {
			raise(&t.failed[key], t.Now())
		}
		end()
	}
}

// double judges a load that began while another process's ran. Promise C6 holds only while both processes reach Redis,
// the lease is kept, and no intent stands; and whoever has seen two loads of others fail, loads for himself.
func (c *Checker) double(key, slot int, other, began int64) {
	t := c.table
	from := other - 2*t.settle.Load() // a closed fence opens late
	excused := t.standing(key, from) || t.failed[key].Load() >= from || t.any(func(f Fault) bool {
		switch {
		case !f.touches(from, began):
			return false
		case f.Kind.loses():
			return f.Word == AllWords || f.Word == NoWord || f.Word == key || f.Word == TagWord(key)
		case f.Kind.severs() || f.Kind == Start:
			return f.hits(slot) || f.hits(c.slot)
		}
		return false
	})
	if excused {
		t.Counts.ExcusedLoads.Add(1)
		return
	}
	t.Counts.Violations[DoubleLoads].Add(1)
	c.tell(DoubleLoads, func(b *strings.Builder) {
		fmt.Fprintf(b, "key %d: slot %d has been loading for %v", key, slot, since(began, other))
		t.recent(b, key, began)
	})
}
