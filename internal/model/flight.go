package model

// The steps of a flight: its leader's looks at Redis, LEASE, the load, WAIT, BYPASS.

// eachFlight calls step with every flight that stands at a step.
func (m *model) eachFlight(s *state, at uint8, step func(p, f int, fl *flight)) {
	for p := range m.procs {
		for f := range s.proc[p].flight {
			if fl := &s.proc[p].flight[f]; fl.at == at {
				step(p, f, fl)
			}
		}
	}
}

// look: the fence and pending, L1 once more, then GET of the key and its tag in one view.
func (m *model) look(s *state, out *steps) {
	m.eachFlight(s, registered, func(p, f int, fl *flight) {
		k := int(fl.key)
		next := out.from(s, p, f)
		switch entry := s.proc[p].l1[k]; {
		case !m.open(s, p, k):
			next.proc[p].flight[f].at = bypassing
		case entry.has:
			m.finish(next, p, f, entry.version)
			m.end(next, p, f)
		default:
			m.get(next, p, f, &next.redis.word)
			if s.proc[p].unsettled {
				old := out.from(s, p, f)
				m.get(old, p, f, &old.demoted)
			}
		}
	})
}

// get reads the key's word and the tag's.
func (m *model) get(s *state, p, f int, view *[words]word) {
	fl := &s.proc[p].flight[f]
	w := view[fl.key]
	fl.at, fl.saw, fl.sawGen, fl.version, fl.met = got, w.kind, w.gen, w.version, false
	fl.seen = w.kind == value && view == &s.redis.word
	fl.matches, fl.tag = true, 0
	if m.tagged(int(fl.key)) {
		t := view[tagWord]
		if t.kind == intent {
			fl.saw = intent
		}
		fl.matches, fl.tag = t.kind == value && t.version == w.tag, t.version
		if t.kind != value {
			fl.tag = 0
		}
	}
	if w.kind != value {
		fl.version, fl.sawGen, fl.matches = 0, 0, false
	}
}

// handle does what the word that was read asks for.
func (m *model) handle(s *state, out *steps) {
	m.eachFlight(s, got, func(p, f int, fl *flight) {
		next := out.from(s, p, f)
		nf := &next.proc[p].flight[f]
		if m.removed == epochFirst {
			nf.current = true
		}
		usable := fl.saw == value && fl.matches && fl.sawGen >= s.proc[p].gen
		if fl.saw == value && fl.met && m.removed == metIsChecked {
			usable = true
		}
		switch {
		case fl.saw == intent && m.removed != intentBypassed:
			nf.at = bypassing
		case usable:
			m.put(next, p, f)
		case m.loadless && fl.saw == absent:
			m.quit(next, p, f) // ErrNotFound
		default:
			m.lease(next, p, f)
		}
	})
}

// lease is LEASE. Where the word is absent, or the V that was seen: granted.
func (m *model) lease(s *state, p, f int) {
	fl := &s.proc[p].flight[f]
	k := int(fl.key)
	w := s.redis.word[k]
	granted := w.kind == absent || w.kind == value && fl.seen || w.kind == intent && m.removed == intentBypassed
	switch {
	case granted:
	case w.kind == lease:
		m.hold(fl)
		return
	case w.kind == intent:
		fl.bypass()
		return
	default: // a V met here is checked like any V, its tags read anew
		m.get(s, p, f, &s.redis.word)
		fl.met = true
		return
	}
	tagVersion := fl.tag
	if m.tagged(k) {
		switch t := s.redis.word[tagWord]; {
		case t.kind == intent && m.removed != intentBypassed:
			m.setWord(s, k, word{}) // the lease is deleted
			fl.bypass()
			return
		case fl.tag == 0 && t.kind == value: // created by somebody else meanwhile, before this load
			tagVersion = t.version
		case fl.tag == 0:
			tagVersion = m.newTag(s)
		}
	}
	m.setWord(s, k, word{kind: lease, holder: holder(p, f)})
	*fl = flight{at: leased, key: fl.key, current: fl.current, gen: fl.gen, tag: tagVersion}
}

// holder is the token of a flight's lease; orphan is that of a flight that is no more.
func holder(p, f int) uint8 { return uint8(p*flights + f + 1) }

const orphan = 0xff

func (f *flight) bypass() { *f = flight{at: bypassing, key: f.key, current: f.current} }

// hold is WAIT.
func (m *model) hold(f *flight) {
	*f = flight{at: held, key: f.key, current: f.current, gen: f.gen}
}

// poll: a message that names the key, or the fallback's 100 ms: GET again.
func (m *model) poll(s *state, out *steps) {
	m.eachFlight(s, held, func(p, f int, fl *flight) {
		if s.redis.word[fl.key].kind == lease {
			return // it would see what it has seen, or bypass after a few
		}
		next := out.from(s, p, f)
		m.get(next, p, f, &next.redis.word)
	})
}

// giveUp: two leases ended without a V, three rounds of LEASE, or an error from Redis: BYPASS.
func (m *model) giveUp(s *state, out *steps) {
	if !m.bypasses {
		return
	}
	for _, at := range []uint8{held, registered} {
		m.eachFlight(s, at, func(p, f int, _ *flight) {
			out.from(s, p, f).proc[p].flight[f].bypass()
		})
	}
	m.eachFlight(s, got, func(p, f int, fl *flight) {
		if fl.met || fl.saw != value {
			out.from(s, p, f).proc[p].flight[f].bypass()
		}
	})
}

// load reads the source under the lease.
func (m *model) load(s *state, out *steps) {
	m.eachFlight(s, leased, func(p, f int, fl *flight) {
		next := out.from(s, p, f)
		nf := &next.proc[p].flight[f]
		nf.at, nf.version = loaded, s.truth[fl.key]
	})
}

// bypassLoad reads the source.
func (m *model) bypassLoad(s *state, out *steps) {
	m.eachFlight(s, bypassing, func(p, f int, fl *flight) {
		next := out.from(s, p, f)
		if m.loadless {
			m.quit(next, p, f) // ErrCoherence
			return
		}
		nf := &next.proc[p].flight[f]
		nf.at, nf.version = bypassed, s.truth[fl.key]
	})
}

// bypassReturn raises the epoch of the key, then answers.
func (m *model) bypassReturn(s *state, out *steps) {
	m.eachFlight(s, bypassed, func(p, f int, fl *flight) {
		next := out.from(s, p, f)
		if m.removed != bypassRaises {
			m.raise(next, p, 1<<fl.key)
		}
		m.finish(next, p, f, fl.version)
		m.end(next, p, f)
	})
}

// finish answers the readers of a flight.
func (m *model) finish(s *state, p, f int, version uint8) {
	for i := range s.proc[p].reader {
		if r := &s.proc[p].reader[i]; r.at == attached && int(r.flight) == f {
			if s.broken == 0 {
				m.answer(s, p, r.key, version, r.must)
			}
			*r = reader{}
		}
	}
}

// quit ends a flight whose readers have an error.
func (m *model) quit(s *state, p, f int) {
	for i := range s.proc[p].reader {
		if r := &s.proc[p].reader[i]; r.at == attached && int(r.flight) == f {
			*r = reader{}
		}
	}
	m.end(s, p, f)
}

// end takes a flight out of the registry.
func (m *model) end(s *state, p, f int) {
	m.orphan(s, p, f)
	s.proc[p].flight[f] = flight{}
}

// orphan renames the leases of a flight that is over, so that the next in its place has a token of its own.
func (m *model) orphan(s *state, p, f int) {
	for _, r := range []*redis{&s.redis, &s.replica} {
		for k := range m.keys {
			if w := &r.word[k]; w.kind == lease && w.holder == holder(p, f) {
				w.holder = orphan
			}
		}
	}
}
