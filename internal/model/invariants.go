package model

// invariant is one of the contract's promises, C1 to C5. 0 is kept.
type invariant uint8

func (i invariant) String() string { return "C" + string('0'+rune(i)) }

// must returns what a read of k that starts now on p may not fall below.
//
// C1: what p itself has written. C2: with the fence open until t0 + D, what had returned when that SYNC was sent, and
// what has returned and whose message p has had; with the fence closed, or D passed, what has returned. C5: what p has
// returned. What section 6 excuses is never in these ghosts; see excuses.go.
func (m *model) must(s *state, p int, k uint8) bounds {
	proc, g := &s.proc[p], &s.ghost[k]
	if m.unsettled(s, p) {
		return bounds{}
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
	if g.excused || m.unsettled(s, p) {
		return // section 6 (1)
	}
	for g.weak&(1<<version) != 0 || m.unheard(s, p, k, version) { // section 6 (3, 4, 6, 7)
		version--
	}
	proc.floor[k] = max(proc.floor[k], version)
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
