package model

// model is one configuration, whole or with one piece of the protocol removed.
type model struct {
	config
	removed removal
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

// start is a warm state: everybody has the first version.
func (m *model) start() state {
	s := state{left: m.budget}
	for k := range m.keys {
		s.truth[k] = 1
		s.redis.word[k] = word{kind: value, version: 1}
		if m.tagged(k) {
			s.redis.word[k].tag = 1
			s.redis.word[tagWord] = word{kind: value, version: 1}
		}
		for p := range m.procs {
			s.proc[p].l1[k] = near{has: true, version: 1}
		}
	}
	for p := range m.procs {
		s.proc[p].fenceOpen = true
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
	{"p%d READ k%d", (*model).read},
	{"p%d READ of both keys at once", (*model).readBatch},
	{"p%d reader %d joins or leads the next flight", (*model).rejoin},
	{"p%d reader %d leaves", (*model).leave},
	{"p%d flight %d: fence, pending, L1 once more, GET", (*model).look},
	{"p%d flight %d: answers, or LEASE", (*model).handle},
	{"p%d flight %d: WAIT is over, GET", (*model).poll},
	{"p%d flight %d: gives up, BYPASS", (*model).giveUp},
	{"p%d flight %d: reads the source under the lease", (*model).load},
	{"p%d flight %d: FILL, answers", (*model).fillStep},
	{"p%d flight %d: FILL after the answer", (*model).fillLater},
	{"p%d flight %d: its put is visible, or refused", (*model).visible},
	{"p%d flight %d: BYPASS reads the source", (*model).bypassLoad},
	{"p%d flight %d: BYPASS raises the epoch, answers", (*model).bypassReturn},

	{"w%d UPDATE: INTENT", (*model).intentStep},
	{"w%d UPDATE: INTENT is not acknowledged", (*model).intentFails},
	{"w%d an INTENT lands late", (*model).intentLands},
	{"w%d UPDATE: INTENT renewed", (*model).renew},
	{"w%d UPDATE: commits", (*model).commitStep},
	{"w%d dies", (*model).die},
	{"w%d UPDATE: returns", (*model).returnStep},
	{"w%d UPDATE: DONE", (*model).doneStep},
	{"w%d UPDATE: rolled back, returns", (*model).rollback},
	{"w%d UPDATE: outcome unknown, returns", (*model).fail},
	{"w%d UPDATE: INTENT once more, left to expire", (*model).leaveToken},
	{"w%d UPDATE: the late commit lands, or never will", (*model).landLate},
	{"w%d a foreign writer commits", (*model).foreignCommit},
	{"w%d INVALIDATE", (*model).invalidateStep},
	{"w%d CLEAR", (*model).clearStep},
	{"w%d SET: the tag's version", (*model).setTag},
	{"w%d SET", (*model).setStep},

	{"p%d MESSAGE %d", (*model).messageStep},
	{"p%d SYNC is sent", (*model).syncSend},
	{"p%d SYNC's answer is lost", (*model).syncLost},
	{"p%d SYNC's answer is applied", (*model).syncReply},
	{"p%d SYNC's journal is applied late", (*model).applyLate},
	{"p%d fence closes", (*model).fenceCloses},
	{"p%d INTENT for what runs, and the ring, are sent again", (*model).resendStep},
	{"p%d flushes once more, D after the new incarnation", (*model).settleStep},

	{"word %d is evicted", (*model).evictStep},
	{"lease of k%d expires", (*model).leaseExpires},
	{"word %d: the token of w%d expires", (*model).intentExpires},
	{"p%d L1 evicts k%d", (*model).l1Evicts},
	{"the journal is trimmed", (*model).trimStep},
	{"Redis restarts empty", (*model).restart},
	{"the replica catches up", (*model).replicate},
	{"failover to the replica", (*model).failover},
}
