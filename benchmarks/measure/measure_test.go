package measure_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

var short = measure.Options{Rounds: 5, Time: 2 * time.Millisecond}

// work is an op of so much arithmetic.
func work(name string, steps int) measure.Op {
	return measure.Op{Name: name, Run: func(_ context.Context, n int) error {
		x := uint64(1)
		for range n * steps {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		if x == 0 {
			return errors.New("xorshift reached zero")
		}
		return nil
	}}
}

var kept []byte

// takes is an op of so long, on the clock of a bubble.
func takes(name string, d func() time.Duration) measure.Op {
	return measure.Op{Name: name, Run: func(_ context.Context, n int) error {
		<-time.After(time.Duration(n) * d())
		return nil
	}}
}

func constantly(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestPairedFindsTheRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		row, err := measure.Paired(t.Context(), short, takes("floor", constantly(10*time.Microsecond)),
			takes("thrice", constantly(30*time.Microsecond)), takes("same", constantly(10*time.Microsecond)))
		if err != nil {
			t.Fatal(err)
		}
		if row.Floor.Name != "floor" || row.Floor.Ratio != 1 || row.Floor.Value != 10_000 || row.Unit != measure.Nanoseconds {
			t.Errorf("the floor is %+v in %q", row.Floor, row.Unit)
		}
		for i, want := range []measure.Figure{
			{Name: "thrice", Value: 30_000, Ratio: 3, Low: 3, High: 3},
			{Name: "same", Value: 10_000, Ratio: 1, Low: 1, High: 1},
		} {
			got := row.Subjects[i]
			got.Allocs = 0
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	})
}

// A machine that gets slower and slower, and slow for a while, does not change a ratio: neighbours are compared.
func TestPairedOnAMoodyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		mood := func(d time.Duration) func() time.Duration {
			return func() time.Duration {
				age := time.Since(start)
				d := d + d*age/(200*time.Millisecond)
				if age%(50*time.Millisecond) < 10*time.Millisecond {
					d *= 3
				}
				return d
			}
		}
		row, err := measure.Paired(t.Context(), measure.Options{Rounds: 31, Time: 2 * time.Millisecond},
			takes("floor", mood(10*time.Microsecond)), takes("twice", mood(20*time.Microsecond)))
		if err != nil {
			t.Fatal(err)
		}
		if got := row.Subjects[0].Ratio; got < 1.95 || got > 2.05 {
			t.Errorf("the ratio is %v, want 2", got)
		}
		if spread := row.Floor.High - row.Floor.Low; spread < 0.2 {
			t.Errorf("the floor's slices spread by %v: the machine was not moody", spread)
		}
	})
}

func TestPairedCountsAllocations(t *testing.T) {
	twice := measure.Op{Name: "twice", Run: func(_ context.Context, n int) error {
		for range n {
			kept = make([]byte, 64)
			kept = make([]byte, 64)
		}
		return nil
	}}
	// What Prepare allocates is not the operation's.
	prepared := work("prepared", 100)
	prepared.Prepare = func(_ context.Context, n int) error {
		for range n {
			kept = make([]byte, 64)
		}
		return nil
	}
	row, err := measure.Paired(t.Context(), short, work("floor", 100), twice, prepared)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{2, 0} {
		if got := row.Subjects[i]; got.Allocs != want {
			t.Errorf("%s: %v allocations, want %v", got.Name, got.Allocs, want)
		}
	}
}

func TestPairedKeepsSubjectsThatFail(t *testing.T) {
	broken := errors.New("wrong value")
	calls := 0
	row, err := measure.Paired(t.Context(), short, work("floor", 100),
		measure.Op{Name: "errs", Run: func(context.Context, int) error { return broken }},
		measure.Op{Name: "errs late", Run: func(_ context.Context, n int) error {
			if calls++; calls > 15 {
				return broken
			}
			return work("", 100).Run(context.Background(), n)
		}},
		measure.Op{Name: "panics", Run: func(context.Context, int) error { panic("no such key") }},
		measure.Op{Name: "unprepared", Prepare: func(context.Context, int) error { return broken }, Run: work("", 1).Run},
		work("fine", 100))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"wrong value", "wrong value", "no such key", "wrong value", ""}
	for i, got := range row.Subjects {
		if !strings.Contains(got.Err, want[i]) || (got.Err == "") != (want[i] == "") {
			t.Errorf("%s: error %q, want %q", got.Name, got.Err, want[i])
		}
		if got.Err != "" && got.Ratio != 0 {
			t.Errorf("%s failed, and has the ratio %v", got.Name, got.Ratio)
		}
	}
	if fine := row.Subjects[4]; math.IsNaN(fine.Ratio) || fine.Ratio <= 0 {
		t.Errorf("the one that works has the ratio %v", fine.Ratio)
	}
}

// The floor is measured also where nobody is left to stand beside it.
func TestPairedOfNobody(t *testing.T) {
	broken := measure.Op{Name: "errs", Run: func(context.Context, int) error { return errors.New("wrong value") }}
	for _, subjects := range [][]measure.Op{nil, {broken}} {
		row, err := measure.Paired(t.Context(), short, work("floor", 100), subjects...)
		if err != nil || !(row.Floor.Value > 0) || len(row.Subjects) != len(subjects) {
			t.Errorf("got %+v, %v", row, err)
		}
	}
}

func TestPairedEndsWithItsFloorOrContext(t *testing.T) {
	broken := errors.New("no Redis")
	if _, err := measure.Paired(t.Context(), short, measure.Op{Name: "floor", Run: func(context.Context, int) error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("got %v, want the floor's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ends := measure.Op{Name: "ends", Run: func(ctx context.Context, _ int) error { cancel(); return ctx.Err() }}
	if _, err := measure.Paired(ctx, short, work("floor", 100), ends); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestQuantile(t *testing.T) {
	of := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 1: 4} {
		if got := measure.Quantile(of, q); got != want {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if !math.IsNaN(measure.Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	if of[0] != 4 {
		t.Error("the caller's slice was sorted")
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 0.8049: "0.805", 28264: "28300", 0.00012345: "0.000123", math.Inf(1): "+Inf"} {
		if got := measure.Short(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}

// A collection of garbage falls into no slice that can do without: it would be the cost of whoever happens to run.
func TestPairedCollectsBetweenSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, slices := uint32(0), 0
		garbage := takes("garbage", constantly(100*time.Microsecond))
		wait := garbage.Run
		garbage.Run = func(ctx context.Context, n int) error {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range n {
				kept = make([]byte, 1<<20)
			}
			runtime.ReadMemStats(&after)
			met, slices = met+after.NumGC-before.NumGC, slices+1
			return wait(ctx, n)
		}
		few := []measure.Op{garbage, garbage, garbage, garbage}
		if _, err := measure.Paired(t.Context(), measure.Options{Rounds: 20, Time: 2 * time.Millisecond}, garbage, few...); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d collections in %d slices", met, slices)
		if met > uint32(len(few)) { // of first slices: nothing is known of them yet
			t.Errorf("%d collections in %d slices", met, slices)
		}
	})
}
