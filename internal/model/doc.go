// Package model explores the coherence protocol state by state, breadth first, and checks the contract C1 to C5 in each
// state. It is built from the protocol, not from the library's code: an error of thought shows here, an error of code in
// the tests of the real thing.
//
// # What is modelled
//
// Up to three processes and one Redis with a replica; one or two keys, a tag that names one of them, the cache's
// generation. Each step of an operation is an action ([actions]), so that everything may happen between any two: READ
// with its flights (who joins, who leads, who leaves; WAIT, BYPASS, batches), LEASE, FILL, also after the answer; UPDATE
// by up to three writers that may die at every step, with INTENT, renewal, DONE, errors of known and unknown outcome;
// INVALIDATE, SET, CLEAR; messages that are lost, late and in any order; SYNC whose reply is older than messages already
// applied; the fence; words that are evicted, leases and intents that expire; L1 puts that become visible late; a Redis
// that restarts empty, a failover that loses the tail while the writer lives, connections that still lead to the server
// before, the ring.
//
// # What is promised
//
// invariants.go has C1 to C5 over ghosts: what a read that starts now may not fall below ([model.must]). C2 is held to
// more than D: a process that has had the message, or has applied a SYNC sent after the write returned, must be fresh.
//
// What section 6 of the protocol excuses never enters the ghosts, or leaves them where the fault happens, and comes back
// with the repair (excuses.go). Each excuse is refused once, and a promise is then broken: none is there in vain.
//
// # What was found
//
// One thing that the protocol does not say: C5 after a Clear counts, in each process, from the moment when it learns the
// new generation, not from the call; [model.unheard] has the interleaving. C2 is not touched by it.
//
// And one rule that nothing here needs: L1.put only if FILL stored. What takes a lease away from an old value raises the
// epoch too, so no configuration misses it, and it is not among the removals.
//
// # What is not
//
// Time: a lease, an intent, D and 600 ms end when they may, not after so many seconds; so it is not modelled that a
// fence reopens late (tests on real processes hold that). Garbage words, partitions, overflow and Strict: they change
// what is stored or whether a write runs, not the order of things. Configurations switch features on one by one, because
// all of them together cannot be explored to any depth; each is explored until nothing new can happen.
package model
