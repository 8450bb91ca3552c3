package model

// model is one configuration, whole, or with one piece of the protocol removed or one excuse not accepted.
type model struct {
	config
	removed removal
	refused excuse
}

// config switches on what a run explores, so that each stays tractable.
type config struct {
	name   string
	procs  int
	keys   int
	named  refs // the keys that the tag names
	writes []write
	budget // what may go on for ever, bounded

	syncs         uint8 // the processes that SYNC, as bits; what another's SYNC does to itself alone is left out
	echo          bool  // a process has its own messages too
	cold          bool  // nothing is cached at first
	batch         bool  // process 0 reads all keys at once
	fence         bool  // D passes without a SYNC
	losesReplies  bool  // SYNC's answers are lost
	lateL1        bool  // puts become visible late, or are refused
	smallL1       bool  // L1 evicts
	crash         bool  // writers die
	unknown       bool  // writes end with an error, their outcome known or not
	freezes       bool  // intents expire under running writers
	losesIntents  bool  // evict takes intents too
	background    bool  // the answer comes before FILL
	leaves        bool  // readers leave
	bypasses      bool  // flights give up Redis
	clears        bool  // generations are lost with Redis
	loadless      bool  // the cache has no Load
	oldConnection bool  // after a failover the old master still answers
}

// start is where everybody has the first version, or, where it is cold, nobody.
func (m *model) start() state {
	s := state{left: m.budget, highest: 1}
	s.redis.seq, s.redis.trimmed = 1, 1
	for k := range m.keys {
		s.truth[k] = 1
		if m.cold {
			continue
		}
		if m.tagged(k) {
			s.redis.word[tagWord] = word{kind: value, version: 1}
		}
		s.redis.word[k] = word{kind: value, version: 1, tag: s.redis.word[tagWord].version}
		for p := range m.procs {
			s.proc[p].l1[k] = near{has: true, version: 1}
		}
	}
	for p := range m.procs {
		s.proc[p].fenceOpen, s.proc[p].applied = true, 1
	}
	if m.failovers > 0 {
		s.replica = s.redis
	}
	return s
}

func (m *model) tagged(k int) bool { return m.named&(1<<k) != 0 }

// names says whether refs name the key: itself, its tag, or its cache.
func (m *model) names(r refs, k int) bool {
	return r&(1<<k|cache) != 0 || r&tag != 0 && m.tagged(k)
}

// actions are all that can happen.
var actions = [...]action{
	{name: "p%d READ k%d", step: (*model).read},
	{name: "p%d READ of both keys at once", step: (*model).readBatch},
	{name: "p%d reader %d joins or leads the next flight", step: (*model).rejoin},
	{name: "p%d reader %d leaves", step: (*model).leave},
	{name: "p%d flight %d: fence, pending, L1 once more, GET", step: (*model).look},
	{name: "p%d flight %d: answers, or LEASE", step: (*model).handle},
	{name: "p%d flight %d: WAIT is over, GET", step: (*model).poll},
	{name: "p%d flight %d: gives up, BYPASS", step: (*model).giveUp},
	{name: "p%d flight %d: reads the source under the lease", step: (*model).load},
	{name: "p%d flight %d: FILL, answers", step: (*model).fillStep},
	{name: "p%d flight %d: FILL after the answer", step: (*model).fillLater},
	{name: "p%d flight %d: its put is visible, or refused", step: (*model).visible},
	{name: "p%d flight %d: BYPASS reads the source", step: (*model).bypassLoad},
	{name: "p%d flight %d: BYPASS raises the epoch, answers", step: (*model).bypassReturn},

	{name: "w%d UPDATE: INTENT", step: (*model).intentStep},
	{name: "w%d UPDATE: INTENT is not acknowledged", step: (*model).intentFails},
	{name: "w%d an INTENT lands late", step: (*model).intentLands},
	{name: "w%d UPDATE: INTENT renewed", step: (*model).renew},
	{name: "w%d UPDATE: commits", step: (*model).commitStep},
	{name: "w%d dies", step: (*model).die},
	{name: "w%d UPDATE: returns", step: (*model).returnStep},
	{name: "w%d UPDATE: DONE", step: (*model).doneStep},
	{name: "w%d UPDATE: rolled back, returns", step: (*model).rollback},
	{name: "w%d UPDATE: outcome unknown, returns", step: (*model).fail},
	{name: "w%d UPDATE: INTENT once more, left to expire", step: (*model).leaveToken},
	{name: "w%d UPDATE: the late commit lands, or never will", step: (*model).landLate},
	{name: "w%d a foreign writer commits", step: (*model).foreignCommit},
	{name: "w%d INVALIDATE", step: (*model).invalidateStep},
	{name: "w%d CLEAR", step: (*model).clearStep},
	{name: "w%d SET: the tag's version", step: (*model).setTag},
	{name: "w%d SET", step: (*model).setStep},

	{name: "p%d MESSAGE %d", step: (*model).messageStep},
	{name: "p%d SYNC is sent", step: (*model).syncSend},
	{name: "p%d SYNC's answer is lost", step: (*model).syncLost},
	{name: "p%d SYNC's answer is applied", step: (*model).syncReply},
	{name: "p%d SYNC's journal is applied late", step: (*model).applyLate, without: journalFirst},
	{name: "p%d fence closes", step: (*model).fenceCloses},
	{name: "p%d INTENT for what runs, and the ring, are sent again", step: (*model).resendStep},
	{name: "p%d flushes once more, D after the new incarnation", step: (*model).settleStep},

	{name: "word %d is evicted", step: (*model).evictStep},
	{name: "lease of k%d expires", step: (*model).leaseExpires},
	{name: "word %d: the token of w%d expires", step: (*model).intentExpires},
	{name: "p%d L1 evicts k%d", step: (*model).l1Evicts},
	{name: "the journal is trimmed", step: (*model).trimStep},
	{name: "Redis restarts empty", step: (*model).restart},
	{name: "the replica catches up", step: (*model).replicate},
	{name: "failover to the replica", step: (*model).failover},
}
