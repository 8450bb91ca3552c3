package model

// invariant is one of the contract's promises, C1 to C5. 0 is kept.
type invariant uint8

func (i invariant) String() string { return "C" + string('0'+rune(i)) }

// must returns what a read of k that starts now on p may not fall below.
//
// C1: what p itself has written. C2: with the fence open until t0 + D, what had returned when that SYNC was sent, and
// what has returned and whose message p has had; with the fence closed, or D passed, what has returned. C5: what p has
// returned. What section 6 excuses was never put into these ghosts; see forget.
func (m *model) must(s *state, p int, k uint8) bounds {
	proc, g := &s.proc[p], &s.ghost[k]
	if proc.unsettled {
		return bounds{} // section 6 (1, 2): within D after a failover an old connection may answer
	}
	b := bounds{c1: proc.own[k], c2: proc.due[k], c5: proc.floor[k]}
	if g.excused && proc.synced != s.redis.node {
		b.c1 = 0 // section 6 (1): until this process has met the new incarnation
	}
	if !proc.fenceOpen || proc.overdue {
		b.c2 = max(b.c2, g.returned)
	}
	return b
}

// answer checks a value that p returns, and remembers it for C5.
func (m *model) answer(s *state, p int, k, version uint8, must bounds) {
	proc, g := &s.proc[p], &s.ghost[k]
	switch {
	case version < must.c1:
		s.broken = 1
	case version < must.c2:
		s.broken = 2
		if g.orphans&(1<<must.c2) != 0 {
			s.broken = 4 // what was missed is a dead writer's
		}
	case version < must.c5:
		s.broken = 5
	}
	if g.excused || proc.unsettled {
		return // section 6 (1)
	}
	for g.weak&(1<<version) != 0 || m.unlearnt(s, p, k, version) { // section 6 (3, 4, 6, 7)
		version--
	}
	proc.floor[k] = max(proc.floor[k], version)
}

// unlearnt says whether a version is that of a Clear whose generation p has not learnt: C5 counts from there.
func (m *model) unlearnt(s *state, p int, k, version uint8) bool {
	for w, wr := range m.writes {
		if wr.op == opClear && s.writer[w].version[k] == version && s.writer[w].gen > s.proc[p].gen {
			return true
		}
	}
	return false
}

// check looks at what lies in Redis. C3: no V that readers would take is older than a write that has returned.
// C4: a key is uncached by intents no longer than one of them lives.
func (m *model) check(s *state) {
	m.tidy(s)
	r := &s.redis
	for k := range m.keys {
		w, g := &r.word[k], &s.ghost[k]
		valid := w.kind == value && w.gen >= r.gen &&
			(!m.tagged(k) || r.word[tagWord].kind == value && r.word[tagWord].version == w.tag)
		if valid && w.version < g.returned && !g.excused && s.broken == 0 {
			s.broken = 3
			if g.orphans&(1<<g.returned) != 0 {
				s.broken = 4
			}
		}
	}
	for i := range r.word {
		if w := &r.word[i]; w.kind == intent && w.live == 0 && s.broken == 0 {
			s.broken = 4
		}
	}
}

// strong ends what section 6 (3, 4, 6, 7) excuses: DONE, or INVALIDATE, of the write w has run.
func (m *model) strong(s *state, w int) {
	wr := &s.writer[w]
	if !wr.weak {
		return
	}
	wr.weak = false
	for k := range m.keys {
		if wr.version[k] != 0 {
			s.ghost[k].weak &^= 1 << wr.version[k]
		}
	}
}

// promise notes that the write w has returned: C2 and C3 count from here.
func (m *model) promise(s *state, w int) {
	wr := &s.writer[w]
	for k := range m.keys {
		if wr.version[k] == 0 {
			continue
		}
		s.ghost[k].returned = max(s.ghost[k].returned, wr.version[k])
		for p := range m.procs {
			if wr.told&(1<<p) != 0 {
				m.oblige(s, p, w)
			}
		}
	}
}

// oblige notes that p has had the message of a write that has returned.
func (m *model) oblige(s *state, p, w int) {
	for k := range m.keys {
		if !s.ghost[k].excused {
			s.proc[p].due[k] = max(s.proc[p].due[k], min(s.writer[w].version[k], s.ghost[k].returned))
		}
	}
}

// forget excuses the keys that lost refs name, by section 6 (1): a failover lost those writes. They count again from
// the moment when their writers have sent their rings.
func (m *model) forget(s *state, lost refs) {
	for k := range m.keys {
		if !m.names(lost, k) {
			continue
		}
		s.ghost[k].excused = true
		for w, wr := range m.writes {
			if m.names(wr.refs, k) { // its message counts no more
				s.writer[w].seq, s.writer[w].told = 0, 0
			}
		}
		for p := range m.procs {
			proc := &s.proc[p]
			proc.due[k], proc.floor[k], proc.sync.due[k] = 0, 0, 0
			for i := range proc.reader {
				if r := &proc.reader[i]; r.at != none && int(r.key) == k {
					r.must = bounds{}
				}
			}
		}
	}
}

// repaired ends the excuse of each key whose writers have all met the new incarnation and delivered their rings.
func (m *model) repaired(s *state) {
	for k := range m.keys {
		done := true
		for p := range m.procs {
			proc := &s.proc[p]
			if m.names(proc.ring|m.running(s, p), k) && (proc.synced != s.redis.node || proc.resend != 0) {
				done = false
			}
		}
		if done {
			s.ghost[k].excused = false
		}
	}
}
