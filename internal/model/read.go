package model

// The operation READ, up to the flight that answers it.

// open says whether p may use L1 and L2 for k: the fence is open, and nothing of k is pending.
func (m *model) open(s *state, p, k int) bool {
	proc := &s.proc[p]
	if !proc.fenceOpen {
		return false
	}
	return m.removed == pendingBypass || !m.pending(s, p, k)
}

func (m *model) pending(s *state, p, k int) bool {
	proc := &s.proc[p]
	for i, count := range proc.pending {
		if count > 0 && m.names(1<<i, k) {
			return true
		}
	}
	return m.names(proc.resend, k)
}

// raise adds one to the epochs of refs: what was read under the old ones is not valid any more.
func (m *model) raise(s *state, p int, r refs) {
	proc := &s.proc[p]
	for k := range m.keys {
		if !m.names(r, k) {
			continue
		}
		if m.removed != epochOnHit {
			proc.l1[k] = near{}
		}
		for i := range proc.flight {
			if f := &proc.flight[i]; f.at != 0 && int(f.key) == k {
				f.current = false
			}
		}
	}
}

const everything = keyA | keyB | tag | cache

// read begins a read of one key.
func (m *model) read(s *state, out *steps) {
	for p := range m.procs {
		for k := range m.keys {
			if s.left.reads[p] == 0 {
				continue
			}
			next := out.from(s, p, k)
			next.left.reads[p]--
			if !m.begin(next, p, k) {
				out.drop()
			}
		}
	}
}

// readBatch begins a GetMany of all keys: each key's flight answers by itself.
func (m *model) readBatch(s *state, out *steps) {
	if !m.batch || s.left.reads[0] == 0 {
		return
	}
	next := out.from(s, 0)
	next.left.reads[0]--
	for k := range m.keys {
		if !m.begin(next, 0, k) {
			out.drop()
			return
		}
	}
}

// begin looks at L1, then shares, waits for, or leads a flight. False: the model has no place for one more.
func (m *model) begin(s *state, p, k int) bool {
	must := m.must(s, p, uint8(k))
	if entry := s.proc[p].l1[k]; entry.has && m.open(s, p, k) {
		m.answer(s, p, uint8(k), entry.version, must)
		return true
	}
	for i := range s.proc[p].reader {
		if r := &s.proc[p].reader[i]; r.at == none {
			*r = reader{at: waiting, key: uint8(k), must: must}
			return m.join(s, p, i)
		}
	}
	panic("readers")
}

// join applies the rules of flights to a reader that is not in one.
func (m *model) join(s *state, p, i int) bool {
	proc := &s.proc[p]
	r := &proc.reader[i]
	open := m.open(s, p, int(r.key))
	running := false
	for j := range proc.flight {
		f := &proc.flight[j]
		if f.at == 0 || f.at == queued || f.key != r.key {
			continue
		}
		epochs := f.current || m.removed == joinSameEpoch
		if f.at == lingering || f.at == answered { // it has answered: it blocks nobody
			if open && epochs {
				m.answer(s, p, r.key, f.version, r.must)
				*r = reader{}
				return true
			}
			continue
		}
		running = true
		begun := f.at == bypassed
		if m.removed == bypassNotJoined {
			begun = false
		}
		if epochs && (open && !begun || !open && (f.at == bypassing || f.at == bypassed) && !begun) {
			r.at, r.flight = attached, uint8(j)
			return true
		}
	}
	if running && m.removed != oneFlight {
		return true // waits for that flight's end
	}
	return m.lead(s, p, r.key)
}

// lead registers a flight, which answers every reader of its key that waits.
func (m *model) lead(s *state, p int, k uint8) bool {
	proc := &s.proc[p]
	for i := range proc.flight {
		if f := &proc.flight[i]; (f.at == lingering || f.at == answered) && f.key == k && f.current && m.removed != newFlightRaises {
			m.raise(s, p, 1<<k)
		}
	}
	for i := range proc.flight {
		if proc.flight[i].at != 0 {
			continue
		}
		proc.flight[i] = flight{at: registered, key: k, current: true, gen: proc.gen}
		for j := range proc.reader {
			if r := &proc.reader[j]; r.at == waiting && r.key == k {
				r.at, r.flight = attached, uint8(i)
			}
		}
		return true
	}
	panic("flights")
}

// rejoin: the flight that a reader waited for has ended.
func (m *model) rejoin(s *state, out *steps) {
	for p := range m.procs {
		proc := &s.proc[p]
		for i := range proc.reader {
			r := &proc.reader[i]
			if r.at != waiting || m.runs(proc, r.key) {
				continue
			}
			if !m.join(out.from(s, p, i), p, i) {
				out.drop()
			}
		}
	}
}

// runs says whether a flight of k runs, one that has not answered.
func (m *model) runs(proc *proc, k uint8) bool {
	for i := range proc.flight {
		if f := &proc.flight[i]; f.at != 0 && f.at < answered && f.key == k || f.at >= held && f.at <= bypassed && f.key == k {
			return true
		}
	}
	return false
}

// leave: a reader's context ends. The flight whose last waiter leaves is over: its load is cancelled, it deletes its
// lease and puts nothing.
func (m *model) leave(s *state, out *steps) {
	if !m.leaves {
		return
	}
	for p := range m.procs {
		for i := range s.proc[p].reader {
			r := &s.proc[p].reader[i]
			if r.at == none {
				continue
			}
			next := out.from(s, p, i)
			proc := &next.proc[p]
			proc.reader[i] = reader{}
			if r.at == attached && !m.awaited(proc, r.flight) {
				m.cancel(next, p, int(r.flight))
			}
		}
	}
}

func (m *model) awaited(proc *proc, f uint8) bool {
	for i := range proc.reader {
		if proc.reader[i].at == attached && proc.reader[i].flight == f {
			return true
		}
	}
	return false
}

// cancel ends a flight that nobody waits for. Its lease is deleted, or is left to expire, which is the same later.
func (m *model) cancel(s *state, p, f int) {
	fl := &s.proc[p].flight[f]
	if fl.at == loaded && m.removed == cancelledPutsNothing && m.fill(s, p, f) {
		fl.at = queued
		return
	}
	m.end(s, p, f)
}
