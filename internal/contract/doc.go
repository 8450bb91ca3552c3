// Package contract holds the tests of what the README promises: real processes, a real Redis, real faults.
//
// # Usage
//
// A test of this package starts a Redis of its own, a source (package source) inside itself, and replicas: its own
// binary, run again as the program of package replica, which is built on the library's public names alone. What they
// read is judged here, without the library. All times are on the machine's one monotonic clock (package mono).
//
// make test runs a short form of each; make contract runs them as often as the contract says, and prints the figures.
package contract
