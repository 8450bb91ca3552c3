// Package services gives tests and demos a real Redis and a real Neo4j.
//
// [Up] finds or starts the pair that a checkout shares, [Down] stops what Up started and nothing else, and [Run] lends
// the pair to one command. [StartRedis] and [StartNeo4j] start a server for one test, which may kill, pause and restart it.
//
// # Guarantees
//
// Whatever is started listens on the loopback interface alone, on a free port. A process is only ever signalled
// after its identity (pid and start time) was compared with the one that was remembered, so a reused pid is left alone.
// Passwords are random, handed over on standard input, and appear in no error and no log.
//
// # Failure
//
// An error names the service, what to do about it and, where a server failed to start, the end of its log.
// A service that is remembered but does not answer is replaced.
//
// # Concurrency
//
// Up, Down and Run may be called at once from any number of processes: a file lock in the state folder orders them.
//
// The package runs on Linux and macOS. Only programs and tests of this repository use it, never the library.
package services
