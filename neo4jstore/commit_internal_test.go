package neo4jstore

import (
	"errors"
	"io"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

func TestNotCommitted(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return &neo4j.Neo4jError{Code: code} }
	limit := func(errs ...error) error { return &neo4j.TransactionExecutionLimit{Errors: errs} }
	deadlock := server("Neo.TransientError.Transaction.DeadlockDetected")
	for _, c := range []struct {
		name    string
		commits int // how often COMMIT may have been sent
		err     error
		want    bool
	}{
		{"the function's own error", 0, errors.New("mine"), true},
		{"no connection, no attempt", 0, &neo4j.ConnectivityError{Inner: io.EOF}, true},
		{"the connection broke before COMMIT", 0, &neo4j.ConnectivityError{Inner: io.EOF}, true},
		{"gave up before any COMMIT", 0, limit(deadlock, deadlock), true},
		{"the connection broke after COMMIT", 1, &neo4j.ConnectivityError{Inner: io.EOF}, false},
		{"the context ended after COMMIT", 1, errors.New("context canceled"), false},
		{"a constraint", 1, server("Neo.ClientError.Schema.ConstraintValidationFailed"), true},
		{"an unread statement", 1, server("Neo.ClientError.Statement.ArithmeticError"), true},
		{"timed out", 1, server("Neo.ClientError.Transaction.TransactionTimedOut"), true},
		{"a deadlock", 1, deadlock, true},
		{"a deadlock, and no time to try again", 1, limit(deadlock), true},
		{"after an earlier one", 1, limit(server("Neo.TransientError.Cluster.ReplicationFailure"), deadlock), false},
		{"refused after one that may have landed", 2, server("Neo.ClientError.Schema.ConstraintValidationFailed"), false},
		{"replication", 1, server("Neo.TransientError.Cluster.ReplicationFailure"), false},
		{"no leader", 1, server("Neo.ClientError.Cluster.NotALeader"), false},
		{"memory", 1, server("Neo.TransientError.General.OutOfMemoryError"), false},
		{"the log of the database", 1, server("Neo.DatabaseError.Transaction.TransactionCommitFailed"), false},
		{"no code at all", 1, server("?"), false},
	} {
		if got := notCommitted(c.commits, true, c.err); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	// COMMIT was sent once, its outcome is unknown, and the next attempt failed because the first had landed.
	if notCommitted(1, false, server("Neo.ClientError.Schema.ConstraintValidationFailed")) {
		t.Error("a later attempt's refusal was taken for that of the COMMIT")
	}
}
