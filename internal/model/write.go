package model

// The operation UPDATE, a step each, for every writer of the configuration.

// write is what one writer does.
type write struct {
	proc int
	op   uint8
	refs refs
}

// The operations of a writer.
const (
	opUpdate uint8 = iota + 1
	opInvalidate
	opSet
	opClear
)

// eachWriter calls step with every writer of an operation that stands at a step.
func (m *model) eachWriter(s *state, op, at uint8, step func(w, p int, r refs)) {
	for w, wr := range m.writes {
		if wr.op == op && s.writer[w].at == at {
			step(w, wr.proc, wr.refs)
		}
	}
}

// pend counts one pending write per word, and the ring's refs.
func (m *model) pend(s *state, p int, r refs) {
	for i := range s.proc[p].pending {
		if r.has(i) {
			s.proc[p].pending[i]++
			if m.removed == pendingCounts {
				s.proc[p].pending[i] = 1
			}
		}
	}
	if m.rings() {
		s.proc[p].ring |= r
	}
}

func (m *model) unpend(s *state, p int, r refs) {
	for i := range s.proc[p].pending {
		if r.has(i) && s.proc[p].pending[i] > 0 {
			s.proc[p].pending[i]--
		}
	}
}

// intentStep: pending, INTENT before the write.
func (m *model) intentStep(s *state, out *steps) {
	m.eachWriter(s, opUpdate, idle, func(w, p int, r refs) {
		next := out.from(s, w)
		m.pend(next, p, r)
		next.writer[w].at = intended
		if m.removed != intentFirst {
			m.intent(next, w)
		}
	})
}

// intentFails: Available goes on. The INTENT was not sent, or may still land.
func (m *model) intentFails(s *state, out *steps) {
	if s.left.errors == 0 {
		return
	}
	m.eachWriter(s, opUpdate, idle, func(w, p int, r refs) {
		for _, landing := range []bool{false, true} {
			next := out.from(s, w)
			next.left.errors--
			m.pend(next, p, r)
			wr := &next.writer[w]
			wr.at, wr.unacked, wr.lost, wr.landing = intended, true, true, landing
		}
	})
}

// intentLands: an INTENT whose acknowledgement nobody waits for any more.
func (m *model) intentLands(s *state, out *steps) {
	for w := range m.writes {
		if s.writer[w].landing {
			m.intent(out.from(s, w), w)
		}
	}
}

// renew sends INTENT again with the same token, while write runs.
func (m *model) renew(s *state, out *steps) {
	if s.left.renewals == 0 {
		return
	}
	for _, at := range []uint8{intended, committed} {
		m.eachWriter(s, opUpdate, at, func(w, _ int, _ refs) {
			next := out.from(s, w)
			next.left.renewals--
			m.intent(next, w)
			next.writer[w].expired = false
		})
	}
}

// commitStep: own epochs, then the transaction commits.
func (m *model) commitStep(s *state, out *steps) {
	m.eachWriter(s, opUpdate, intended, func(w, p int, r refs) {
		next := out.from(s, w)
		m.raise(next, p, r)
		m.commit(next, w)
		next.writer[w].at = committed
	})
}

// commit is the commit of write.
func (m *model) commit(s *state, w int) {
	wr := &s.writer[w]
	wr.weak = m.weakly(w, wr.lost)
	for k := range m.keys {
		if !m.names(m.writes[w].refs, k) {
			continue
		}
		s.truth[k]++
		wr.version[k] = s.truth[k]
		if wr.weak {
			s.ghost[k].weak |= 1 << s.truth[k]
		}
	}
}

// returnStep: own epochs again; Update returns. Where the intent's life was over, DONE comes first.
func (m *model) returnStep(s *state, out *steps) {
	for _, at := range []uint8{committed, delivered} {
		m.eachWriter(s, opUpdate, at, func(w, p int, r refs) {
			wr := &s.writer[w]
			if at == committed && wr.expired && m.removed != doneAwaited {
				return
			}
			next := out.from(s, w)
			m.raise(next, p, r)
			m.returns(next, w, p)
			next.writer[w].at = returned
			if at == delivered {
				m.finishWrite(next, w)
			}
		})
	}
}

// returns notes the promises that begin with the return of a write.
func (m *model) returns(s *state, w, p int) {
	wr := &s.writer[w]
	for k := range m.keys {
		s.proc[p].own[k] = max(s.proc[p].own[k], wr.version[k])
	}
	if !wr.weak || wr.expired { // 6.7 excuses no return: where the life was over, DONE came first
		m.promise(s, w)
	}
}

// doneStep is DONE, in the background, and again until it is acknowledged.
func (m *model) doneStep(s *state, out *steps) {
	m.eachWriter(s, opUpdate, returned, func(w, p int, r refs) {
		next := out.from(s, w)
		m.deliver(next, w)
		m.settle(next, w, p, r)
		m.finishWrite(next, w)
		if s.left.errors > 0 { // done, and its acknowledgement lost
			again := out.from(s, w)
			again.left.errors--
			m.deliver(again, w)
		}
	})
	m.eachWriter(s, opUpdate, committed, func(w, p int, r refs) {
		if s.writer[w].expired && m.removed != doneAwaited {
			next := out.from(s, w)
			m.deliver(next, w)
			m.settle(next, w, p, r)
			next.writer[w].at = delivered
		}
	})
}

// deliver runs the script of DONE. It ends what section 6 (3, 6, 7) excuses.
func (m *model) deliver(s *state, w int) {
	m.done(s, w)
	if weak := s.writer[w].weak; weak {
		m.strong(s, w)
		if s.writer[w].at == returned {
			m.promise(s, w)
		}
	}
}

func (m *model) settle(s *state, w, p int, r refs) {
	if m.removed == pendingCounts {
		for i := range s.proc[p].pending {
			if r.has(i) {
				s.proc[p].pending[i] = 0
			}
		}
		return
	}
	m.unpend(s, p, r)
}

func (m *model) finishWrite(s *state, w int) { s.writer[w].at = finished }

// running names what the writes of p that run are about to change.
func (m *model) running(s *state, p int) (r refs) {
	for w, wr := range m.writes {
		if wr.op == opUpdate && wr.proc == p && m.runsOn(s, w) {
			r |= wr.refs
		}
	}
	return r
}

// runsOn says whether a write counts as running.
func (m *model) runsOn(s *state, w int) bool {
	at := s.writer[w].at
	return at == intended || at == committed || (at == unsure || at == left) && !s.writer[w].settled
}
