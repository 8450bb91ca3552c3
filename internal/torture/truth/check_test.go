package truth

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// world is a table whose times a test moves as it likes: what is recorded "before" is before now.
type world struct {
	*Table
	t      *testing.T
	reader *Checker
	writer *Checker
	told   strings.Builder
}

const second = int64(time.Second)

func newWorld(t *testing.T, strict bool) *world {
	t.Helper()
	table, err := Create(filepath.Join(t.TempDir(), "truth"), Limits{Bound: time.Second, IntentLife: 4 * time.Second, TTL: 15 * time.Second, Settle: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Table: table, t: t}
	w.writer = NewChecker(table, table.Born(0, strict), &w.told)
	w.reader = NewChecker(table, table.Born(1, strict), &w.told)
	return w
}

// commit commits a version that began, committed and returned so long ago; returned 0: not yet. Without as.Life it is the
// writer's, which was born first.
func (w *world) commit(key int, number uint64, began, committed, returned int64, as Write) {
	w.t.Helper()
	now := w.Now()
	as.Version, as.Began = number, now-began
	w.Commit(key, as)
	w.versions[key][number%kept].committed.Store(now - committed)
	if returned != 0 {
		w.Return(key, number, now-returned, as.Unknown)
	}
}

// fault records a fault that lasted from so long ago to so long ago; to 0: it lasts.
func (w *world) fault(kind Kind, slot, word int, from, to int64) {
	now := w.Now()
	at := int64(0)
	if to != 0 {
		at = now - to
	}
	w.recorded(kind, slot, word, now-from, at)
}

// want compares the counts of the violations, and of what was excused, with those that are not zero.
func (w *world) want(excused int64, violations map[Violation]int64) {
	w.t.Helper()
	for v := range Violations {
		if got := w.Counts.Violations[v].Load(); got != violations[v] {
			w.t.Errorf("%v: got %d, want %d\n%s", v, got, violations[v], w.told.String())
		}
	}
	if got := w.Counts.Excused.Load(); got != excused {
		w.t.Errorf("excused: got %d, want %d", got, excused)
	}
}

func TestFreshAndBoundedReadsAreFine(t *testing.T) {
	w := newWorld(t, true)
	w.reader.End(w.reader.Begin(7), 1)
	w.commit(7, 2, second, second/2, second/2, Write{})
	w.reader.End(w.reader.Begin(7), 1) // stale for half a bound
	w.reader.End(w.reader.Begin(7), 2)
	w.want(0, nil)
	if got := w.Counts.Stale.Load(); got != 1 {
		t.Errorf("stale reads: got %d, want 1", got)
	}
	if got := w.Counts.Staleness(1); got < time.Second/2 || got > time.Second {
		t.Errorf("stalest: got %v, want half a second", got)
	}
}

func TestPlantedReadsAreReported(t *testing.T) {
	for name, plant := range map[string]struct {
		do   func(*world)
		want map[Violation]int64
	}{
		"a read older than the bound": {func(w *world) {
			w.commit(7, 2, 3*second, 2*second, 2*second, Write{})
			w.reader.End(w.reader.Begin(7), 1)
		}, map[Violation]int64{BeyondBound: 1}},
		"one by two versions, of which the newer is within the bound": {func(w *world) {
			w.commit(7, 2, 3*second, 2*second, 2*second, Write{})
			w.commit(7, 3, second, second/2, second/2, Write{})
			w.reader.End(w.reader.Begin(7), 1)
		}, map[Violation]int64{BeyondBound: 1}},
		"one whose writer died": {func(w *world) {
			w.commit(7, 2, 3*second, 2*second, 0, Write{})
			w.Died(w.writer.life)
			w.reader.End(w.reader.Begin(7), 1)
		}, map[Violation]int64{BeyondBound: 1}},
		"one's own write is not seen": {func(w *world) {
			w.commit(7, 2, second/2, second/3, 0, Write{})
			w.writer.Returned(7, 2, false)
			w.writer.End(w.writer.Begin(7), 1)
		}, map[Violation]int64{ReadYourWrites: 1}},
		"a read goes backwards while the write runs": {func(w *world) {
			w.commit(7, 2, second/2, second/3, 0, Write{})
			w.reader.End(w.reader.Begin(7), 2)
			w.reader.End(w.reader.Begin(7), 1)
		}, map[Violation]int64{Backwards: 1}},
		"a read goes back over more versions than are on record": {func(w *world) {
			for n := range uint64(3 * kept) {
				w.commit(7, n+2, second/2, second/3, 0, Write{})
			}
			w.reader.End(w.reader.Begin(7), 3*kept+1)
			w.reader.End(w.reader.Begin(7), 2)
		}, map[Violation]int64{Backwards: 1}},
		"two processes load": {func(w *world) {
			defer w.reader.Loading(t.Context(), 7)(false)
			w.writer.Loading(t.Context(), 7)(false)
		}, map[Violation]int64{DoubleLoads: 1}},
		"an error": {func(w *world) { w.reader.Failed(7, errors.New("of Redis's")) }, map[Violation]int64{ReaderErrors: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, true)
			plant.do(w)
			w.want(0, plant.want)
			if !strings.Contains(w.told.String(), "key 7") {
				t.Errorf("it does not name the key: %q", w.told.String())
			}
		})
	}
}

// TestOverlappingReadsAreFine: what two reads that run at once return says nothing about time.
func TestOverlappingReadsAreFine(t *testing.T) {
	w := newWorld(t, true)
	w.commit(7, 2, second/2, second/3, 0, Write{})
	early := w.reader.Begin(7)
	w.reader.End(w.reader.Begin(7), 2)
	w.reader.End(early, 1)
	w.want(0, nil)
}

func TestReadsBeforeTheWriteReturnedAreFine(t *testing.T) {
	w := newWorld(t, true)
	w.commit(7, 2, 5*second, 4*second, 0, Write{})
	reading := w.reader.Begin(7)
	w.writer.Returned(7, 2, false)
	w.reader.End(reading, 1)
	w.want(0, nil)
}

func TestOneProcessMayLoadTwice(t *testing.T) {
	w := newWorld(t, true)
	first, second := w.reader.Loading(t.Context(), 7), w.reader.Loading(t.Context(), 7)
	first(false)
	w.want(0, nil)
	w.writer.Loading(t.Context(), 7)(false) // the second still runs
	second(false)
	w.writer.Loading(t.Context(), 7)(false)
	w.want(0, map[Violation]int64{DoubleLoads: 1})
}

func TestHistogram(t *testing.T) {
	var c Counts
	for _, d := range []int64{0, 1, 15, 16, 17, 1000, 999_999, 123_456_789, 40 * second} {
		b := bucket(d)
		if low, high := bottom(b), bottom(b+1); d < low || d >= high || high-low > max(d/16, 1) {
			t.Errorf("%d falls into [%d, %d)", d, low, high)
		}
	}
	for i := range int64(100) {
		c.stale((i + 1) * int64(time.Millisecond))
	}
	if got := c.Staleness(0.5); got < 47*time.Millisecond || got > 52*time.Millisecond {
		t.Errorf("p50: got %v, want about 50ms", got)
	}
	if got := c.Staleness(1); got != 100*time.Millisecond {
		t.Errorf("max: got %v, want 100ms", got)
	}
}

func TestSharedClock(t *testing.T) {
	w := newWorld(t, true)
	other, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	if apart := other.now() - w.Now(); apart < -int64(time.Millisecond) || apart > int64(time.Millisecond) {
		t.Errorf("two clocks of one machine are %v apart", time.Duration(apart))
	}
}

// TestReadsAreCheap: the checker sits on the path that it measures.
func TestReadsAreCheap(t *testing.T) {
	w := newWorld(t, true)
	w.reader.End(w.reader.Begin(7), 1)
	if n := testing.AllocsPerRun(100, func() { w.reader.End(w.reader.Begin(7), 1) }); n != 0 {
		t.Errorf("a fresh read allocates %v times", n)
	}
}

func BenchmarkFreshRead(b *testing.B) {
	table, err := Create(filepath.Join(b.TempDir(), "truth"), Limits{Bound: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	c := NewChecker(table, table.Born(0, true), nil)
	for b.Loop() {
		c.End(c.Begin(7), 1)
	}
}

// TestCancelledLoadsHaveEnded: whoever cancels a load gives its lease up.
func TestCancelledLoadsHaveEnded(t *testing.T) {
	w := newWorld(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := w.reader.Loading(ctx, 7)
	cancel()
	for w.loading[7][w.reader.slot].Load() != 0 {
		runtime.Gosched()
	}
	w.writer.Loading(t.Context(), 7)(false)
	done(true)
	w.want(0, nil)
}
