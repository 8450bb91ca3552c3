package model

// MESSAGE, SYNC, and what a new incarnation asks for.

// message: the refs' epochs rise, always; the next in order moves applied. A gap asks for a SYNC, which may come anyway.
func (m *model) messageStep(s *state, out *steps) {
	for p := range m.procs {
		for n := uint8(1); n <= seqs; n++ {
			if !s.mail[p].has(n) {
				continue
			}
			next := out.from(s, p, int(n))
			next.mail[p].remove(n)
			proc, e := &next.proc[p], s.message[n]
			m.told(next, p, n)
			if m.removed == unconditional && n <= proc.applied {
				continue
			}
			if e.refs&cache != 0 {
				m.learn(next, p, e.gen)
			}
			m.raise(next, p, e.refs)
			if n == proc.applied+1 || n > proc.applied && m.removed == gapSyncs {
				proc.applied = n
			}
		}
	}
}

// told notes, for C2, whose message has arrived.
func (m *model) told(s *state, p int, n uint8) {
	for w := range m.writes {
		wr := &s.writer[w]
		if wr.seq != n {
			continue
		}
		wr.told |= 1 << p
		if wr.at == returned || wr.at == finished || wr.at >= unsure {
			m.oblige(s, p, w)
		}
	}
}

// syncSend: the script runs. Its answer may come late, after newer messages, or never.
func (m *model) syncSend(s *state, out *steps) {
	for p := range m.procs {
		proc := &s.proc[p]
		if !m.syncing(s, p) || proc.sync.sent || proc.late.sent {
			continue
		}
		next := out.from(s, p)
		m.syncScript(next, p)
		if m.saysNothing(proc, &next.proc[p].sync) {
			out.drop()
		}
	}
}

// saysNothing: the answer would change nothing, not even when the fence opens.
func (m *model) saysNothing(proc *proc, r *reply) bool {
	for k := range m.keys {
		if r.due[k] > max(proc.due[k], proc.own[k]) {
			return false
		}
	}
	return !m.fence && r.seq == proc.applied && r.inc == proc.inc && r.gen == proc.gen && r.node == proc.synced
}

func (m *model) syncLost(s *state, out *steps) {
	for p := range m.procs {
		if s.proc[p].sync.sent && m.losesReplies {
			out.from(s, p).proc[p].sync = reply{}
		}
	}
}

// syncReply: generations, epochs, applied, then fenceUntil, under one lock.
func (m *model) syncReply(s *state, out *steps) {
	for p := range m.procs {
		if !s.proc[p].sync.sent {
			continue
		}
		next := out.from(s, p)
		proc := &next.proc[p]
		r := proc.sync
		proc.sync = reply{}
		if m.removed == journalFirst {
			proc.late = r // applied only after the fence has opened
		} else {
			m.apply(next, p, r)
		}
		m.openFence(next, p, r)
		m.repaired(next)
	}
}

// applyLate is the second half of a SYNC whose journal is applied too late.
func (m *model) applyLate(s *state, out *steps) {
	for p := range m.procs {
		if r := s.proc[p].late; r.sent {
			next := out.from(s, p)
			next.proc[p].late = reply{}
			m.apply(next, p, r)
		}
	}
}

// apply takes a SYNC's generations and journal.
func (m *model) apply(s *state, p int, r reply) {
	proc := &s.proc[p]
	m.learn(s, p, r.gen)
	switch {
	case m.removed != incarnation && (r.inc != proc.inc || r.back):
		m.raise(s, p, everything)
		proc.applied, proc.inc = r.seq, r.inc
		if m.removed != ringSent {
			proc.resend = proc.ring | m.running(s, p)
		}
	case r.whole:
		m.raise(s, p, r.refs)
		proc.applied = max(proc.applied, r.seq)
	default: // trimmed
		if m.removed != trimmedFlushes {
			m.raise(s, p, everything)
		}
		proc.applied = max(proc.applied, r.seq)
	}
	if r.back && m.removed == incarnation {
		proc.applied = r.seq
	}
}

// openFence lets the fence stay open until t0 + D.
func (m *model) openFence(s *state, p int, r reply) {
	proc := &s.proc[p]
	proc.fenceOpen, proc.overdue, proc.synced = true, false, r.node
	for k := range m.keys {
		if !s.ghost[k].excused {
			proc.due[k] = max(proc.due[k], r.due[k])
		}
	}
	for i := range proc.reader { // t0 + D has not passed, so what returned after t0 may still be missed
		rd := &proc.reader[i]
		rd.must.c2 = min(rd.must.c2, proc.due[rd.key])
	}
}

// fenceCloses: D has passed since the SYNC behind fenceUntil was sent.
func (m *model) fenceCloses(s *state, out *steps) {
	if !m.fence {
		return
	}
	for p := range m.procs {
		if !s.proc[p].fenceOpen || s.proc[p].overdue || m.inert(s, p) {
			continue
		}
		next := out.from(s, p)
		if m.removed == fenceExpires {
			next.proc[p].overdue = true
		} else {
			next.proc[p].fenceOpen = false
		}
	}
}

// resend: INTENT for the writes that run, then the ring.
func (m *model) resendStep(s *state, out *steps) {
	for p := range m.procs {
		if s.proc[p].resend == 0 {
			continue
		}
		next := out.from(s, p)
		proc := &next.proc[p]
		for w, wr := range m.writes {
			if wr.op == opUpdate && wr.proc == p && m.runsOn(next, w) {
				m.intent(next, w)
			}
		}
		ring := proc.ring
		for k := range m.keys { // what was Set here is kept where it still lies
			if v := proc.stored[k]; v != 0 && next.redis.word[k].kind == value && next.redis.word[k].version == v {
				ring &^= 1 << k
			}
		}
		if ring != 0 {
			m.invalidate(next, p, ring)
		}
		proc.resend = 0
		m.repaired(next)
	}
}

// settleStep: D after a new incarnation, everything's epoch once more; no connection leads to the old master any more.
func (m *model) settleStep(s *state, out *steps) {
	for p := range m.procs {
		proc := &s.proc[p]
		if !proc.unsettled || proc.synced != s.redis.node {
			continue
		}
		next := out.from(s, p)
		next.proc[p].unsettled = false
		if m.removed != flushedTwice {
			m.raise(next, p, everything)
		}
	}
}
