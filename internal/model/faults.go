package model

// What Redis and the network do of their own accord.

// evict: Redis evicts a word, or a V's TTL ends.
func (m *model) evictStep(s *state, out *steps) {
	if s.left.evict == 0 {
		return
	}
	for i := range words {
		if w := &s.redis.word[i]; w.kind == value || w.kind == intent && m.losesIntents {
			next := out.from(s, i)
			next.left.evict--
			m.lose(next, w.live)
			m.setWord(next, i, word{})
		}
	}
}

// lose notes that a fault took the tokens of writers.
func (m *model) lose(s *state, tokens uint8) {
	for w := range m.writes {
		if tokens&(1<<w) != 0 {
			s.writer[w].lost = true
		}
	}
}

// leaseExpires: the holder died, or was slow and its renewals were lost.
func (m *model) leaseExpires(s *state, out *steps) {
	for k := range m.keys {
		if s.redis.word[k].kind == lease {
			m.setWord(out.from(s, k), k, word{})
		}
	}
}

// intentExpires: the life of a token ends; of a dead writer's, of one that was left, or, where writers freeze, any. The
// library gives all that were left one token, which expires last: here each expires by itself, which is more than that.
func (m *model) intentExpires(s *state, out *steps) {
	for i := range words {
		for w := range m.writes {
			old := s.redis.word[i]
			wr := &s.writer[w]
			if old.live&(1<<w) == 0 {
				continue
			}
			over := wr.at == dead || wr.at == finished || wr.at == left && wr.settled
			if !over && (!m.freezes || wr.at == unsure) {
				continue
			}
			next := out.from(s, i, w)
			nw := &next.writer[w]
			if nw.at == intended || nw.at == left && !nw.settled {
				nw.lost = true
			}
			if nw.at == intended || nw.at == committed {
				nw.expired = true
			}
			if m.removed == expiredDropped {
				old.expired |= 1 << w
			}
			if old.live &^= 1 << w; old.live == 0 {
				old = word{} // its PX was its last token's expiry
			}
			m.setWord(next, i, old)
		}
	}
}

// l1Evicts: L1 drops an entry.
func (m *model) l1Evicts(s *state, out *steps) {
	if !m.smallL1 {
		return
	}
	for p := range m.procs {
		for k := range m.keys {
			if s.proc[p].l1[k].has {
				out.from(s, p, k).proc[p].l1[k] = near{}
			}
		}
	}
}

// trim: the journal's MAXLEN.
func (m *model) trimStep(s *state, out *steps) {
	if s.left.trims > 0 && s.redis.trimmed < s.redis.seq {
		next := out.from(s)
		next.left.trims--
		next.redis.trimmed = s.redis.seq
	}
}

// restart: Redis comes back empty.
func (m *model) restart(s *state, out *steps) {
	if s.left.restarts == 0 {
		return
	}
	next := out.from(s)
	next.left.restarts--
	for i := range words {
		m.lose(next, s.redis.word[i].live)
		m.setWord(next, i, word{})
	}
	next.redis = redis{node: s.redis.node + 1}
}

// replicate: the replica catches up.
func (m *model) replicate(s *state, out *steps) {
	if s.left.copies == 0 || s.left.failovers == 0 {
		return
	}
	next := out.from(s)
	next.left.copies--
	next.replica = s.redis
}

// failover: the replica is promoted, and what it had not received is lost.
func (m *model) failover(s *state, out *steps) {
	if s.left.failovers == 0 {
		return
	}
	next := out.from(s)
	next.left.failovers--
	var lost refs
	for n := s.replica.seq + 1; n <= s.redis.seq; n++ {
		lost |= s.redis.journal[n].refs
	}
	m.forget(next, lost)
	for i := range words {
		m.lose(next, s.redis.word[i].live&^s.replica.word[i].live)
		m.setWord(next, i, s.replica.word[i])
	}
	if m.oldConnection {
		next.demoted = s.redis.word
		for p := range m.procs {
			next.proc[p].unsettled = true
		}
	}
	next.redis = s.replica
	next.redis.node = s.redis.node + 1
	next.replica = redis{}
}
