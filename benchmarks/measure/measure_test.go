package measure_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
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

func TestPairedFindsTheRatio(t *testing.T) {
	row, err := measure.Paired(t.Context(), short, work("floor", 1000), work("thrice", 3000), work("same", 1000))
	if err != nil {
		t.Fatal(err)
	}
	if row.Floor.Name != "floor" || row.Floor.Ratio != 1 || row.Floor.Value <= 0 || row.Unit != measure.Nanoseconds {
		t.Errorf("the floor is %+v in %q", row.Floor, row.Unit)
	}
	for i, want := range []struct {
		name  string
		ratio float64
	}{{"thrice", 3}, {"same", 1}} {
		got := row.Subjects[i]
		if got.Name != want.name || got.Ratio < want.ratio*0.7 || got.Ratio > want.ratio*1.4 {
			t.Errorf("got %+v, want %s at %v", got, want.name, want.ratio)
		}
		if got.Low > got.Ratio || got.High < got.Ratio || got.Err != "" {
			t.Errorf("spread of %+v", got)
		}
	}
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
