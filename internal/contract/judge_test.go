package contract

import (
	"fmt"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// written is a write that has returned. One whose writer died has returned when it was committed.
type written struct {
	process  *process
	key      string
	version  int64
	returned time.Duration
}

// verdict is what the readings say of the promises. It needs nothing of the library.
type verdict struct {
	reads, memory, errors int
	firstError            string
	staleMost             time.Duration // how long after a write had returned a read of what was before it began
	readYourWrites        int           // C1
	beyondBound           int           // C2
	backwards             int           // C5
	example               string
}

// judge compares what was read with what was written.
func judge(writes []written, reports map[*process]replica.Report, bound time.Duration) (v verdict) {
	type at struct {
		key     string
		version int64
	}
	others, newest := map[at]time.Duration{}, map[string]int64{}
	own := map[*process]map[at]time.Duration{}
	for _, w := range writes {
		k := at{w.key, w.version}
		others[k] = w.returned
		if own[w.process] == nil {
			own[w.process] = map[at]time.Duration{}
		}
		own[w.process][k] = w.returned
		newest[w.key] = max(newest[w.key], w.version)
	}
	// after returns when the first write that is newer than a version had returned.
	after := func(returned map[at]time.Duration, key string, version int64) (first time.Duration, ok bool) {
		for n := version + 1; n <= newest[key]; n++ {
			if r, is := returned[at{key, n}]; is && (!ok || r < first) {
				first, ok = r, true
			}
		}
		return first, ok
	}
	for p, report := range reports {
		v.reads, v.memory, v.errors = v.reads+report.Reads, v.memory+report.Memory, v.errors+report.Errors
		if v.firstError == "" {
			v.firstError = report.Error
		}
		wrong := func(count *int, promise string, s replica.Span) {
			*count++
			if v.example == "" {
				v.example = fmt.Sprintf("%s: %s read version %d of %s at %v", promise, p.options.Name, s.Version, s.Key, s.LastBegan)
			}
		}
		known := map[string][]replica.Span{}
		for _, s := range report.Spans {
			known[s.Key] = append(known[s.Key], s)
			if r, ok := after(others, s.Key, s.Version); ok && s.LastBegan > r {
				v.staleMost = max(v.staleMost, s.LastBegan-r)
				if s.LastBegan > r+bound {
					wrong(&v.beyondBound, "beyond the bound", s)
				}
			}
			if r, ok := after(own[p], s.Key, s.Version); ok && s.LastBegan > r {
				wrong(&v.readYourWrites, "read your writes", s)
			}
		}
		for _, s := range report.Spans {
			for _, newer := range known[s.Key] {
				if newer.Version > s.Version && s.LastBegan > newer.FirstEnd {
					wrong(&v.backwards, "backwards", s)
					break
				}
			}
		}
	}
	return v
}

// hold fails the test where a promise was broken.
func (v verdict) hold(t *testing.T) {
	t.Helper()
	if v.readYourWrites+v.beyondBound+v.backwards > 0 {
		t.Errorf("%v, the first: %s", v, v.example)
	}
	if v.errors > 0 {
		t.Errorf("%d reads failed, the first with %s", v.errors, v.firstError)
	}
}

// String gives the figures.
func (v verdict) String() string {
	return fmt.Sprintf("reads=%d from_memory=%.0f%% stale_max=%v beyond_bound=%d read_your_writes=%d backwards=%d errors_to_readers=%d",
		v.reads, 100*float64(v.memory)/float64(max(v.reads, 1)), v.staleMost.Round(time.Microsecond),
		v.beyondBound, v.readYourWrites, v.backwards, v.errors)
}

// The judge finds each violation, and none where there is none.
func TestJudge(t *testing.T) {
	t.Parallel()
	writer, peer := &process{}, &process{}
	writes := []written{{writer, "k", 1, 100}, {writer, "k", 2, 200}, {writer, "other", 9, 1}}
	span := func(version int64, firstEnd, lastBegan time.Duration) replica.Span {
		return replica.Span{Key: "k", Version: version, FirstEnd: firstEnd, LastBegan: lastBegan}
	}
	for name, tt := range map[string]struct {
		process *process
		spans   []replica.Span
		want    verdict
	}{
		"fresh":                         {peer, []replica.Span{span(0, 10, 90), span(1, 95, 150), span(2, 180, 900)}, verdict{}},
		"stale within the bound":        {peer, []replica.Span{span(0, 10, 150)}, verdict{staleMost: 50}},
		"stale beyond it":               {peer, []replica.Span{span(1, 10, 251)}, verdict{staleMost: 51, beyondBound: 1}},
		"the writer's own, at once":     {writer, []replica.Span{span(1, 10, 201)}, verdict{staleMost: 1, readYourWrites: 1}},
		"backwards, though within":      {peer, []replica.Span{span(1, 120, 210), span(2, 205, 300)}, verdict{staleMost: 10, backwards: 1}},
		"overlapping reads of two ages": {peer, []replica.Span{span(1, 120, 204), span(2, 205, 300)}, verdict{staleMost: 4}},
	} {
		got := judge(writes, map[*process]replica.Report{tt.process: {Spans: tt.spans}}, 50)
		got.example = ""
		if got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
