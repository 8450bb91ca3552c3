package model

// excuse is one of the combinations of section 6 in which a promise is not kept.
type excuse uint8

// The excuses, and one more that the model asks for. Each takes out of the ghosts only what its fault touched, and only
// until the repair.
const (
	noExcuse    excuse = iota
	tailLost           // 6.1: a failover lost the write; until its writer has sent its ring
	oldMaster          // 6.1, 6.2: a connection leads to the demoted master; until D after the new incarnation
	unprotected        // 6.3, 6.6, 6.7: no intent stood when the write committed; until its DONE
	foreign            // 6.4: the writer does not use Update; until its Invalidate, or Clear
	unlearnt           // C5 after a Clear: until this process has learnt its generation
)

// excuses says for each excuse where it is needed.
var excuses = [...]struct {
	excuse excuse
	name   string
	in     string

	within int // states: by then it has shown
}{
	{tailLost, "a failover lost the write", "failover", 1_000},
	{oldMaster, "a connection leads to the demoted master", "old connections", 7_000},
	{unprotected, "the intent was not acknowledged", "not acknowledged", 1_000},
	{unprotected, "Redis lost the intent", "lost intent", 23_000},
	{unprotected, "the intent expired under a writer that dies", "frozen writer dies", 19_000},
	{foreign, "a foreign writer has not called Invalidate yet", "invalidate", 470_000},
	{unlearnt, "the generation of a Clear is not known yet", "clear, cold", 73_000},
}

// weakly says whether the commit of a write is excused by what has happened to it, until its DONE or Invalidate.
func (m *model) weakly(w int, lost bool) bool {
	switch m.writes[w].op {
	case opInvalidate, opClear:
		return m.refused != foreign
	default:
		return lost && m.refused != unprotected
	}
}

// unsettled says whether p may still have a connection to the demoted master, which is excused.
func (m *model) unsettled(s *state, p int) bool {
	return s.proc[p].unsettled && m.refused != oldMaster
}

// unheard says whether a version is that of a Clear whose generation p has not learnt. C5 cannot count from the call
// of Clear, as it does from that of Invalidate, because nothing in Redis is deleted:
//
//  1. p misses, and leads a flight that takes the lease.
//  2. The lease expires. Another process takes it, loads v1 and fills.
//  3. A foreign writer commits v2.
//  4. p's flight loads v2. Its FILL will be refused.
//  5. The writer calls Clear: g rises in Redis, the message to p is under way.
//  6. p's flight answers v2.
//  7. p reads again: the word has v1, of the generation that p knows. C2 allows it, and the message ends it.
func (m *model) unheard(s *state, p int, k, version uint8) bool {
	for w, wr := range m.writes {
		if wr.op == opClear && s.writer[w].version[k] == version && s.writer[w].gen > s.proc[p].gen {
			return m.refused != unlearnt
		}
	}
	return false
}

// forget excuses the keys that lost refs name: a failover lost those writes. They count again from the moment when
// their writers have sent their rings.
func (m *model) forget(s *state, lost refs) {
	for k := range m.keys {
		if !m.names(lost, k) || m.refused == tailLost {
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

// strong ends the excuse of the write w: DONE, or INVALIDATE, or CLEAR, has run.
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
