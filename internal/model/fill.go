package model

// The end of a flight that loaded under a lease: FILL, and the put into L1 that becomes visible late.

// fillStep is FILL, and the answer; in the background the answer comes first.
func (m *model) fillStep(s *state, out *steps) {
	m.eachFlight(s, loaded, func(p, f int, fl *flight) {
		if m.background {
			early := out.from(s, p, f)
			m.finish(early, p, f, fl.version)
			early.proc[p].flight[f].at = answered
			return
		}
		next := out.from(s, p, f)
		if m.fill(next, p, f) {
			m.put(next, p, f)
		} else {
			m.finish(next, p, f, fl.version)
			m.end(next, p, f)
		}
	})
}

// fillLater is the FILL that follows the answer.
func (m *model) fillLater(s *state, out *steps) {
	m.eachFlight(s, answered, func(p, f int, _ *flight) {
		next := out.from(s, p, f)
		if m.fill(next, p, f) {
			m.put(next, p, f)
		} else {
			m.end(next, p, f)
		}
	})
}

// fill is the script of FILL: if the word is still my lease, the value.
func (m *model) fill(s *state, p, f int) bool {
	fl := &s.proc[p].flight[f]
	w := s.redis.word[fl.key]
	if (w.kind != lease || w.holder != holder(p, f)) && m.removed != fillCompares {
		return false
	}
	v := word{kind: value, version: fl.version, gen: fl.gen, tag: fl.tag}
	if m.removed == tagsBeforeLoad && m.tagged(int(fl.key)) {
		v.tag = s.redis.word[tagWord].version
	}
	if m.removed == genBeforeLoad {
		v.gen = s.proc[p].gen
	}
	m.setWord(s, int(fl.key), v)
	return true
}

// put answers, and stores in L1 under e0. The put becomes visible later; until then the flight lingers.
func (m *model) put(s *state, p, f int) {
	fl := &s.proc[p].flight[f]
	version := fl.version
	if fl.at != answered {
		m.finish(s, p, f, version)
	}
	switch stored := fl.current || m.removed == epochOnHit; {
	case !stored:
		m.end(s, p, f)
	case !m.lateL1:
		s.proc[p].l1[fl.key] = near{has: true, version: version}
		m.end(s, p, f)
	default:
		m.orphan(s, p, f)
		*fl = flight{at: lingering, key: fl.key, current: fl.current, version: version}
		if m.removed == lingers {
			fl.at = queued
		}
	}
}

// visible: a put that was queued can be seen, or L1 has refused it. The flight is over.
func (m *model) visible(s *state, out *steps) {
	for _, at := range []uint8{lingering, queued} {
		m.eachFlight(s, at, func(p, f int, fl *flight) {
			next := out.from(s, p, f)
			if fl.current || m.removed == epochOnHit {
				next.proc[p].l1[fl.key] = near{has: true, version: fl.version}
			}
			m.end(next, p, f)
			m.end(out.from(s, p, f), p, f)
		})
	}
}
