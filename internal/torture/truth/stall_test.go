package truth

import (
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// TestStalls: a machine that let a process wait excuses what a process that is cut off is excused, for as long as that
// lasted, and nothing else.
func TestStalls(t *testing.T) {
	const before = 35 * second / 10 // the write: from 3 s to 2.2 s ago; its writer died
	for name, c := range map[string]struct {
		strict   bool
		slot     int
		from, to int64
		excused  bool
	}{
		"Available, while it asked":              {slot: 0, from: before, to: 25 * second / 10, excused: true},
		"Available, everybody":                   {slot: Everybody, from: before, to: 25 * second / 10, excused: true},
		"Available, another one":                 {slot: 1, from: before, to: 25 * second / 10},
		"Available, over for longer than traces": {slot: 0, from: 6 * second, to: 41 * second / 10},
		"Available, its traces last":             {slot: 0, from: 6 * second, to: 39 * second / 10, excused: true},
		"Available, after the commit":            {slot: 0, from: 2 * second, to: second},
		"Strict, its intent held":                {strict: true, slot: 0, from: before, to: 25 * second / 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.strict)
			w.commit(7, 2, 3*second, 22*second/10, 0, Write{})
			w.Stalled(c.slot, w.Now()-c.from, w.Now()-c.to)
			w.Died(w.writer.life)
			w.lives[w.writer.life].died.Store(w.Now() - 2*second)
			w.reader.End(w.reader.Begin(7), 1)
			if c.excused {
				w.want(1, nil)
			} else {
				w.want(0, map[Violation]int64{BeyondBound: 1})
			}
		})
	}
}

// TestStalledLongerThanTheIntent: as a process that was frozen, point 7 of section 6; not where the write was shorter.
func TestStalledLongerThanTheIntent(t *testing.T) {
	for began, excused := range map[int64]bool{7 * second: true, 5 * second: false} { // it committed 3 s ago; an intent lives for 4 s
		w := newWorld(t, true)
		w.commit(7, 2, began, 3*second, 2*second, Write{})
		w.Stalled(0, w.Now()-began, w.Now()-second)
		w.reader.End(w.reader.Begin(7), 1)
		if excused {
			w.want(1, nil)
		} else {
			w.want(0, map[Violation]int64{BeyondBound: 1})
		}
	}
}

// TestUnanswered: a command without an answer counts as a stall of its process, where no fault explains it; it is counted,
// so that a run shows how often the machine, and not the driver, was at fault.
func TestUnanswered(t *testing.T) {
	for name, c := range map[string]struct {
		faults  func(*world)
		counts  int64
		stalled bool // is on record, from its beginning to its end
	}{
		"nothing explains it":               {func(*world) {}, 1, true},
		"it is cut off":                     {func(w *world) { w.fault(CutCommands, 0, NoWord, second, 0) }, 0, false},
		"it was, a moment ago":              {func(w *world) { w.fault(CutCommands, 0, NoWord, second, 50*ms) }, 0, false},
		"it was, some time ago":             {func(w *world) { w.fault(CutCommands, 0, NoWord, second, 150*ms) }, 1, true},
		"another one is":                    {func(w *world) { w.fault(CutCommands, 1, NoWord, second, 0) }, 1, true},
		"Redis restarts":                    {func(w *world) { w.fault(RestartAOF, Everybody, NoWord, 50*ms, 0) }, 0, false},
		"its subscription is cut off":       {func(w *world) { w.fault(CutPubSub, 0, NoWord, second, 0) }, 1, true},
		"words are lost":                    {func(w *world) { w.fault(Flush, Everybody, AllWords, second, 0) }, 1, true},
		"it stalled at its end":             {func(w *world) { w.Stalled(0, w.Now()-50*ms, w.Now()) }, 0, false},
		"the one before it had none either": {func(w *world) { w.Unanswered(0, w.Now()-300*ms, w.Now()) }, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, false)
			from, to := w.Now()-200*ms, w.Now() // before the faults: the machine may stall between them
			c.faults(w)
			w.Unanswered(0, from, to)
			if got := w.Counts.Unanswered.Load(); got != c.counts {
				t.Errorf("counted %d, want %d", got, c.counts)
			}
			stalled := w.any(func(f Fault) bool { return f.Kind == Stall && f.Slot == 0 && f.From <= from && f.To >= to-ms })
			if stalled != c.stalled {
				t.Errorf("a stall is on record: %v", stalled)
			}
		})
	}
}
