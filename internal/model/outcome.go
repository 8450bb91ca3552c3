package model

// How else an UPDATE ends: its writer dies, or write fails, with an outcome that is known or not.

// die: a writer dies before or at its commit, or after it returned and before DONE.
func (m *model) die(s *state, out *steps) {
	if !m.crash {
		return
	}
	m.eachWriter(s, opUpdate, intended, func(w, p int, r refs) {
		out.from(s, w).writer[w].at = dead
		next := out.from(s, w) // the commit is the last that is seen of it, and counts as its return
		m.raise(next, p, r)
		m.commit(next, w)
		next.writer[w].at = dead
		if next.writer[w].weak {
			return
		}
		m.promise(next, w)
		for k := range m.keys {
			if v := next.writer[w].version[k]; v != 0 {
				next.ghost[k].orphans |= 1 << v
			}
		}
	})
	m.eachWriter(s, opUpdate, returned, func(w, _ int, _ refs) {
		next := out.from(s, w)
		next.writer[w].at = dead
	})
}

// rollback: write's error is marked RolledBack. Update returns it; DONE follows.
func (m *model) rollback(s *state, out *steps) {
	if !m.unknown {
		return
	}
	m.eachWriter(s, opUpdate, intended, func(w, p int, r refs) {
		next := out.from(s, w)
		m.raise(next, p, r)
		next.writer[w].at = returned
	})
}

// fail: write ends with an error, and may still commit. Update returns it.
func (m *model) fail(s *state, out *steps) {
	if !m.unknown {
		return
	}
	m.eachWriter(s, opUpdate, intended, func(w, p int, r refs) {
		next := out.from(s, w)
		m.raise(next, p, r)
		next.writer[w].at = unsure
	})
}

// leaveToken: INTENT once more, same token, left to expire.
func (m *model) leaveToken(s *state, out *steps) {
	m.eachWriter(s, opUpdate, unsure, func(w, p int, r refs) {
		next := out.from(s, w)
		if m.removed == tokenLeft {
			m.done(next, w)
		} else {
			m.intent(next, w)
		}
		m.settle(next, w, p, r)
		next.writer[w].at = left
	})
}

// landLate: a commit whose outcome was unknown lands, or never will.
func (m *model) landLate(s *state, out *steps) {
	for _, at := range []uint8{unsure, left} {
		m.eachWriter(s, opUpdate, at, func(w, p int, _ refs) {
			if s.writer[w].settled {
				return
			}
			out.from(s, w).writer[w].settled = true
			next := out.from(s, w)
			m.commit(next, w)
			next.writer[w].settled = true
			m.returns(next, w, p) // it counts from its commit
		})
	}
}
