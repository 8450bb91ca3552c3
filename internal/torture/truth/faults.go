package truth

import (
	"sync/atomic"
	"time"
)

// Kind is a kind of fault.
type Kind uint32

// The kinds of faults. The first two are none: a process began, and has not synced yet; the machine, busy with other
// things, let a process or Redis wait for longer than they put up with.
const (
	Start Kind = iota
	Stall
	Freeze
	KillBeforeCommit
	KillAfterCommit
	KillAfterReturn
	CutCommands
	CutPubSub
	BlackholeCommands
	BlackholePubSub
	SlowCommands
	SlowPubSub
	HalfOpenCommands
	HalfOpenPubSub
	Isolate
	ClientKill
	RestartAOF
	RestartEmpty
	Flush
	Evict
	Garbage
	SlowLoads
	SlowWrites
	FailingLoads
	FailingWrites
	Kinds
)

// String returns the kind as the last line of a run names it.
func (k Kind) String() string {
	return [...]string{
		"start", "stall", "freeze", "kill_before_commit", "kill_after_commit", "kill_after_return", "cut_commands", "cut_pubsub",
		"blackhole_commands", "blackhole_pubsub", "slow_commands", "slow_pubsub", "halfopen_commands", "halfopen_pubsub", "isolate", "client_kill",
		"restart_aof", "restart_empty", "flushall", "evict", "garbage", "slow_loads", "slow_writes", "failing_loads",
		"failing_writes",
	}[k]
}

// severs says whether a process that the fault hits may get no answer from Redis, or ask too late.
func (k Kind) severs() bool {
	switch k {
	case Stall, Freeze, CutCommands, BlackholeCommands, SlowCommands, HalfOpenCommands, Isolate, ClientKill, RestartAOF, RestartEmpty:
		return true
	}
	return false
}

// loses says whether Redis forgets words that it had acknowledged.
func (k Kind) loses() bool { return k == RestartEmpty || k == Flush || k == Evict || k == Garbage }

// Whom a fault hits.
const (
	Everybody = -1 // instead of a slot
	AllWords  = -1 // instead of a key
	NoWord    = -2
)

type fault struct {
	kind     atomic.Uint32
	slot     atomic.Int64
	word     atomic.Int64 // a key; Keys + a group's number: the word of its tag; AllWords; NoWord
	from, to atomic.Int64 // from 0: being written; to 0: it lasts
}

// Fault is a record of a fault.
type Fault struct {
	Kind     Kind
	Slot     int
	Word     int
	From, To int64
}

// Began records a fault before it strikes.
func (t *Table) Began(kind Kind, slot, word int) (number int) {
	return t.recorded(kind, slot, word, t.Now(), 0)
}

// Stalled records that a process, or everybody, had to wait.
func (t *Table) Stalled(slot int, from, to int64) { t.recorded(Stall, slot, NoWord, from, to) }

// Unanswered records that Redis did not answer a process, unless a fault explains that.
func (t *Table) Unanswered(slot int, from, to int64) {
	if !t.any(func(f Fault) bool { return f.Kind.severs() && f.hits(slot) && f.touches(to-t.settle.Load()/10, to) }) {
		t.Counts.Unanswered.Add(1)
		t.Stalled(slot, from, to)
	}
}

func (t *Table) recorded(kind Kind, slot, word int, from, to int64) (number int) {
	n := t.nFaults.Add(1) - 1
	f := &t.faults[n%faults]
	f.from.Store(0)
	f.kind.Store(uint32(kind))
	f.slot.Store(int64(slot))
	f.word.Store(int64(word))
	f.to.Store(to)
	f.from.Store(from)
	return int(n)
}

// Ended records that a fault is over.
func (t *Table) Ended(number int) { t.faults[number%faults].to.Store(t.Now()) }

// TagWord names the word of a key's tag.
func TagWord(key int) int { return Keys + key/Group }

// each calls f for the faults, the newest first, until it returns false.
func (t *Table) each(f func(Fault) bool) {
	n := int(t.nFaults.Load())
	for i := n - 1; i >= max(0, n-faults); i-- {
		at := &t.faults[i%faults]
		if from := at.from.Load(); from != 0 && !f(Fault{Kind(at.kind.Load()), int(at.slot.Load()), int(at.word.Load()), from, at.to.Load()}) {
			return
		}
	}
}

// touches says whether the fault overlaps the times.
func (f Fault) touches(from, to int64) bool { return f.From <= to && (f.To == 0 || f.To >= from) }

func (f Fault) hits(slot int) bool { return f.Slot == Everybody || f.Slot == slot }

// Control is what the driver tells the services to do.
type Control struct {
	SlowLoads, SlowWrites     atomic.Int64 // at most so long; 0: not
	FailingLoads, FailingEnds atomic.Int64 // in percent
	Struck                    [Kinds]atomic.Int64
}

// Stage is a point of a write at which its process can be told to die.
type Stage uint32

// The stages.
const (
	BeforeCommit Stage = iota + 1
	AfterCommit
	AfterReturn
)

const dying = 1 << 8

// Doom tells a process to kill itself when one of its writes comes to the stage.
func (t *Table) Doom(slot int, s Stage) { t.procs[slot].kill.Store(uint32(s)) }

// Spare takes that back, if it has not happened; it says whether it has.
func (t *Table) Spare(slot int) (died bool) { return t.procs[slot].kill.Swap(0)&dying != 0 }

// Doomed says whether the process must die now: one of its writers is told so, once.
func (t *Table) Doomed(slot int, s Stage) bool {
	return t.procs[slot].kill.CompareAndSwap(uint32(s), uint32(s)|dying)
}

func since(now, at int64) time.Duration { return time.Duration(now - at).Round(10 * time.Microsecond) }
