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
var full = flag.Bool("full", false, "explore every configuration to its end, or to a million states and more")

// How many states a run visits at most.
const (
	fullLimit  = 1_200_000
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
	fired, largest := make([]int, len(actions)), 0
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
				fmt.Printf("model: %s states=%d violations=0 exhausted=%v\n", c.name, r.states, r.exhausted)
				mu.Lock()
				defer mu.Unlock()
				largest = max(largest, r.states)
				for i, n := range r.fired {
					fired[i] += n
				}
			})
		}
	})
	for i, n := range fired {
		if *full && n == 0 && actions[i].without == nothing {
			t.Errorf("%q never happened", actions[i].name)
		}
	}
	if *full && largest < 1_000_000 {
		t.Errorf("the largest configuration has %d states, want a million", largest)
	}
}

// TestRemovals: without any one piece of the protocol, a promise is broken: no piece is there in vain, and the model
// would see it. The short form tries those that are missed soon.
func TestRemovals(t *testing.T) {
	configs := map[string]config{}
	for _, c := range configurations() {
		configs[c.name] = c
	}
	tried := 0
	for _, r := range removals {
		if r.within > limit() {
			continue
		}
		tried++
		t.Run(r.name, func(t *testing.T) {
			c, ok := configs[r.in]
			if !ok {
				t.Fatalf("there is no configuration %q", r.in)
			}
			m := model{config: c, removed: r.piece}
			got := m.explore(r.within)
			if got.broken == 0 {
				t.Fatalf("without it nothing is broken within %d states", got.states)
			}
			fmt.Printf("removed=%s invariant=%v violation_after=%d states\n", strings.ReplaceAll(r.name, " ", "-"), got.broken, got.states)
		})
	}
	if tried < 10 {
		t.Errorf("%d removals were tried", tried)
	}
}

// TestEveryPieceIsRemovedOnce: the table of removals and the list of pieces agree.
func TestEveryPieceIsRemovedOnce(t *testing.T) {
	for i, r := range removals {
		if r.piece != removal(i+1) {
			t.Errorf("%q stands at %d, its piece is %d", r.name, i, r.piece)
		}
	}
}
