package model

// The scripts that Redis runs, each in one step.

// setWord stores a word. Whoever saw the V that was there has now seen another.
func (m *model) setWord(s *state, i int, w word) {
	if s.redis.word[i] == w {
		return
	}
	s.redis.word[i] = w
	if i == tagWord {
		return
	}
	for p := range m.procs {
		for f := range s.proc[p].flight {
			if fl := &s.proc[p].flight[f]; int(fl.key) == i {
				fl.seen = false
			}
		}
	}
}

// newTag stores a new random version in the tag's word: one that nothing holds any more.
func (m *model) newTag(s *state) uint8 {
	var held [256]bool
	held[0] = true
	for _, r := range []*redis{&s.redis, &s.replica} {
		held[r.word[tagWord].version] = true
		for k := range m.keys {
			held[r.word[k].tag] = true
		}
	}
	for i := range s.demoted {
		held[s.demoted[i].tag], held[s.demoted[tagWord].version] = true, true
	}
	for p := range m.procs {
		for f := range s.proc[p].flight {
			held[s.proc[p].flight[f].tag] = true
		}
	}
	for w := range s.writer {
		held[s.writer[w].tag] = true
	}
	version := uint8(0)
	for held[version] {
		version++
	}
	m.setWord(s, tagWord, word{kind: value, version: version})
	return version
}

// publish gives the refs the next sequence number, and puts them into the journal and into every process's messages.
func (m *model) publish(s *state, by int, e entry) uint8 {
	r := &s.redis
	if r.seq == 0 { // s was lost: made anew from TIME
		r.seq = s.highest
		r.trimmed = r.seq
	}
	r.seq++
	s.highest = max(s.highest, r.seq)
	r.journal[r.seq] = e
	s.message[r.seq].refs |= e.refs
	s.message[r.seq].gen = max(s.message[r.seq].gen, e.gen)
	for p := range m.procs {
		if p != by || m.echo {
			s.mail[p].add(r.seq)
		}
	}
	return r.seq
}

// intent is INTENT: my token into each word; journal and publish.
func (m *model) intent(s *state, w int) {
	mine := uint8(1) << w
	r := m.writes[w].refs
	for i := range words {
		if !r.has(i) {
			continue
		}
		old := s.redis.word[i]
		next := word{kind: intent, live: mine}
		if old.kind == intent && m.removed != intentsAsSet {
			next.live |= old.live
			next.expired = old.expired // always 0, unless the dropping of expired tokens is removed
		}
		m.setWord(s, i, next)
	}
	wr := &s.writer[w]
	wr.seq, wr.told, wr.lost, wr.landing = m.publish(s, m.writes[w].proc, entry{refs: r}), 0, false, false
}

// done is DONE: my token out of each word, and where it was missing, INVALIDATE.
func (m *model) done(s *state, w int) {
	mine := uint8(1) << w
	wr, r := &s.writer[w], m.writes[w].refs
	missing := wr.unacked
	for i := range words {
		if !r.has(i) {
			continue
		}
		old := s.redis.word[i]
		if old.kind != intent || old.live&mine == 0 {
			missing = true
			if old.kind != intent || m.removed != intentsAsSet {
				continue
			}
		}
		old.live &^= mine
		if m.removed == intentsAsSet {
			old.live = 0
		}
		switch {
		case old.live != 0 || old.expired != 0:
			m.setWord(s, i, old)
		case i == tagWord:
			m.newTag(s)
		default:
			m.setWord(s, i, word{})
		}
	}
	if missing && m.removed != doneRepairs {
		wr.seq, wr.told = m.invalidate(s, m.writes[w].proc, r), 0
	}
}

// invalidate is INVALIDATE: a key is deleted, a tag has a new version, unless they are I; journal and publish.
func (m *model) invalidate(s *state, by int, r refs) uint8 {
	for i := range words {
		if !r.has(i) || s.redis.word[i].kind == intent {
			continue
		}
		if i == tagWord {
			m.newTag(s)
		} else {
			m.setWord(s, i, word{})
		}
	}
	return m.publish(s, by, entry{refs: r})
}

// clear is CLEAR: a generation above all others; journal and publish.
func (m *model) clear(s *state, by int) uint8 {
	s.youngest++
	s.redis.gen = s.youngest
	return m.publish(s, by, entry{refs: cache, gen: s.redis.gen})
}

// syncScript is the script of SYNC.
func (m *model) syncScript(s *state, p int) {
	r, proc := &s.redis, &s.proc[p]
	if r.inc != r.node && m.removed != incarnation {
		s.highest++
		r.seq, r.trimmed, r.inc = s.highest, s.highest, r.node
		r.journal = [seqs + 1]entry{}
	}
	if m.clears && r.gen == 0 && s.youngest > 0 { // g was lost: made anew from TIME
		s.youngest++
		r.gen = s.youngest
	}
	r.gen = max(r.gen, proc.gen)
	a0 := proc.applied
	proc.sync = reply{sent: true, whole: a0 >= r.trimmed, back: r.seq < a0, seq: r.seq, gen: r.gen, inc: r.inc, node: r.node}
	for n := a0 + 1; n <= r.seq; n++ {
		proc.sync.refs |= r.journal[n].refs
	}
	for k := range m.keys {
		if !s.ghost[k].excused {
			proc.sync.due[k] = s.ghost[k].returned
		}
	}
}
