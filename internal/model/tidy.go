package model

// tidy zeroes what nothing depends on any more, so that states with the same future are one.
func (m *model) tidy(s *state) {
	for p := range m.procs {
		if m.inert(s, p) {
			m.still(&s.proc[p])
			s.mail[p] = letters{}
		} else if !m.rings() && !m.fence {
			m.tidyBounds(&s.proc[p])
		}
	}
	m.tidyMail(s)
	for w := range m.writes {
		wr := &s.writer[w]
		if wr.at == finished || wr.at == dead {
			wr.told = 0
		}
		if wr.at == finished && !wr.landing && !m.underWay(s, wr.seq) {
			*wr = writer{at: finished}
		}
	}
}

// rings says whether processes keep a ring: whether a new incarnation can come.
func (m *model) rings() bool { return m.failovers > 0 || m.restarts > 0 }

// inert says that p reads no more, so that only what it writes matters. What it has under way in Redis goes on.
func (m *model) inert(s *state, p int) bool {
	if s.left.reads[p] > 0 {
		return false
	}
	proc := &s.proc[p]
	for i := range proc.reader {
		if proc.reader[i].at != none {
			return false
		}
	}
	for i := range proc.flight {
		if at := proc.flight[i].at; at != 0 && at != lingering && at != queued {
			return false
		}
	}
	return true
}

// still empties a process that reads no more.
func (m *model) still(proc *proc) {
	proc.l1 = [keys]near{}
	proc.flight = [flights]flight{}
	proc.due, proc.own, proc.floor = [keys]uint8{}, [keys]uint8{}, [keys]uint8{}
	if !m.rings() {
		proc.sync, proc.late, proc.applied, proc.inc, proc.fenceOpen, proc.overdue = reply{}, reply{}, 0, 0, false, false
	}
}

// tidyBounds keeps of the ghosts only what could be missed: a bound below another that is looked at before it cannot.
func (m *model) tidyBounds(proc *proc) {
	for k := range m.keys {
		if proc.due[k] <= proc.own[k] {
			proc.due[k] = 0
		}
		if proc.floor[k] <= max(proc.own[k], proc.due[k]) {
			proc.floor[k] = 0
		}
	}
	for i := range proc.reader {
		b := &proc.reader[i].must
		if b.c2 <= b.c1 {
			b.c2 = 0
		}
		if b.c5 <= max(b.c1, b.c2) {
			b.c5 = 0
		}
	}
}

// tidyMail forgets the messages that everybody has had, and the journal that nobody asks for.
func (m *model) tidyMail(s *state) {
	for n := uint8(1); n <= s.highest; n++ {
		if !m.underWay(s, n) {
			s.message[n] = entry{}
		}
	}
	if m.failovers > 0 {
		return // it says what a failover loses
	}
	oldest := s.redis.seq
	for p := range m.procs {
		if m.syncing(s, p) {
			oldest = min(oldest, s.proc[p].applied)
		}
	}
	for n := range oldest + 1 {
		s.redis.journal[n] = entry{}
	}
}

// underWay says whether a message has not reached everybody.
func (m *model) underWay(s *state, n uint8) bool {
	for p := range m.procs {
		if s.mail[p].has(n) {
			return true
		}
	}
	return false
}

// syncing says whether p asks for the journal.
func (m *model) syncing(s *state, p int) bool {
	return m.syncs&(1<<p) != 0 && (m.rings() || !m.inert(s, p))
}
