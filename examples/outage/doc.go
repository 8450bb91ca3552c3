// Package outage is only tests: what readers notice when Redis or Neo4j is killed, frozen, or not there yet, each on a
// server of the test's own.
package outage
