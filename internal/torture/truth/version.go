package truth

import "sync/atomic"

// Write says what is known of a committed write.
type Write struct {
	Version   uint64
	Began     int64 // Update was called
	Committed int64
	Returned  int64 // Update returned; its writer dead: Committed. 0: not yet
	Life      int   // of the process that wrote
	Tag       bool  // its intent stood on the group's tag
	Late      bool  // committed after its Update had returned an error
	Unknown   bool  // Update returned an error, or its writer died
}

type version struct {
	number, meta               atomic.Uint64
	began, committed, returned atomic.Int64
}

const (
	byTag = 1 << iota
	late
	unknown
	metaBits = iota
)

// Commit records a write of which Version, Began, Life, Tag and Late are known: it is visible from now on.
func (t *Table) Commit(key int, w Write) {
	v := &t.versions[key][w.Version%kept]
	v.number.Store(0)
	meta := uint64(w.Life) << metaBits
	if w.Tag {
		meta |= byTag
	}
	if w.Late {
		meta |= late
	}
	v.meta.Store(meta)
	v.began.Store(w.Began)
	v.returned.Store(0)
	v.committed.Store(t.Now())
	v.number.Store(w.Version)
	raise(&t.current[key], w.Version)
	if v.number.Load() == w.Version {
		v.committed.Store(t.Now()) // again: a death is counted from here, and it may have taken a while to get here
	}
}

// Current returns the newest version.
func (t *Table) Current(key int) uint64 { return t.current[key].Load() }

// Return records that the Update of a version returned at a time; failed, that it returned an error.
func (t *Table) Return(key int, number uint64, at int64, failed bool) {
	v := &t.versions[key][number%kept]
	if v.number.Load() != number {
		return // newer ones have displaced it, which took as many writes
	}
	if failed {
		v.meta.Or(unknown)
	}
	v.returned.Store(max(at, v.committed.Load()))
	raise(&t.returned[key], number)
}

// write returns what is known of a version; ok is false if newer ones have displaced it.
func (t *Table) write(key int, number uint64) (w Write, ok bool) {
	v := &t.versions[key][number%kept]
	if number == 0 || v.number.Load() != number {
		return w, false
	}
	meta := v.meta.Load()
	w = Write{
		Version: number, Began: v.began.Load(), Committed: v.committed.Load(), Returned: v.returned.Load(),
		Life: int(meta >> metaBits), Tag: meta&byTag != 0, Late: meta&late != 0, Unknown: meta&unknown != 0,
	}
	return w, v.number.Load() == number
}

// Known says whether a version is on record.
func (t *Table) Known(key int, number uint64) bool {
	_, ok := t.write(key, number)
	return ok || number <= 1
}
