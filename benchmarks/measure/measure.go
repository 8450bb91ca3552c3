// Package measure times operations against a floor, in one process and in turn, so that what disturbs a machine
// disturbs both sides of a ratio.
//
// # Method
//
// Slices of equal length alternate: floor, a, floor, b, floor, a and so on. Each slice of a subject is divided by the
// mean of the floor's slices before and after it; a figure is the median of those ratios, with their quartiles.
// Allocations are counted apart, in slices that no SYNC or collection of garbage happened to disturb. The heap is held at
// the size of a process with a cache in it: in an empty one garbage is collected so often that nothing else is measured.
// Garbage is collected before each slice that makes much: which of several slices pays for the garbage of all is chance,
// and moved ratios by a third.
//
// # Failure
//
// A subject that fails is a figure with Err, and the others go on. Only a floor that fails, or an ended context, ends
// the measurement.
//
// # Concurrency
//
// One measurement at a time: two would be each other's noise.
package measure

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// Op is something to be timed.
type Op struct {
	Name string
	// Prepare, if not nil, makes ready for one Run of n; it is not timed.
	Prepare func(ctx context.Context, n int) error
	// Run does it n times. It fails where what it gets is wrong.
	Run func(ctx context.Context, n int) error
	// Note goes into the figure.
	Note string
}

// Options say how long to measure.
type Options struct {
	Rounds int           // slices of each subject; at least 1
	Time   time.Duration // of each slice, roughly
}

// Row is what was measured of one scenario. Lower is better unless Unit says otherwise.
type Row struct {
	Scenario string   `json:"scenario"`
	Unit     string   `json:"unit"`
	Floor    Figure   `json:"floor"`
	Subjects []Figure `json:"subjects"`
}

// Figure is what was measured of one subject.
type Figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`           // median, in the row's unit
	Ratio  float64 `json:"ratio"`           // median of the paired ratios to the floor; 0: there is none
	Low    float64 `json:"low"`             // first quartile of the ratios; of a floor, of its slices to their median
	High   float64 `json:"high"`            // third quartile
	Allocs float64 `json:"allocs"`          // per operation
	Err    string  `json:"error,omitempty"` // why there is no figure, or why it is worth nothing
	Note   string  `json:"note,omitempty"`
}

// Nanoseconds is the unit of rows that Paired returns.
const Nanoseconds = "ns/op"

// ballast is the default capacity of a cache.
const ballast = 64 << 20

// Paired measures subjects against a floor. The row has a figure for each subject, in order; its Scenario is the
// caller's to set.
func Paired(ctx context.Context, o Options, floor Op, subjects ...Op) (Row, error) {
	heap := make([]byte, ballast) // never touched, so it takes no memory
	defer runtime.KeepAlive(heap)
	all := make([]*run, 1+len(subjects))
	for i, op := range append([]Op{floor}, subjects...) {
		all[i] = &run{op: op}
		all[i].calibrate(ctx, o.Time)
		if i == 0 && all[0].err != nil {
			return Row{}, fmt.Errorf("%s: %w", floor.Name, all[0].err)
		}
		all[i].countAllocs(ctx)
	}
	for range max(o.Rounds, 1) {
		runtime.GC() // no round pays for the garbage of what came before
		before := all[0].slice(ctx)
		for _, r := range all[1:] {
			if r.err != nil {
				continue
			}
			took := r.slice(ctx)
			after := all[0].slice(ctx)
			if all[0].err == nil && r.err == nil {
				r.ratios = append(r.ratios, took/((before+after)/2))
			}
			before = after
		}
		if all[0].err != nil {
			return Row{}, fmt.Errorf("%s: %w", floor.Name, all[0].err)
		}
	}
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	row := Row{Unit: Nanoseconds, Floor: all[0].floor()}
	for _, r := range all[1:] {
		row.Subjects = append(row.Subjects, r.figure())
	}
	return row, nil
}
