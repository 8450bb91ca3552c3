package neo4jstore

import (
	"context"
	"errors"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
)

// Write runs write in a managed write transaction inside bus.Update, so that every process forgets what refs name; see
// coherence.Bus.Update. A nil bus: the transaction alone, and refs are ignored: nobody is told, and who has cached what it
// changed, this process too, answers that until its TTL. With a bus, the server ends each transaction after a third of the
// bus's IntentLife (30 s: 10 s), so that none commits after its intent has expired.
//
// The driver may run write again until a commit succeeds, so write must change things through its transaction only, and
// return the driver's errors as they are: one that it has wrapped the driver may not know for worth another attempt. Where a
// Strict bus gives a write up, the context that write has from its caller does not end; the server's limit does it. A
// time.Time among the parameters it gives in UTC, or in a zone of the time zone database: of time.Local, or of a zone that is
// but an offset, Neo4j ends the transaction with an error, and the driver's connection is broken for who has it next.
//
// Errors, as they are: write's own, which rolls back; the driver's, which after ctx's end are its error too; the bus's, for
// refs, ErrCoherence of a Strict one, ErrClosed and ErrUndelivered; one that says that the source has no driver, or that
// write is nil. Beside an error the result is the zero value, but beside ErrUndelivered alone, which follows a commit. What
// the driver knows not to have committed is marked with coherence.RolledBack; what may have landed, a connection that broke
// during the commit for one, is not, and counts as changed.
func Write[T any](ctx context.Context, source Source, bus *coherence.Bus, refs []coherence.Ref, write func(neo4j.ManagedTransaction) (T, error)) (result T, err error) {
	if err := source.check(); err != nil {
		return result, err
	}
	if write == nil {
		return result, errors.New("neo4jstore: write is nil: give the function that changes what refs name")
	}
	if bus == nil {
		return transaction(ctx, source, write)
	}
	limit := neo4j.WithTxTimeout(bus.IntentLife() / 3)
	err = bus.Update(ctx, refs, func(ctx context.Context) (err error) {
		result, err = transaction(ctx, source, write, limit)
		return err
	})
	return result, err
}

// transaction runs write in a managed transaction, and marks the error if surely nothing was committed.
func transaction[T any](ctx context.Context, source Source, write func(neo4j.ManagedTransaction) (T, error), options ...func(*neo4j.TransactionConfig)) (T, error) {
	var made attempts
	session := source.session(ctx, neo4j.AccessModeWrite, &made)
	defer session.Close(ctx)
	var result, none T
	_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (_ any, err error) { // neo4j.ExecuteWrite panics where T is an interface and the result nil
		made.last = false
		if result, err = write(tx); err == nil {
			made.commits++
			made.last = true
		}
		return nil, err
	}, options...)
	if err == nil {
		return result, nil
	}
	if err = withEnd(ctx, err); notCommitted(made.commits, made.last, err) {
		err = coherence.RolledBack(err)
	}
	return none, err
}

// attempts are those of one transaction. As the session's bookmarks, of which there are none, it is asked for before each
// BEGIN: it knows of an attempt that the server does not let begin, in which write does not run.
type attempts struct {
	commits int  // after how many the driver may have sent COMMIT
	last    bool // whether the last is one of them
}

// GetBookmarks implements [neo4j.BookmarkManager].
func (a *attempts) GetBookmarks(context.Context) (neo4j.Bookmarks, error) {
	a.last = false
	return nil, nil
}

// UpdateBookmarks implements [neo4j.BookmarkManager].
func (*attempts) UpdateBookmarks(context.Context, neo4j.Bookmarks, neo4j.Bookmarks) error { return nil }

// notCommitted says whether surely no attempt has committed. The driver sends COMMIT only after write has returned nil,
// and Neo4j rolls back what was not committed when the connection is reset or lost. After one COMMIT, only the server's
// refusal is certain, if it is of this one and not of an attempt that came after it; after several, the errors of the
// earlier ones are not known.
func notCommitted(commits int, last bool, err error) bool {
	switch commits {
	case 0:
		return true
	case 1:
		return last && refused(err)
	default:
		return false
	}
}

// refused says whether the server answered COMMIT with an error that comes before anything is written to its log: broken
// constraints, statements that failed, transactions that were terminated, timed out or deadlocked. Errors of the
// database itself, of memory and of replication may come after.
func refused(err error) bool {
	if limit, ok := errors.AsType[*neo4j.TransactionExecutionLimit](err); ok { // the driver has given up; its Errors are of all attempts
		return len(limit.Errors) == 1 && refused(limit.Errors[0])
	}
	answer, ok := errors.AsType[*neo4j.Neo4jError](err)
	if !ok {
		return false
	}
	switch answer.Classification() {
	case "ClientError":
		switch answer.Category() {
		case "Schema", "Statement", "Transaction":
			return true
		}
	case "TransientError":
		return answer.Category() == "Transaction" && (answer.Title() == "DeadlockDetected" || answer.Title() == "LockAcquisitionTimeout")
	}
	return false
}
