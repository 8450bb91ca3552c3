package neo4jstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// TestWriteEndsBeforeItsIntent: the server ends a transaction that waits for a lock. `make mutants` takes that out.
func TestWriteEndsBeforeItsIntent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus, err := coherence.New(coherence.Config{Redis: r.redis, Namespace: r.namespace, IntentLife: time.Second})
	must(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	_, err = neo4jstore.Write(r.ctx, r.source(), nil, nil, r.note)
	must(t, err)
	const lock = "MATCH (n:Situation {tenant_id: $t}) SET n.locked = true"
	params := map[string]any{"t": r.user.Tenant}
	session := r.driver.NewSession(r.ctx, neo4j.SessionConfig{DatabaseName: database})
	defer session.Close(r.ctx)
	holder, err := session.BeginTransaction(r.ctx)
	must(t, err)
	defer holder.Close(r.ctx)
	locked, err := holder.Run(r.ctx, lock, params)
	must(t, err)
	_, err = locked.Consume(r.ctx)
	must(t, err)

	ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
	defer cancel()
	_, err = neo4jstore.Write(ctx, r.source(), bus, []coherence.Ref{coherence.Tag("t")}, func(tx neo4j.ManagedTransaction) (int, error) {
		result, err := tx.Run(ctx, lock, params)
		if err != nil {
			return 0, err
		}
		_, err = result.Consume(ctx)
		return 0, err
	})
	if _, ok := errors.AsType[*neo4j.Neo4jError](err); !ok || ctx.Err() != nil {
		t.Errorf("got %v, want the server's word that the transaction has timed out", err)
	}
	if n := bus.Stats().UnknownUpdates; n != 0 {
		t.Errorf("%d writes of unknown outcome: it was surely rolled back", n)
	}
}
