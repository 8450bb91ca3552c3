package truth

import "testing"

// TestExcuses plants reads that miss a write by two bounds. Section 6 of PROTOCOL.md excuses some of them, by the faults
// on record, and no others.
func TestExcuses(t *testing.T) {
	type plant struct {
		available bool
		as        Write
		died      bool
		faults    func(*world)
		excused   bool
	}
	const key, tag, other = 7, Keys + 7/Group, 99
	lost := func(kind Kind, word int, from, to int64) func(*world) {
		return func(w *world) { w.fault(kind, Everybody, word, from, to) }
	}
	severed := func(kind Kind, slot int, from, to int64) func(*world) {
		return func(w *world) { w.fault(kind, slot, NoWord, from, to) }
	}
	const before, during, ended, after = 35 * second / 10, 25 * second / 10, 24 * second / 10, 1 * second // the write: 3 s, 2.2 s and 2.1 s ago
	for name, p := range map[string]plant{
		"nothing happened": {},
		"its writer died":  {died: true},
		// The writer has had a second of peace for its DONE, and the bound is over since.
		"the intent was flushed and repaired":      {faults: lost(Flush, AllWords, during, ended)},
		"the intent was flushed, the writer died":  {died: true, faults: lost(Flush, AllWords, during, ended), excused: true},
		"the intent was evicted, the writer died":  {died: true, faults: lost(Evict, key, during, ended), excused: true},
		"another word was evicted":                 {died: true, faults: lost(Evict, other, during, ended)},
		"the tag's word, but the intent was a key": {died: true, faults: lost(Evict, tag, during, ended)},
		"the tag's word":                           {as: Write{Tag: true}, died: true, faults: lost(Evict, tag, during, ended), excused: true},
		"the key's word, but the intent was a tag": {as: Write{Tag: true}, died: true, faults: lost(Garbage, key, during, ended)},
		"a flush before the write":                 {died: true, faults: lost(Flush, AllWords, before, before-second/10)},
		"a flush after the commit":                 {died: true, faults: lost(Flush, AllWords, after, after-second/10)},
		"a restart that remembers":                 {died: true, faults: lost(RestartAOF, AllWords, during, ended)},
		"a flush, and the writer is cut off since": {faults: func(w *world) {
			w.fault(Flush, Everybody, AllWords, during, ended)
			w.fault(Isolate, 0, NoWord, 2*second, 0)
		}, excused: true},
		"the write was late, its intent flushed":    {as: Write{Late: true, Unknown: true}, faults: lost(Flush, AllWords, during, ended), excused: true},
		"Available, Redis cut off":                  {available: true, died: true, faults: severed(CutCommands, 0, before, during), excused: true},
		"Strict, Redis cut off":                     {died: true, faults: severed(CutCommands, 0, before, during)},
		"Available, another one cut off":            {available: true, died: true, faults: severed(CutCommands, 1, before, during)},
		"Available, the subscription cut off":       {available: true, died: true, faults: severed(CutPubSub, 0, before, during)},
		"Available, cut off after the commit":       {available: true, died: true, faults: severed(CutCommands, 0, after, after/2)},
		"Available, cut off and back long ago":      {available: true, faults: severed(CutCommands, 0, before, during)},
		"Available, cut off until now":              {available: true, faults: severed(Isolate, 0, before, 0), excused: true},
		"Strict, frozen, but the intent still held": {died: true, faults: severed(Freeze, 0, during, ended)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, !p.available)
			w.commit(key, 2, 3*second, 22*second/10, 21*second/10, p.as)
			if p.faults != nil {
				p.faults(w)
			}
			if p.died {
				w.versions[key][2].returned.Store(0)
				w.Died(w.writer.life)
				w.lives[w.writer.life].died.Store(w.Now() - 2*second)
			}
			w.reader.End(w.reader.Begin(key), 1)
			if p.excused {
				w.want(1, nil)
			} else {
				w.want(0, map[Violation]int64{BeyondBound: 1})
			}
		})
	}
}

// TestFrozenLongerThanTheIntent: section 6, point 7.
func TestFrozenLongerThanTheIntent(t *testing.T) {
	w := newWorld(t, true)
	w.commit(7, 2, 7*second, 3*second, 2*second, Write{})
	w.fault(Freeze, 0, NoWord, 7*second-second/10, second)
	w.reader.End(w.reader.Begin(7), 1)
	w.want(1, nil)
}

// TestOwnWritesAreNeverExcused: a process knows what it has written, whatever Redis has lost.
func TestOwnWritesAreNeverExcused(t *testing.T) {
	w := newWorld(t, false)
	w.fault(Flush, Everybody, AllWords, 3*second, 0)
	w.fault(Isolate, 0, NoWord, 3*second, 0)
	w.commit(7, 2, 3*second, 2*second, 2*second, Write{})
	w.writer.Returned(7, 2, false)
	w.Return(7, 2, w.Now()-2*second, false)
	w.writer.End(w.writer.Begin(7), 1)
	w.want(0, map[Violation]int64{BeyondBound: 1, ReadYourWrites: 1})
}

// TestOwnWriteBehindAnExcusedOne: that another's write may be missed does not excuse that one's own is.
func TestOwnWriteBehindAnExcusedOne(t *testing.T) {
	w := newWorld(t, false)
	w.commit(7, 2, 3*second, 2*second, 2*second, Write{})
	w.fault(Isolate, 0, NoWord, 3*second, 0)
	w.commit(7, 3, second/2, second/3, 0, Write{Life: w.reader.life})
	w.reader.Returned(7, 3, false)
	w.reader.End(w.reader.Begin(7), 1)
	w.want(0, map[Violation]int64{ReadYourWrites: 1})
}

// TestBackwardsOverAnExcusedWrite: each of the versions that a read went back over must be excused.
func TestBackwardsOverAnExcusedWrite(t *testing.T) {
	w := newWorld(t, true)
	w.commit(7, 2, second, second/2, 0, Write{})
	w.fault(Flush, Everybody, AllWords, 8*second/10, 7*second/10)
	w.reader.End(w.reader.Begin(7), 2)
	w.reader.End(w.reader.Begin(7), 1)
	w.want(1, nil)
	w.commit(7, 3, second/3, second/4, 0, Write{})
	w.reader.End(w.reader.Begin(7), 3)
	w.reader.End(w.reader.Begin(7), 1)
	w.want(1, map[Violation]int64{Backwards: 1})
}

// TestReadBeforeTheRecord: a database shows a commit before its writer has it on record; the verdict waits for that.
func TestReadBeforeTheRecord(t *testing.T) {
	w := newWorld(t, true)
	w.fault(Flush, Everybody, AllWords, 8*second/10, 7*second/10)
	w.reader.End(w.reader.Begin(7), 2)
	reading := w.reader.Begin(7)
	judged := make(chan struct{})
	go func() {
		defer close(judged)
		w.reader.End(reading, 1)
	}()
	w.commit(7, 2, second, second/2, 0, Write{})
	<-judged
	w.want(1, nil)
}

// TestDoubleLoadsThatAreExplained: promise C6 is for processes that reach Redis, and for keys that nobody writes.
func TestDoubleLoadsThatAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*world)
		excused bool
	}{
		"nothing":                    {func(*world) {}, false},
		"a write runs":               {func(w *world) { w.Writing(0, 0, 7, false, w.Now()) }, true},
		"a write of the group runs":  {func(w *world) { w.Writing(0, 0, 6, true, w.Now()) }, true},
		"a write of a neighbour":     {func(w *world) { w.Writing(0, 0, 6, false, w.Now()) }, false},
		"a write has died":           {func(w *world) { w.Writing(0, 0, 7, false, w.Now()); w.Died(w.writer.life) }, true},
		"a write ended long ago":     {func(w *world) { w.commit(7, 2, 20*second, 20*second, 20*second, Write{}) }, false},
		"one of them is cut off":     {func(w *world) { w.fault(CutCommands, 1, NoWord, second, 0) }, true},
		"its subscription is":        {func(w *world) { w.fault(CutPubSub, 1, NoWord, second, 0) }, false},
		"a third one is":             {func(w *world) { w.fault(CutCommands, 2, NoWord, second, 0) }, false},
		"the lease was evicted":      {func(w *world) { w.fault(Evict, Everybody, 7, second, second/2) }, true},
		"another lease was":          {func(w *world) { w.fault(Evict, Everybody, 99, second, second/2) }, false},
		"Redis was flushed long ago": {func(w *world) { w.fault(Flush, Everybody, AllWords, 20*second, 19*second) }, false},
		"one failed":                 {func(w *world) { w.reader.Loading(t.Context(), 7)(true) }, true},
		"one of another key failed":  {func(w *world) { w.reader.Loading(t.Context(), 6)(true) }, false},
		"an error 9 s ago":           {func(w *world) { w.Busy(7, false, w.Now()-9*second) }, false},
		"and Redis was another one since, while its intent stood": {func(w *world) {
			w.Busy(7, false, w.Now()-9*second)
			w.fault(RestartAOF, Everybody, AllWords, 6*second, 5*second)
		}, true},
		"and Redis was another one since, when its intent was over": {func(w *world) {
			w.Busy(7, false, w.Now()-12*second)
			w.fault(RestartAOF, Everybody, AllWords, 6*second, 5*second)
		}, false},
		"an error 13 s ago, and two other ones since": {func(w *world) {
			w.Busy(7, true, w.Now()-13*second)
			w.fault(RestartAOF, Everybody, AllWords, 9*second, 85*second/10)
			w.fault(RestartEmpty, Everybody, AllWords, 5*second, 45*second/10)
		}, true},
		"loads are slow": {func(w *world) { w.fault(SlowLoads, Everybody, NoWord, second, 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, true)
			c.do(w)
			ended := w.reader.Loading(t.Context(), 7)
			w.writer.Loading(t.Context(), 7)(false)
			ended(false)
			got := w.Counts.Violations[DoubleLoads].Load() == 0
			if got != c.excused {
				t.Errorf("explained: got %v, want %v", got, c.excused)
			}
			if n := w.Counts.ExcusedLoads.Load(); (n == 1) != c.excused {
				t.Errorf("excused loads: got %d", n)
			}
		})
	}
}
