package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// graph keeps the versions in Neo4j, as one node for each key of a run, and records in the truth what it has committed.
type graph struct {
	table *truth.Table
	store neo4jstore.Source
	run   string
	read  func(context.Context, int) (uint64, error)
}

// Neo4j returns the source of a run in the Neo4j that NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD name.
func Neo4j(ctx context.Context, getenv func(string) string, run string, t *truth.Table) (Source, error) {
	uri := getenv("NEO4J_URI")
	if uri == "" {
		return nil, errors.New("NEO4J_URI is not set")
	}
	driver, err := neo4j.NewDriverWithContext(uri, neo4j.BasicAuth(getenv("NEO4J_USER"), getenv("NEO4J_PASSWORD"), ""))
	if err != nil {
		return nil, errors.New("the driver refuses NEO4J_URI") // its text quotes it
	}
	g := &graph{table: t, store: neo4jstore.Source{Driver: driver, Database: "neo4j"}, run: run}
	g.read = neo4jstore.QueryOne(g.store, `MATCH (k:TortureKey {id: $id}) RETURN k.version`,
		func(key int) map[string]any { return map[string]any{"id": g.id(key)} },
		func(record *neo4j.Record) (uint64, error) {
			n, ok := record.Values[0].(int64)
			if !ok {
				return 0, fmt.Errorf("a version is a %T", record.Values[0])
			}
			return uint64(n), nil
		})
	if err := driver.VerifyConnectivity(ctx); err != nil {
		return nil, errors.Join(errors.New("Neo4j does not answer"), driver.Close(context.WithoutCancel(ctx)))
	}
	return g, nil
}

func (g *graph) id(key int) string { return fmt.Sprintf("%s-%d", g.run, key) }

// Read is one query.
func (g *graph) Read(ctx context.Context, key int) (uint64, error) { return g.read(ctx, key) }

// Commit is one transaction.
func (g *graph) Commit(ctx context.Context, key int, w truth.Write) (map[int]uint64, error) {
	keys := changed(key, w.Tag)
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = g.id(k)
	}
	versions, err := neo4jstore.Write(ctx, g.store, nil, nil, func(tx neo4j.ManagedTransaction) ([]any, error) {
		// The first SET takes the lock: without it two writers read the same version.
		rows, err := tx.Run(ctx, `UNWIND $ids AS id MATCH (k:TortureKey {id: id}) WITH k ORDER BY k.id SET k.locked = true
			WITH k SET k.version = k.version + 1 WITH k ORDER BY k.id RETURN collect(k.version), collect(k.id)`, map[string]any{"ids": ids})
		if err != nil {
			return nil, err
		}
		row, err := rows.Single(ctx)
		if err != nil {
			return nil, err
		}
		return row.Values, nil
	})
	if err != nil {
		return nil, err
	}
	numbers, named := versions[0].([]any), versions[1].([]any)
	at := map[string]uint64{}
	for i := range numbers {
		at[named[i].(string)] = uint64(numbers[i].(int64))
	}
	committed := map[int]uint64{}
	for i, k := range keys {
		w.Version = at[ids[i]]
		g.table.Commit(k, w)
		committed[k] = w.Version
	}
	return committed, nil
}

// Close closes the driver.
func (g *graph) Close() error { return g.store.Driver.Close(context.Background()) }

// Prepare makes the nodes of a run; the result removes them.
func Prepare(ctx context.Context, from Source) (remove func(context.Context) error, err error) {
	g := from.(*graph)
	run := func(ctx context.Context, cypher string) error {
		_, err := neo4j.ExecuteQuery(ctx, g.store.Driver, cypher, map[string]any{"run": g.run, "keys": truth.Keys},
			neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(g.store.Database))
		return err
	}
	if err := run(ctx, `CREATE CONSTRAINT torture_key IF NOT EXISTS FOR (k:TortureKey) REQUIRE k.id IS UNIQUE`); err != nil {
		return nil, err
	}
	if err := run(ctx, `UNWIND range(0, $keys - 1) AS n CREATE (:TortureKey {id: $run + '-' + toString(n), version: 1})`); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return errors.Join(run(ctx, `MATCH (k:TortureKey) WHERE k.id STARTS WITH $run + '-' DETACH DELETE k`), run(ctx, `DROP CONSTRAINT torture_key IF EXISTS`))
	}, nil
}

// Recover records what a process had committed when it was killed before it could say so.
func Recover(ctx context.Context, from Source, t *truth.Table, slot, life int) error {
	g, ok := from.(*graph)
	if !ok {
		return nil // the source records each commit itself
	}
	var failed error
	t.Unfinished(slot, func(key int, tag bool, began int64) {
		for _, k := range changed(key, tag) {
			newest, err := g.Read(ctx, k)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			for n := newest; n > 0 && !t.Known(k, n) && n+8 > newest; n-- {
				t.Commit(k, truth.Write{Version: n, Began: began, Life: life, Tag: tag})
			}
		}
	})
	return failed
}
