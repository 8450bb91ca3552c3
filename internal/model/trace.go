package model

import (
	"fmt"
	"strings"
)

// String tells a step in the protocol's words.
func (s step) String() string {
	name := actions[s.action].name
	args := []any{s.args[0], s.args[1]}
	return fmt.Sprintf(name, args[:strings.Count(name, "%")]...)
}

// story tells how a promise was broken, step by step.
func (r result) story() string {
	var b strings.Builder
	for i, s := range r.trace {
		fmt.Fprintf(&b, "  %2d. %v\n      %s\n", i+1, s, s.state.brief())
	}
	return b.String()
}

// brief tells what a reader of a counterexample wants to know of a state.
func (s *state) brief() string {
	var b strings.Builder
	fmt.Fprintf(&b, "truth %v, words", s.truth)
	for _, w := range s.redis.word {
		switch w.kind {
		case absent:
			b.WriteString(" -")
		case value:
			fmt.Fprintf(&b, " V%d(g%d,t%d)", w.version, w.gen, w.tag)
		case lease:
			fmt.Fprintf(&b, " L%d", w.holder)
		case intent:
			fmt.Fprintf(&b, " I%b/%b", w.live, w.expired)
		}
	}
	fmt.Fprintf(&b, ", s %d", s.redis.seq)
	var unused proc
	for p := range s.proc {
		proc := &s.proc[p]
		if *proc == unused {
			continue
		}
		fmt.Fprintf(&b, ", p%d applied %d fence %v L1", p, proc.applied, proc.fenceOpen)
		for _, e := range proc.l1 {
			if e.has {
				fmt.Fprintf(&b, " %d", e.version)
			} else {
				b.WriteString(" -")
			}
		}
	}
	return b.String()
}
