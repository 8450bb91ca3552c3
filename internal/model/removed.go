package model

// removal is a piece of the protocol that can be taken out.
type removal uint8

// The pieces, each in the words of PROTOCOL.md.
const (
	nothing removal = iota
	epochOnHit
	joinSameEpoch
	fillCompares
	epochFirst
	intentFirst
	intentsAsSet
	expiredDropped
	tokenLeft
	pendingCounts
	pendingBypass
	oneFlight
	bypassNotJoined
	bypassRaises
	intentBypassed
	metIsChecked
	doneRepairs
	doneAwaited
	tagsBeforeLoad
	genBeforeLoad
	genNeverFalls
	ownGenFirst
	gapSyncs
	trimmedFlushes
	journalFirst
	fenceExpires
	incarnation
	ringSent
	flushedTwice
	unconditional
	redisFirst
	lingers
	newFlightRaises
	cancelledPutsNothing
	setRespectsIntents
	setRaisesOwn
)

// removals says for each piece how it is told, and the configuration that misses it.
var removals = [...]struct {
	piece removal
	name  string
	in    string

	within int // states: by then it has shown
}{
	{epochOnHit, "epoch compared on a hit", "late puts", 1_000},
	{joinSameEpoch, "flight joined only with the same epoch", "late puts", 10_000},
	{fillCompares, "fill compares the lease", "lost intent", 52_000},
	{epochFirst, "epoch read before the first look", "late puts", 11_000},
	{intentFirst, "intent before the write", "crash", 1_000},
	{intentsAsSet, "intents as a set", "crash", 184_000},
	{expiredDropped, "expired intents dropped", "crash", 7_000},
	{tokenLeft, "token left after an unknown outcome", "unknown outcome", 22_000},
	{pendingCounts, "pending as a count", "two not acknowledged", 199_000},
	{pendingBypass, "pending bypass", "not acknowledged", 1_000},
	{oneFlight, "one flight of a key at a time", "overlapping flights", 207_000},
	{bypassNotJoined, "bypass not joined after its source read", "late puts", 9_000},
	{bypassRaises, "bypass raises the epoch", "fence", 18_000},
	{intentBypassed, "intent is bypassed", "crash", 22_000},
	{metIsChecked, "V met by LEASE checked like any V", "tag, cold", 79_000},
	{doneRepairs, "DONE repairs a lost intent", "lost intent", 47_000},
	{doneAwaited, "DONE awaited after an expired intent", "frozen writer", 95_000},
	{tagsBeforeLoad, "tag versions read before the load", "tag, cold", 7_000},
	{genBeforeLoad, "generation known at e0", "clear", 89_000},
	{genNeverFalls, "generation never falls", "clear and fence", 3_000},
	{ownGenFirst, "own generation raised before Clear returns", "clear", 1_000},
	{gapSyncs, "gap leads to SYNC", "two keys", 2_000},
	{trimmedFlushes, "trimmed journal flushes", "fence", 2_000},
	{journalFirst, "journal applied before the fence opens", "fence", 1_000},
	{fenceExpires, "fence closes", "fence", 1_000},
	{incarnation, "incarnation flushes", "failover", 3_000},
	{ringSent, "ring sent again", "failover", 3_000},
	{flushedTwice, "everything's epoch once more after D", "old connections", 70_000},
	{unconditional, "unconditional epoch raise", "failover, two keys", 11_000},
	{redisFirst, "L2 before own L1", "invalidate", 4_000},
	{lingers, "lingering of late puts", "late puts", 100_000},
	{newFlightRaises, "new flight beside a lingering one raises the epoch", "late puts and fence", 135_000},
	{cancelledPutsNothing, "cancelled flight puts nothing", "cancelled flights", 48_000},
	{setRespectsIntents, "Set leaves intents alone", "set and update", 1_000},
	{setRaisesOwn, "Set raises its own epoch", "set", 3_000},
}
