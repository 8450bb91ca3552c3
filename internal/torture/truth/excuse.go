package truth

import (
	"math"
	"slices"
)

// What section 6 of PROTOCOL.md leaves unsafe, told from the record of the faults and from nothing that the library
// says. Only three of its points can happen here: 6 (Redis lost an intent), 3 (an Available write whose intent Redis did
// not take) and 7 (a writer cut off for longer than its intent lives, which then committed).

// Excuse is a point of section 6.
type Excuse int

// The excuses.
const (
	none          Excuse = iota
	IntentRefused        // 3
	IntentLost           // 6
	IntentExpired        // 7
	Excuses              // how many there are
)

// String returns the excuse as a run prints it.
func (e Excuse) String() string {
	return [...]string{"none", "intent_refused", "intent_lost", "intent_expired"}[e]
}

// excusedUntil returns until when reads by others may miss a write, and why; 0: not at all.
func (t *Table) excusedUntil(key int, w Write) (until int64, why Excuse) {
	l := &t.lives[w.Life]
	slot := int(l.slot.Load())
	settle, committed := t.settle.Load(), w.Committed
	t.each(func(f Fault) bool {
		severed := f.Kind.severs() && f.hits(slot)
		switch {
		case f.Kind.loses() && f.touches(w.Began, committed) && wordOf(f, key, w.Tag):
			why = IntentLost
		case severed && !l.strict.Load() && f.touches(w.Began-settle, committed):
			why = IntentRefused
		case severed && committed-w.Began > t.intentLife.Load()*2/3 && f.touches(w.Began, committed):
			why = IntentExpired
		}
		return why == none
	})
	if why == none {
		return 0, none
	}
	delivered := t.delivered(w)
	if delivered == math.MaxInt64 { // nobody takes what is stale away: it lives its life
		return max(committed, l.died.Load()) + t.ttl.Load() + settle, why
	}
	return delivered + t.bound.Load(), why
}

// delivered returns when the writer has surely told Redis that the write is over: after it has had Redis for a while
// without a fault. A writer that died before that never does, and one whose commit lands late has told it before.
func (t *Table) delivered(w Write) int64 {
	l := &t.lives[w.Life]
	if w.Late {
		return math.MaxInt64
	}
	from := w.Returned
	if from == 0 {
		from = t.Now()
	}
	at := t.reach(int(l.slot.Load()), from)
	if died := l.died.Load(); died != 0 && died < at {
		return math.MaxInt64
	}
	return at
}

// reach returns the first time after from at which the process of a slot had Redis for a settling time without a fault.
func (t *Table) reach(slot int, from int64) int64 {
	settle, at := t.settle.Load(), from
	for again := true; again; {
		again = false
		t.each(func(f Fault) bool {
			if !f.Kind.severs() || !f.hits(slot) || !f.touches(at, at+settle) {
				return true
			}
			if f.To == 0 {
				at, again = t.Now(), false
				return false
			}
			if f.To > at {
				at, again = f.To, true
			}
			return true
		})
	}
	return at + settle
}

// wordOf says whether a fault's word held the intent of a write.
func wordOf(f Fault, key int, tag bool) bool {
	switch {
	case f.Word == AllWords:
		return true
	case tag:
		return f.Word == TagWord(key)
	default:
		return f.Word == key
	}
}

func (t *Table) any(is func(Fault) bool) (found bool) {
	t.each(func(f Fault) bool {
		found = is(f)
		return !found
	})
	return found
}

// standing says whether an intent may stand on a key at some time from from on: then everybody loads for himself.
func (t *Table) standing(key int, from int64) bool {
	if t.resent(t.busy[key].Load()) >= from {
		return true
	}
	for slot := range Procs {
		busy := false
		t.Unfinished(slot, func(k int, tag bool, _ int64) {
			busy = busy || k == key || tag && k/Group == key/Group
		})
		if busy {
			return true
		}
	}
	newest := t.current[key].Load()
	for n := newest; n > 0 && n+kept > newest; n-- {
		w, ok := t.write(key, n)
		if !ok {
			continue
		}
		until := t.delivered(w)
		if until == math.MaxInt64 || w.Unknown {
			until = t.resent(max(w.Committed, w.Returned, t.lives[w.Life].died.Load()) + t.intentLife.Load() + t.settle.Load())
		}
		if until >= from {
			return true
		}
	}
	return false
}

// resent returns until when an intent stands that would stand until then, of a write that may still land: to another
// incarnation of Redis it is sent once more, for a full life.
func (t *Table) resent(until int64) int64 {
	var restarts []Fault
	t.each(func(f Fault) bool {
		if f.Kind == RestartAOF || f.Kind == RestartEmpty {
			restarts = append(restarts, f)
		}
		return true
	})
	for _, f := range slices.Backward(restarts) { // the oldest first: one life may lead to the next
		if f.From <= until {
			until = max(until, f.To+t.settle.Load()+t.intentLife.Load())
		}
	}
	return until
}
