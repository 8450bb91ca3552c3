package model

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var full = flag.Bool("full", false, "explore every configuration to its end")
var only = flag.Int("limit", 3000000, "states")

func TestConfigurations(t *testing.T) {
	for _, c := range configurations() {
		t.Run(c.name, func(t *testing.T) {
			m := model{config: c}
			start := time.Now()
			r := m.explore(*only)
			fmt.Printf("model: %s states=%d depth=%d exhausted=%v %v broken=%v\n", c.name, r.states, r.depth, r.exhausted, time.Since(start).Round(time.Millisecond), r.broken)
			for i, s := range r.trace {
				fmt.Printf("  %2d. %s\n      %+v\n", i+1, s, s.state.brief())
			}
		})
	}
}

func TestRemovals(t *testing.T) {
	for _, c := range configurations() {
		for _, r := range removals {
			if r.in != c.name {
				continue
			}
			m := model{config: c, removed: r.piece}
			start := time.Now()
			got := m.explore(*only)
			fmt.Printf("removed=%s in=%s invariant=%v violation_after=%d states depth=%d %v\n", r.name, c.name, got.broken, got.states, got.depth, time.Since(start).Round(time.Millisecond))
		}
	}
}
