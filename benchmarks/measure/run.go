package measure

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// run is the measurement of one op.
type run struct {
	op     Op
	n      int     // operations in a slice
	bytes  float64 // that an operation allocates
	times  []float64
	ratios []float64
	allocs float64
	err    error
}

// calibrate finds the n that makes a slice last about so long.
func (r *run) calibrate(ctx context.Context, want time.Duration) {
	r.n = 1
	r.time(ctx) // the first of anything is slow: connections, cold caches
	for {
		took := r.time(ctx)
		if r.err != nil || took >= want/2 || r.n > math.MaxInt32 {
			r.n = scaled(r.n, took, want)
			return
		}
		// Ten times more at most: the first few of anything are slow and say little.
		r.n = min(max(scaled(r.n, took, want), 2*r.n), 10*r.n)
	}
}

func scaled(n int, took, want time.Duration) int {
	return max(1, int(float64(n)*float64(want)/float64(max(took, 1))))
}

// slice runs n operations and returns what one took, in ns.
func (r *run) slice(ctx context.Context) float64 {
	took := float64(r.time(ctx)) / float64(r.n)
	if r.err == nil {
		r.times = append(r.times, took)
	}
	return took
}

// time makes ready for n operations and times them.
func (r *run) time(ctx context.Context) time.Duration {
	r.prepare(ctx)
	before, begin := readHeap().allocated, time.Now()
	r.do(ctx)
	took := time.Since(begin)
	r.bytes = (readHeap().allocated - before) / float64(r.n)
	return took
}

// heap is what the collector goes by, in bytes: what lived at the end of its last run, what there is now, and at how much
// it will have run again; and all that was ever allocated.
type heap struct{ live, objects, goal, allocated float64 }

func readHeap() heap {
	names := [...]string{"/gc/heap/live:bytes", "/memory/classes/heap/objects:bytes", "/gc/heap/goal:bytes", "/gc/heap/allocs:bytes"}
	var samples [len(names)]metrics.Sample
	for i, n := range names {
		samples[i].Name = n
	}
	metrics.Read(samples[:])
	value := func(i int) float64 { return float64(samples[i].Value.Uint64()) }
	return heap{value(0), value(1), value(2), value(3)}
}

// prepare makes ready for n operations. Garbage is collected now, unless the operations leave little beside what may be
// left anyway: else they would meet a collection, or pages that the kernel gave back or never gave, as chance would have it.
func (r *run) prepare(ctx context.Context) {
	if r.err == nil && r.op.Prepare != nil {
		r.guard(ctx, r.op.Prepare)
	}
	heap, need := readHeap(), r.bytes*float64(r.n)
	if used := heap.objects - heap.live; used > need/10 && used+need > (heap.goal-heap.live)/4 {
		runtime.GC()
	}
}

func (r *run) do(ctx context.Context) {
	if r.err == nil {
		r.guard(ctx, r.op.Run)
	}
}

// guard makes r.err of what fails or panics.
func (r *run) guard(ctx context.Context, do func(context.Context, int) error) {
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("panic: %v", p)
		}
	}()
	if r.err = ctx.Err(); r.err == nil {
		r.err = do(ctx, r.n)
	}
}

// Allocations of the whole process are counted, so a slice is short enough to fit between two SYNCs, and the least of a
// few counts.
const (
	quietSlices = 7
	quietTime   = 20 * time.Millisecond
)

// countAllocs counts the allocations of an operation, to a hundredth.
func (r *run) countAllocs(ctx context.Context) {
	if r.err != nil {
		return
	}
	full := r.n
	defer func() { r.n = full }()
	if took := r.time(ctx); took > quietTime {
		r.n = scaled(r.n, took, quietTime)
	}
	least := math.Inf(1)
	for range quietSlices {
		r.prepare(ctx)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.do(ctx)
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs)/float64(r.n))
	}
	r.allocs = math.Round(least*100) / 100
}

func (r *run) figure() Figure {
	f := Figure{Name: r.op.Name, Note: r.op.Note}
	if r.err != nil {
		f.Err = r.err.Error()
		return f
	}
	f.Value, f.Allocs = Median(r.times), r.allocs
	f.Ratio, f.Low, f.High = Median(r.ratios), Quantile(r.ratios, 0.25), Quantile(r.ratios, 0.75)
	return f
}

func (r *run) floor() Figure {
	f := r.figure()
	f.Ratio, f.Low, f.High = 1, Quantile(r.times, 0.25)/f.Value, Quantile(r.times, 0.75)/f.Value
	return f
}
