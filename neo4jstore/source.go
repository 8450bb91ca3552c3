// Package neo4jstore makes Neo4j the source of a tiered cache: Cypher as a loader, writes that invalidate what they
// change, and a store of user preferences that is built of both.
//
// # Usage
//
//	source := neo4jstore.Source{Driver: driver, Database: "neo4j"}
//	cities, err := tiered.New(tiered.Config[string, []string]{
//		Name: "cities", Bus: bus,
//		Load: neo4jstore.Query(source, listCities, countryParams, decodeCity),
//	})
//	_, err = neo4jstore.Write(ctx, source, bus, []coherence.Ref{cities.Ref("fr")}, addCity)
//
// # Guarantees
//
// A loader reads in one managed read transaction, and its answer is complete or an error. Write announces what changed
// also when it cannot know whether its commit has landed. A PreferenceStore answers the same with a cache and without;
// no tenant and no user ever reads or changes what is another's.
//
// # Failure
//
// The driver's errors are the loader's, as they are; the cache wraps them with the key, once. The driver retries what
// it knows to be worth it, for 30 s by default (neo4j.Config.MaxTransactionRetryTime), and its last attempt may take as
// long again: for less, give the context a deadline, for writes too. The driver's error after that is
// context.DeadlineExceeded too, for errors.Is, as it is context.Canceled after a cancellation.
//
// # Concurrency
//
// Everything is safe for concurrent use. Drivers and buses are the caller's to close, after what uses them.
package neo4jstore

import (
	"context"
	"errors"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/internal/late"
)

// Source is a Neo4j database. The zero value has no driver, and whatever uses it returns an error that says so.
type Source struct {
	// Driver connects to Neo4j; it stays the caller's to close. Call its VerifyConnectivity before it is shared: in v5.28
	// the first connections of a driver, made at once, are a data race.
	Driver neo4j.DriverWithContext

	// Database is the name of the database. Empty: the user's home database, which costs each session a question to the
	// server.
	Database string
}

var errNoDecode = errors.New("neo4jstore: decode is nil: give the function that makes a value of a row")

var errNoDriver = errors.New("neo4jstore: Source.Driver is nil: give a driver from neo4j.NewDriverWithContext")

// check says why the source cannot be used.
func (s Source) check() error {
	if s.Driver == nil {
		return errNoDriver
	}
	return nil
}

func (s Source) session(ctx context.Context, mode neo4j.AccessMode, bookmarks neo4j.BookmarkManager) neo4j.SessionWithContext {
	return s.Driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: s.Database, AccessMode: mode, BookmarkManager: bookmarks})
}

// readsOfTorn is how often a node is read that lacks something, before it counts as made so.
const readsOfTorn = 3

// read runs one query in a managed read transaction and decodes its rows, afresh at each retry.
func read[T any](ctx context.Context, s Source, cypher string, params map[string]any, decode func(*neo4j.Record) (T, error)) ([]T, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if decode == nil {
		return nil, errNoDecode
	}
	params = sendableMap(params)
	session := s.session(ctx, neo4j.AccessModeRead, nil)
	defer session.Close(ctx)
	for n := 1; ; n++ {
		rows, err := neo4j.ExecuteRead(ctx, session, func(tx neo4j.ManagedTransaction) ([]T, error) {
			return run(ctx, tx, cypher, params, decode)
		})
		if n == readsOfTorn || !isTorn(err) {
			return rows, withEnd(ctx, err)
		}
	}
}

// endedError is the driver's error after the end of a context, which the driver's types do not unwrap to.
type endedError struct {
	error
	cause error
}

// Unwrap is for errors.Is and errors.As.
func (e endedError) Unwrap() []error { return []error{e.error, e.cause} }

// withEnd says of a driver's error also that ctx has ended, where it has. An error of the caller's own stays as it is.
func withEnd(ctx context.Context, err error) error {
	cause := late.Err(ctx)
	if cause == nil || !unreachable(err) || errors.Is(err, cause) {
		return err
	}
	return endedError{err, cause}
}

// unreachable says whether the driver could not reach the database, or gave up trying.
func unreachable(err error) bool {
	switch err.(type) { //nolint:errorlint // as the driver returns it: what wraps it is the caller's own
	case *neo4j.ConnectivityError, *neo4j.TransactionExecutionLimit:
		return true
	}
	return false
}

// run runs one query in a transaction and decodes its rows, but for those whose node is gone. No row is an empty list, never
// nil.
func run[T any](ctx context.Context, tx neo4j.ManagedTransaction, cypher string, params map[string]any, decode func(*neo4j.Record) (T, error)) ([]T, error) {
	result, err := tx.Run(ctx, cypher, params)
	if err != nil {
		return nil, err
	}
	rows := []T{}
	for result.Next(ctx) {
		row, err := decode(result.Record())
		switch {
		case err == nil:
			rows = append(rows, row)
		case !errors.Is(err, errGone):
			return nil, err
		}
	}
	return rows, result.Err()
}
