package model

// The operations INVALIDATE, SET and CLEAR.

// foreignCommit: a writer that does not use Update commits, and then calls Invalidate or Clear.
func (m *model) foreignCommit(s *state, out *steps) {
	for _, op := range []uint8{opInvalidate, opClear} {
		m.eachWriter(s, op, idle, func(w, p int, r refs) {
			next := out.from(s, w)
			m.commit(next, w)
			if m.removed == redisFirst {
				m.raise(next, p, r)
			}
			next.writer[w].at = changed
		})
	}
}

// invalidateStep: first L2 and the journal, then one's own epoch, then the return.
func (m *model) invalidateStep(s *state, out *steps) {
	m.eachWriter(s, opInvalidate, changed, func(w, p int, r refs) {
		next := out.from(s, w)
		m.remember(next, p, r)
		next.writer[w].seq = m.invalidate(next, p, r)
		m.strong(next, w)
		next.writer[w].at = sent
	})
	m.eachWriter(s, opInvalidate, sent, func(w, p int, r refs) {
		next := out.from(s, w)
		if m.removed != redisFirst {
			m.raise(next, p, r)
		}
		m.returns(next, w, p)
		m.finishWrite(next, w)
	})
}

// remember puts refs into the ring.
func (m *model) remember(s *state, p int, r refs) {
	if m.rings() {
		s.proc[p].ring |= r
	}
}

// clearStep: g is raised in Redis, then here with the cache's epoch, then Clear returns.
func (m *model) clearStep(s *state, out *steps) {
	m.eachWriter(s, opClear, changed, func(w, p int, _ refs) {
		next := out.from(s, w)
		wr := &next.writer[w]
		wr.seq = m.clear(next, p)
		m.strong(next, w)
		wr.gen = next.redis.gen
		wr.at = sent
	})
	m.eachWriter(s, opClear, sent, func(w, p int, _ refs) {
		next := out.from(s, w)
		if m.removed != ownGenFirst {
			m.learn(next, p, s.writer[w].gen)
		}
		m.returns(next, w, p)
		m.finishWrite(next, w)
	})
}

// learn takes a generation. One that rises, however learnt, raises its cache's epoch; it never falls.
func (m *model) learn(s *state, p int, gen uint8) {
	proc := &s.proc[p]
	if gen > proc.gen {
		m.raise(s, p, cache)
		proc.gen = gen
	} else if m.removed == genNeverFalls {
		proc.gen = gen
	}
}

// setTag: own epoch, and the tag's version before the Set; where it is missing, SET NX.
func (m *model) setTag(s *state, out *steps) {
	m.eachWriter(s, opSet, idle, func(w, p int, r refs) {
		next := out.from(s, w)
		m.raise(next, p, r)
		next.writer[w].at = changed
		for k := range m.keys {
			if !r.has(k) || !m.tagged(k) {
				continue
			}
			switch t := s.redis.word[tagWord]; t.kind {
			case value:
				next.writer[w].tag = t.version
			case absent:
				next.writer[w].tag = m.newTag(next)
			}
		}
	})
}

// setStep: the caller is the source, so its order is that in which Redis takes the values. Stored unless a word is I, on
// the key or the tag, or the generation has risen.
func (m *model) setStep(s *state, out *steps) {
	m.eachWriter(s, opSet, changed, func(w, p int, r refs) {
		k := 0
		if r.has(1) {
			k = 1
		}
		refused := s.redis.word[k].kind == intent || m.tagged(k) && s.redis.word[tagWord].kind == intent || s.redis.gen > s.proc[p].gen
		if m.removed == setRespectsIntents {
			refused = false
		}
		next := out.from(s, w)
		tagVersion := s.writer[w].tag
		next.writer[w].tag = 0
		if refused {
			m.finishWrite(next, w)
			return
		}
		m.commit(next, w)
		m.remember(next, p, r)
		v := word{kind: value, version: next.truth[k], gen: next.proc[p].gen, tag: tagVersion}
		m.setWord(next, k, v)
		next.proc[p].stored[k] = v.version
		next.writer[w].seq = m.publish(next, p, entry{refs: r})
		next.writer[w].at = sent
	})
	m.eachWriter(s, opSet, sent, func(w, p int, r refs) {
		next := out.from(s, w)
		if m.removed != setRaisesOwn {
			m.raise(next, p, r)
		}
		m.returns(next, w, p)
		m.finishWrite(next, w)
	})
}
