package model

// The bounds of a state. They are small: what a fault can do, it does to a few processes and keys.
const (
	procs   = 3
	keys    = 2
	tagWord = keys // the tag's place among the words
	words   = keys + 1
	writers = 3
	readers = 4 // readers of one process that wait at one time
	flights = 4 // flights of one process: running, answered and lingering
	seqs    = 12
)

// state is everything that a step may depend on. It is made of bytes only, so that it has no padding: its bytes are
// its identity. What nothing depends on any more is zeroed, so that equal futures are equal states.
type state struct {
	truth   [keys]uint8 // the version in the source: the number of commits
	redis   redis
	replica redis       // what a failover falls back to
	demoted [words]word // what the old master still answers after a failover

	message  [seqs + 1]entry // what was published under each sequence number
	mail     [procs]letters  // which of them have not reached a process; one that is lost never does
	highest  uint8           // the highest sequence number ever given: TIME in µs is above it
	youngest uint8           // the highest generation ever given, likewise

	proc   [procs]proc
	writer [writers]writer
	ghost  [keys]ghost
	left   budget
	broken invariant
}

// redis is one server's state.
type redis struct {
	word    [words]word
	seq     uint8 // s
	trimmed uint8 // the journal j holds trimmed+1 to seq
	journal [seqs + 1]entry
	gen     uint8 // g
	node    uint8 // which server, and which start of it: run_id
	inc     uint8 // the incarnation that the journal belongs to
}

// The kinds of word.
const (
	absent uint8 = iota
	value        // V
	lease        // L
	intent       // I
)

// word is one entry's word in Redis. An id of a V is not kept: a flight that saw a V forgets it when the word changes.
type word struct {
	kind    uint8
	version uint8 // V: of the value, or the tag's random version
	gen     uint8 // V of a key: the generation in its envelope
	tag     uint8 // V of a key: the tag's version in its envelope
	holder  uint8 // L: whose token
	live    uint8 // I: the writers whose token has not expired
	expired uint8 // I: the writers whose token has expired and was not dropped
}

// entry is what the journal and a message say: the refs, and the generation where the cache is one of them.
type entry struct {
	refs refs
	gen  uint8
}

// refs names keys, the tag, and the cache.
type refs uint8

const (
	keyA refs = 1 << iota
	keyB
	tag
	cache
)

// proc is one process.
type proc struct {
	fenceOpen bool
	overdue   bool // ghost: D has passed since the SYNC behind fenceUntil was sent
	applied   uint8
	inc       uint8 // the incarnation that it knows
	gen       uint8 // the generation that it knows
	pending   [words + 1]uint8
	l1        [keys]near
	reader    [readers]reader
	flight    [flights]flight
	sync      reply
	late      reply // removed fenceAfterJournal: a journal still to be applied
	ring      refs  // what was written here in the last 30 s
	stored    [keys]uint8
	resend    refs // what has to be sent again to a new incarnation

	due, own, floor [keys]uint8 // ghosts: what a read that starts now must not fall below, for C2, C1, C5
	synced          uint8       // ghost: the node that answered the last SYNC
	unsettled       bool        // ghost: a connection may still lead to the demoted master
}

// near is an entry of L1. An entry whose epoch has passed is dropped, unless the comparison is removed.
type near struct {
	has     bool
	version uint8
}

// reply is a SYNC that is under way: what the script answered.
type reply struct {
	sent  bool
	whole bool // the journal reached back to applied
	back  bool // s < a0
	seq   uint8
	refs  refs // the refs of the journal's entries
	gen   uint8
	inc   uint8
	node  uint8       // ghost
	due   [keys]uint8 // ghost: what had returned when the SYNC was sent
}

// reader is a read that did not end at its first look.
type reader struct {
	at     uint8 // none, waiting, attached
	flight uint8
	key    uint8
	must   bounds
}

const (
	none uint8 = iota
	waiting
	attached
)

// bounds are the ghosts of one read: the oldest version that each promise lets it return.
type bounds struct{ c1, c2, c5 uint8 }

// The steps of a flight.
const (
	registered uint8 = iota + 1 // e0 was read
	got                         // a word was read: with GET, or met by LEASE
	leased                      // LEASE granted
	loaded                      // the source was read under the lease
	answered                    // the value was returned, FILL follows
	held                        // WAIT
	bypassing                   // BYPASS, the source not read yet
	bypassed                    // BYPASS, the source read
	lingering                   // answered; the put is not visible yet
	queued                      // removed guards: a put that no flight stands for
)

// flight is one flight of a key.
type flight struct {
	at      uint8
	key     uint8
	current bool  // e0 is still e(k)
	gen     uint8 // the generation known at e0
	saw     uint8 // got: the kind of the word
	matches bool  // got: the tags' versions in the V are equal
	met     bool  // got: by LEASE
	seen    bool  // the word is still the V that was seen
	sawGen  uint8
	version uint8
	tag     uint8 // the tag's version before the load
}

// The steps of a writer.
const (
	idle      uint8 = iota
	changed         // Invalidate, Clear: a foreign writer has committed. Set: the tag's version was read
	sent            // Invalidate, Clear, Set: the script has run
	intended        // INTENT acknowledged, or gone on without
	committed       // write has committed
	delivered       // DONE before Update returned, for its intent's life was over
	returned        // Update has returned, DONE not yet
	unsure          // write ended with an error and may still land
	left            // the same, INTENT sent once more
	finished
	dead // the writer died
)

// writer is one write.
type writer struct {
	at      uint8
	version [keys]uint8
	seq     uint8 // its number in the journal
	told    uint8 // the processes that the message has reached
	lost    bool  // ghost: a fault took its token, or kept it from landing
	weak    bool  // ghost: it committed so, or without the library; section 6
	expired bool  // its life was over while it ran
	unacked bool  // INTENT was not acknowledged
	landing bool  // such an INTENT may still land
	settled bool  // unsure: it will not land any more
	tag     uint8 // Set: the tag's version, read first
	gen     uint8 // Clear: the generation that it made
}

// ghost is what the invariants know about a key.
type ghost struct {
	returned uint8 // the highest version whose write has returned
	orphans  uint8 // the versions of writers that died, as bits
	weak     uint8 // the versions that section 6 (3, 4, 6, 7) excuses until their DONE or Invalidate, as bits
	excused  bool  // section 6 (1): the writes that a failover lost, until the ring is delivered
}

// budget bounds what could go on for ever.
type budget struct {
	reads                                                    [procs]uint8
	evict, errors, trims, renewals, restarts, copies, stales uint8
	failovers                                                uint8
}

// letters is a set of sequence numbers.
type letters [2]uint8

func (l *letters) add(n uint8)      { l[n/8] |= 1 << (n % 8) }
func (l *letters) remove(n uint8)   { l[n/8] &^= 1 << (n % 8) }
func (l *letters) has(n uint8) bool { return l[n/8]&(1<<(n%8)) != 0 }

func (r refs) has(i int) bool { return r&(1<<i) != 0 }
