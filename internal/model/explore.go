package model

import (
	"hash/maphash"
	"slices"
	"unsafe"
)

// action is one operation of the protocol, or one fault. Its step appends every state that it can lead to.
type action struct {
	name string // the protocol's word, and a format for the step's arguments
	step func(*model, *state, *steps)

	without removal // it happens only where this piece is removed
}

// steps collects the successors of one state.
type steps struct {
	to []step
}

type step struct {
	state  state
	action uint8
	args   [2]uint8
}

// from appends a copy of s, for the caller to change before its next call.
func (out *steps) from(s *state, args ...int) *state {
	out.to = append(out.to, step{state: *s})
	last := &out.to[len(out.to)-1]
	for i, arg := range args {
		last.args[i] = uint8(arg)
	}
	return &last.state
}

// drop takes back the last copy: the step is not possible.
func (out *steps) drop() { out.to = out.to[:len(out.to)-1] }

// result is what an exploration found.
type result struct {
	states    int
	depth     int
	exhausted bool  // every state was visited
	fired     []int // steps per action
	broken    invariant
	trace     []step
}

// explore visits the states that can be reached, breadth first, so that a counterexample is among the shortest. It
// ends at the first violation, or with limit states. States are told apart by 64 bits of hash: among ten million
// states, two share one with a probability of 3 in a million.
func (m *model) explore(limit int) result {
	start := m.start()
	x := explorer{model: m, seed: maphash.MakeSeed(), fired: make([]int, len(actions))}
	x.visited.add(x.hash(&start))
	x.parent, x.choice = append(x.parent, 0), append(x.choice, 0)
	frontier, ids := []state{start}, []uint32{0}
	r := result{fired: x.fired}
	var next []state
	var nextIDs []uint32
	for len(frontier) > 0 {
		next, nextIDs = next[:0], nextIDs[:0]
		for i := range frontier {
			x.expand(&frontier[i])
			for choice := range x.out.to {
				to := &x.out.to[choice]
				x.fired[to.action]++
				m.check(&to.state)
				if to.state.broken == 0 && !x.visited.add(x.hash(&to.state)) {
					continue
				}
				x.parent, x.choice = append(x.parent, ids[i]), append(x.choice, uint16(choice))
				if r.states = len(x.parent); to.state.broken != 0 {
					r.broken = to.state.broken
					r.trace = x.replay(start, uint32(r.states-1))
					return r
				}
				next, nextIDs = append(next, to.state), append(nextIDs, uint32(r.states-1))
			}
			if r.states >= limit {
				return r
			}
		}
		frontier, next = next, frontier
		ids, nextIDs = nextIDs, ids
		r.depth++
	}
	r.exhausted = true
	return r
}

type explorer struct {
	model   *model
	seed    maphash.Seed
	visited hashes
	parent  []uint32 // of each state: the one that it was reached from,
	choice  []uint16 // and by which of its steps
	fired   []int
	out     steps
}

func (x *explorer) expand(s *state) {
	x.out.to = x.out.to[:0]
	for i := range actions {
		before := len(x.out.to)
		actions[i].step(x.model, s, &x.out)
		for j := before; j < len(x.out.to); j++ {
			x.out.to[j].action = uint8(i)
		}
	}
}

// hash reads the state as the bytes that it is made of.
func (x *explorer) hash(s *state) uint64 {
	return maphash.Bytes(x.seed, unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s)))
}

// replay walks again from the start to a state, and returns the steps.
func (x *explorer) replay(s state, id uint32) []step {
	var choices []uint16
	for ; id != 0; id = x.parent[id] {
		choices = append(choices, x.choice[id])
	}
	var trace []step
	for _, choice := range slices.Backward(choices) {
		x.expand(&s)
		next := x.out.to[choice]
		x.model.check(&next.state)
		trace, s = append(trace, next), next.state
	}
	return trace
}

// hashes is a set, by open addressing.
type hashes struct {
	slots []uint64
	used  int
}

// add reports whether h was not in the set yet.
func (s *hashes) add(h uint64) bool {
	if s.used*4 >= len(s.slots)*3 {
		s.grow()
	}
	h = max(h, 1) // 0 is an empty slot
	for i := h; ; i++ {
		switch slot := &s.slots[i&uint64(len(s.slots)-1)]; *slot {
		case 0:
			*slot = h
			s.used++
			return true
		case h:
			return false
		}
	}
}

func (s *hashes) grow() {
	old := s.slots
	s.slots, s.used = make([]uint64, max(1<<12, 2*len(old))), 0
	for _, h := range old {
		if h != 0 {
			s.add(h)
		}
	}
}
