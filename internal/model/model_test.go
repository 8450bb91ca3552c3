package model

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// full explores as `make model` does; without it, a part that fits into an ordinary test run.
var full = flag.Bool("full", false, "explore every configuration to its end")

// How many states a run visits at most.
const (
	fullLimit  = 10_000_000
	shortLimit = 15_000
)

func limit() int {
	if *full {
		return fullLimit
	}
	return shortLimit
}

// TestModel: in no state that the protocol can reach is a promise broken, and everything that can happen has happened.
func TestModel(t *testing.T) {
	var mu sync.Mutex
	fired, largest, ran := make([]int, len(actions)), 0, 0
	t.Run("configuration", func(t *testing.T) {
		slots := make(chan struct{}, runtime.GOMAXPROCS(0)) // an exploration holds some hundred MB
		for _, c := range configurations() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				m := model{config: c}
				r := m.explore(limit())
				if r.broken != 0 {
					t.Errorf("%v is broken:\n%s", r.broken, r.story())
					return
				}
				if *full && !r.exhausted {
					t.Errorf("%d states did not exhaust it", r.states)
				}
				fmt.Printf("model: %s states=%d violations=0 exhausted=%v\n", c.name, r.states, r.exhausted)
				mu.Lock()
				defer mu.Unlock()
				ran, largest = ran+1, max(largest, r.states)
				for i, n := range r.fired {
					fired[i] += n
				}
			})
		}
	})
	if !*full || ran < len(configurations()) { // -run has chosen some: they need not show everything
		return
	}
	for i, n := range fired {
		if n == 0 && actions[i].without == nothing {
			t.Errorf("%q never happened", actions[i].name)
		}
	}
	if largest < 1_000_000 {
		t.Errorf("the largest configuration has %d states, want a million", largest)
	}
}

// TestRemovals: without any one piece of the protocol, a promise is broken: no piece is there in vain, and the model
// would see it. The short form tries those that are missed soon.
func TestRemovals(t *testing.T) {
	tried := 0
	for _, r := range removals {
		if r.within > limit() {
			continue
		}
		tried++
		t.Run(r.name, func(t *testing.T) {
			m := model{config: configuration(t, r.in), removed: r.piece}
			got := broken(t, m, r.within)
			fmt.Printf("removed=%s invariant=%v violation_after=%d states\n", dashed(r.name), got.broken, got.states)
		})
	}
	if tried < 10 {
		t.Errorf("%d removals were tried", tried)
	}
}

// TestExcuses: where an excuse of section 6 is refused, a promise is broken, so that none is there in vain.
func TestExcuses(t *testing.T) {
	tried := 0
	for _, e := range excuses {
		if e.within > limit() {
			continue
		}
		tried++
		t.Run(e.name, func(t *testing.T) {
			m := model{config: configuration(t, e.in), refused: e.excuse}
			got := broken(t, m, e.within)
			fmt.Printf("excuse=%s invariant=%v violation_after=%d states\n", dashed(e.name), got.broken, got.states)
		})
	}
	if tried == 0 {
		t.Error("no excuse was tried")
	}
}

func configuration(t *testing.T, name string) config {
	t.Helper()
	for _, c := range configurations() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no configuration %q", name)
	return config{}
}

// broken explores until a promise is broken, and fails where none is. With -v, the steps are told.
func broken(t *testing.T, m model, within int) result {
	t.Helper()
	r := m.explore(within)
	if r.broken == 0 {
		t.Fatalf("nothing is broken within %d states", r.states)
	}
	t.Logf("%v is broken:\n%s", r.broken, r.story())
	return r
}

func dashed(name string) string { return strings.ReplaceAll(name, " ", "-") }

// TestEveryPieceIsRemovedOnce: the table of removals and the list of pieces agree.
func TestEveryPieceIsRemovedOnce(t *testing.T) {
	for i, r := range removals {
		if r.piece != removal(i+1) {
			t.Errorf("%q stands at %d, its piece is %d", r.name, i, r.piece)
		}
	}
}
