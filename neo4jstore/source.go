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
// it knows to be worth it, for 30 s by default (neo4j.Config.MaxTransactionRetryTime): a reader who cannot wait so long
// gives its context a deadline.
//
// # Concurrency
//
// Everything is safe for concurrent use. Drivers and buses are the caller's to close, after what uses them.
package neo4jstore

import (
	"context"
	"errors"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
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

func (s Source) session(ctx context.Context, mode neo4j.AccessMode) neo4j.SessionWithContext {
	return s.Driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: s.Database, AccessMode: mode})
}

// read runs one query in a managed read transaction and decodes its rows, afresh at each retry.
func read[T any](ctx context.Context, s Source, cypher string, params map[string]any, decode func(*neo4j.Record) (T, error)) ([]T, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if decode == nil {
		return nil, errNoDecode
	}
	session := s.session(ctx, neo4j.AccessModeRead)
	defer session.Close(ctx)
	return neo4j.ExecuteRead(ctx, session, func(tx neo4j.ManagedTransaction) ([]T, error) {
		return run(ctx, tx, cypher, params, decode)
	})
}

// run runs one query in a transaction and decodes its rows. No row is an empty list, never nil.
func run[T any](ctx context.Context, tx neo4j.ManagedTransaction, cypher string, params map[string]any, decode func(*neo4j.Record) (T, error)) ([]T, error) {
	result, err := tx.Run(ctx, cypher, params)
	if err != nil {
		return nil, err
	}
	rows := []T{}
	for result.Next(ctx) {
		row, err := decode(result.Record())
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, result.Err()
}
