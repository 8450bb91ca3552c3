// Package testkit is what the examples' tests share: the services of the environment, and the one way to wait.
package testkit

import (
	"os"
	"testing"
	"time"
)

// Await returns when done returns true; after a minute the test fails.
func Await(t *testing.T, what string, done func() bool) {
	t.Helper()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-patience.C:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// Check fails the test on an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Services returns the environment's variables of real services. A missing one fails the test.
func Services(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, name := range []string{"REDIS_URL", "NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD"} {
		value := os.Getenv(name)
		if value == "" {
			t.Fatalf("%s is not set: run the tests with make test", name)
		}
		list = append(list, name+"="+value)
	}
	return list
}
