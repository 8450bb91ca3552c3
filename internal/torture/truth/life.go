package truth

import "sync/atomic"

// life is one process, from its start to its death. A place in the table, Slot, is used by one life after the other.
type life struct {
	slot          atomic.Int64
	strict        atomic.Bool
	started, died atomic.Int64
}

// proc is what a process has under way.
type proc struct {
	kill    atomic.Uint32
	reads   atomic.Int64
	writing [Writers]writing
}

// writing is a write that runs: Key+1, or 0.
type writing struct {
	key   atomic.Int64
	began atomic.Int64
	tag   atomic.Bool
}

// Born gives a life to a process that is about to start.
func (t *Table) Born(slot int, strict bool) (number int) {
	number = int(t.nLives.Add(1) - 1)
	l := &t.lives[number]
	l.slot.Store(int64(slot))
	l.strict.Store(strict)
	l.started.Store(t.Now())
	return number
}

// Died records the death of a process, once it is surely gone: a writer that dies has returned when its transaction
// committed, and its loads have ended.
func (t *Table) Died(number int) {
	now := t.Now()
	l := &t.lives[number]
	p := &t.procs[l.slot.Load()]
	l.died.Store(now)
	for i := range p.writing {
		w := &p.writing[i]
		if key := int(w.key.Load()) - 1; key >= 0 {
			t.Busy(key, w.tag.Load(), now)
			w.key.Store(0)
		}
	}
	for key := range Keys {
		t.loading[key][l.slot.Load()].Store(0)
		for i := range t.versions[key] {
			v := &t.versions[key][i]
			if v.number.Load() != 0 && int(v.meta.Load()>>metaBits) == number && v.returned.Load() == 0 {
				t.Return(key, v.number.Load(), v.committed.Load(), true)
			}
		}
	}
}

// Writing marks a write that begins, in one of the process's places for it; the result ends that.
func (t *Table) Writing(slot, place, key int, tag bool, began int64) (done func()) {
	w := &t.procs[slot].writing[place]
	w.tag.Store(tag)
	w.began.Store(began)
	w.key.Store(int64(key) + 1)
	return func() { w.key.Store(0) }
}

// Unfinished calls f for each write that a process had under way.
func (t *Table) Unfinished(slot int, f func(key int, tag bool, began int64)) {
	for i := range t.procs[slot].writing {
		if w := &t.procs[slot].writing[i]; w.key.Load() > 0 {
			f(int(w.key.Load())-1, w.tag.Load(), w.began.Load())
		}
	}
}

// Busy records that the intent of a write whose end is unknown, or that committed nothing, may stand for its full life.
func (t *Table) Busy(key int, tag bool, from int64) {
	until := from + t.intentLife.Load() + t.settle.Load()
	if !tag {
		raise(&t.busy[key], until)
		return
	}
	for k := range Members(key) {
		raise(&t.busy[k], until)
	}
}

// Members yields the keys of a key's group.
func Members(key int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		first := key - key%Group
		for k := first; k < first+Group; k++ {
			if !yield(k) {
				return
			}
		}
	}
}

// CountReads adds to the reads of a process and of all.
func (t *Table) CountReads(slot int, n int64) {
	t.procs[slot].reads.Add(n)
	t.Counts.Reads.Add(n)
}

// Reads returns how many reads the processes of a slot have counted.
func (t *Table) Reads(slot int) int64 { return t.procs[slot].reads.Load() }
