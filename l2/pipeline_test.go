package l2_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// crowded is a store whose readers share round trips beside the first.
func crowded(t *testing.T, r *rig) *l2.Store[string] {
	t.Helper()
	s, err := l2.New(l2.Config[string]{Redis: r.Client, PipelineBeyond: 1, Generation: r.generation(), Channel: r.layout.Channel()})
	return must(t, s, err)
}

// Each of a crowd gets what is his, whatever the others read, in few round trips of bounded size.
func TestCrowd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	const readers = 1000
	entries := make([]l2.Entry, readers)
	for i := range entries {
		switch name := fmt.Sprint(i); i % 5 {
		case 0:
			entries[i] = r.entry(name)
			load(t, s, entries[i], l2.Value[string]{Value: name, Generation: 1})
		case 1:
			entries[i] = r.entry(name, "one"+name, "two")
			load(t, s, entries[i], l2.Value[string]{Value: name, Generation: 1})
		case 2, 3:
			entries[i] = r.entry(name)
		case 4:
			entries[i] = r.entry(name)
			check(t, r.LPush(t.Context(), entries[i].Key, "no string").Err())
		}
	}
	g := newGate(t, r)
	g.alone(t, s, r)
	for i, e := range entries {
		g.all.Go(func() {
			var w l2.Word[string]
			var lease *l2.Lease
			var err error
			if i%5 == 3 {
				lease, w, err = s.GetOrLease(t.Context(), e, time.Minute, 1, 0)
			} else {
				w, err = s.Get(t.Context(), e, 1, 0)
			}
			kind, value := l2.Absent, ""
			if i%5 < 2 {
				kind, value = l2.Found, fmt.Sprint(i)
			}
			if err != nil || w.Kind != kind || w.Value != value || (lease != nil) != (i%5 == 3) {
				t.Errorf("%s: got %v and a lease %v, %v", e.Name, w, lease != nil, err)
			}
		})
	}
	g.carries(t, s, r, readers+1)
	if held := len(g.trips()); held > 40 {
		t.Errorf("%d readers have %d round trips under way", readers, held)
	}
	g.open()
	g.all.Wait()
	for _, cmds := range g.trips() {
		if n := readersOf(cmds, r); n > 64 {
			t.Errorf("a round trip for %d readers", n)
		}
	}
}

// A reader who leaves before his round trip has begun has taken no lease, and one who leaves later disturbs nobody.
func TestCrowdLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	g := newGate(t, r)
	g.alone(t, s, r)

	away, leave := context.WithCancel(t.Context())
	first, second := r.entry("under way"), r.entry("waits")
	var left sync.WaitGroup
	left.Go(func() {
		if lease, _, err := s.GetOrLease(away, first, time.Minute, 1, 0); !errors.Is(err, context.Canceled) || lease == nil {
			t.Errorf("who left a round trip: got %v, %v, want a lease that may be", lease, err)
		}
	})
	g.holds(t, 2)
	left.Go(func() {
		if _, _, err := s.GetOrLease(away, second, time.Minute, 1, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("who left before: got %v", err)
		}
	})
	third := r.entry("stays")
	eventually(t, "one waits", func() bool { waiting, _ := s.Crowd(); return waiting == 1 })
	g.all.Go(func() {
		if lease, _, err := s.GetOrLease(t.Context(), third, time.Minute, 1, 0); err != nil || lease == nil {
			t.Errorf("who stays: got %v, %v", lease, err)
		}
	})
	eventually(t, "two wait", func() bool { waiting, _ := s.Crowd(); return waiting == 2 })
	leave()
	left.Wait()
	g.open()
	g.all.Wait()
	eventually(t, "nothing under way", func() bool { waiting, underway := s.Crowd(); return waiting+underway == 0 })
	if word := r.at(t, second.Key); word != "" {
		t.Errorf("a lease of who had left before: %q", word)
	}
	if word := r.at(t, first.Key); !strings.HasPrefix(word, "L") {
		t.Errorf("the lease that was under way: %q", word)
	}
}

// A batch that leaves a round trip has no words, and does not look at those that come.
func TestCrowdLeavesABatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	entries := []l2.Entry{r.entry("a", "one"), r.entry("b")}
	for _, e := range entries {
		load(t, s, e, l2.Value[string]{Value: "v", Generation: 1})
	}
	g := newGate(t, r)
	g.alone(t, s, r)
	away, leave := context.WithCancel(t.Context())
	var left sync.WaitGroup
	left.Go(func() {
		words, err := s.GetMany(away, entries, 0)
		want := l2.Absent
		if err == nil { // the words were quicker
			want = l2.Found
		}
		for i := range 1000 {
			if w := words.Word(i%2, 1); err != nil && !errors.Is(err, context.Canceled) || w.Kind != want {
				t.Errorf("who left: got %+v, %v", w, err)
			}
		}
	})
	g.holds(t, 2)
	g.open()
	leave()
	left.Wait()
	g.all.Wait()
}

// A panic on the way to Redis is an error of those who share the way, and the end of nothing else.
func TestCrowdPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	g := newGate(t, r)
	g.alone(t, s, r)
	for i := range 20 {
		e := r.entry(fmt.Sprint(i))
		g.all.Go(func() {
			if w, err := s.Get(t.Context(), e, 1, 0); err == nil || !strings.Contains(err.Error(), "a hook of the user's") || w.Kind != l2.Absent {
				t.Errorf("%s: got %+v, %v", e.Name, w, err)
			}
		})
	}
	g.carries(t, s, r, 21)
	g.panics = true
	g.open()
	g.all.Wait()
	eventually(t, "nothing under way", func() bool { waiting, underway := s.Crowd(); return waiting+underway == 0 })
}

// A round trip lasts as long as one of those waits whom it is for, and no longer.
func TestCrowdPatience(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	g := newGate(t, r)
	g.alone(t, s, r)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	middle, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	long, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read := func(all *sync.WaitGroup, ctx context.Context, name string, want error) {
		e := r.entry(name)
		all.Go(func() {
			if _, err := s.Get(ctx, e, 1, 0); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		})
	}
	waits := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d wait", n), func() bool { waiting, _ := s.Crowd(); return waiting == n })
	}
	var left sync.WaitGroup
	begun := time.Now()
	read(&left, short, "first", context.DeadlineExceeded)
	g.holds(t, 2)
	for n, ctx := range []context.Context{middle, long, middle, middle} {
		read(&g.all, ctx, fmt.Sprint(n), nil)
		waits(n + 1)
	}
	read(&g.all, middle, "sets out", nil)
	g.holds(t, 3)
	left.Wait()
	if waited := time.Since(begun); waited > 5*time.Second {
		t.Errorf("a reader with 50 ms left after %v", waited)
	}
	read(&g.all, t.Context(), "patient", nil)
	waits(1)
	g.open()
	g.all.Wait()
	for i, longest := range []context.Context{short, long, t.Context()} {
		if end, _ := longest.Deadline(); !g.ends[1+i].Equal(end) {
			t.Errorf("shared round trip %d ends %v, want %v", 1+i, g.ends[1+i], end)
		}
	}
}

// An error is told to all who share a round trip, and the next one is another matter.
func TestCrowdFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	g := newGate(t, r)
	g.fail = errors.New("no such luck")
	g.alone(t, s, r)
	for i := range 50 {
		e := r.entry(fmt.Sprint(i))
		g.all.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = s.Get(t.Context(), e, 1, 0)
			} else {
				_, _, err = s.GetOrLease(t.Context(), e, time.Minute, 1, 0)
			}
			if !errors.Is(err, g.fail) {
				t.Errorf("%s: got %v", e.Name, err)
			}
		})
	}
	g.carries(t, s, r, 51)
	g.open()
	g.all.Wait()
	eventually(t, "nothing under way", func() bool { waiting, underway := s.Crowd(); return waiting+underway == 0 })
	g.fail = nil
	for i := range 50 {
		e := r.entry(fmt.Sprint(i))
		g.all.Go(func() {
			if w, err := s.Get(t.Context(), e, 1, 0); err != nil || w.Kind != l2.Absent {
				t.Errorf("%s, afterwards: got %+v, %v", e.Name, w, err)
			}
		})
	}
	g.all.Wait()
}

// Many keys are a round trip of their own; a few share one.
func TestCrowdOfBatches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crowded(t, r)
	g := newGate(t, r)
	g.alone(t, s, r)
	batch := func(n int) {
		entries := make([]l2.Entry, n)
		for i := range entries {
			entries[i] = r.entry(fmt.Sprintf("%d of %d", i, n))
		}
		g.all.Go(func() {
			words, err := s.GetMany(t.Context(), entries, 0)
			for i := range entries {
				if w := words.Word(i, 1); err != nil || w.Kind != l2.Absent {
					t.Errorf("%d of %d: got %+v, %v", i, n, w, err)
				}
			}
		})
	}
	batch(8)
	g.holds(t, 2)
	batch(7)
	eventually(t, "seven wait", func() bool { waiting, _ := s.Crowd(); return waiting == 1 })
	batch(9)
	g.holds(t, 3)
	g.open()
	g.all.Wait()
}
