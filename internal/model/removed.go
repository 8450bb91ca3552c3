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
	putOnlyIfStored
	cancelledPutsNothing
	setRespectsIntents
	setRaisesOwn
)

// removals says for each piece how it is told, and the configuration that misses it.
var removals = [...]struct {
	piece removal
	name  string
	in    string
}{
	{epochOnHit, "epoch compared on a hit", "late puts"},
	{joinSameEpoch, "flight joined only with the same epoch", "late puts"},
	{fillCompares, "fill compares the lease", "lost intent"},
	{epochFirst, "epoch read before the first look", "late puts"},
	{intentFirst, "intent before the write", "crash"},
	{intentsAsSet, "intents as a set", "crash"},
	{expiredDropped, "expired intents dropped", "crash"},
	{tokenLeft, "token left after an unknown outcome", "unknown outcome"},
	{pendingCounts, "pending as a count", "not acknowledged"},
	{pendingBypass, "pending bypass", "not acknowledged"},
	{oneFlight, "one flight of a key at a time", "late puts"},
	{bypassNotJoined, "bypass not joined after its source read", "late puts"},
	{bypassRaises, "bypass raises the epoch", "late puts"},
	{intentBypassed, "intent is bypassed", "crash"},
	{metIsChecked, "V met by LEASE checked like any V", "tag"},
	{doneRepairs, "DONE repairs a lost intent", "lost intent"},
	{doneAwaited, "DONE awaited after an expired intent", "frozen writer"},
	{tagsBeforeLoad, "tag versions read before the load", "tag"},
	{genBeforeLoad, "generation known at e0", "clear"},
	{genNeverFalls, "generation never falls", "clear"},
	{ownGenFirst, "own generation raised before Clear returns", "clear"},
	{gapSyncs, "gap leads to SYNC", "crash"},
	{trimmedFlushes, "trimmed journal flushes", "fence"},
	{journalFirst, "journal applied before the fence opens", "fence"},
	{fenceExpires, "fence closes", "fence"},
	{incarnation, "incarnation flushes", "failover"},
	{ringSent, "ring sent again", "failover"},
	{flushedTwice, "everything's epoch once more after D", "old connections"},
	{unconditional, "unconditional epoch raise", "failover"},
	{redisFirst, "L2 before own L1", "invalidate"},
	{lingers, "lingering of late puts", "late puts"},
	{newFlightRaises, "new flight beside a lingering one raises the epoch", "fence"},
	{putOnlyIfStored, "L1.put only if FILL stored", "lost intent"},
	{cancelledPutsNothing, "cancelled flight puts nothing", "cancelled flights"},
	{setRespectsIntents, "Set leaves intents alone", "set"},
	{setRaisesOwn, "Set raises its own epoch", "set"},
}
