package neo4jstore_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
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

// TestLimitsOfLoads: MaxLoads and LoadTimeout are those of each cache of a store.
func TestLimitsOfLoads(t *testing.T) {
	t.Parallel()
	deaf, connections := blackHole(t)
	driver, err := neo4j.NewDriverWithContext("bolt://"+deaf, neo4j.NoAuth())
	must(t, err)
	t.Cleanup(func() { driver.Close(context.Background()) })
	bus, err := coherence.New(coherence.Config{})
	must(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	const limit = time.Second
	store, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{
		Source: neo4jstore.Source{Driver: driver, Database: database}, Bus: bus, MaxLoads: 1, LoadTimeout: limit,
	})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	for what, read := range map[string]func(context.Context, neo4jstore.UserKey) error{
		"List": func(ctx context.Context, u neo4jstore.UserKey) error { _, err := store.List(ctx, u); return err },
		"Get":  func(ctx context.Context, u neo4jstore.UserKey) error { _, err := store.Get(ctx, u, "id"); return err },
		"ForContext": func(ctx context.Context, u neo4jstore.UserKey) error {
			_, err := store.ForContext(ctx, u, map[string]string{"a": "b"})
			return err
		},
	} {
		before, first := connections(), make(chan error, 1)
		go func() { first <- read(t.Context(), neo4jstore.UserKey{Tenant: "acme", User: "ada"}) }()
		eventually(t, 10*time.Second, func() bool { return connections() == before+1 })
		ctx, cancel := context.WithTimeout(t.Context(), limit/4)
		if err := read(ctx, neo4jstore.UserKey{Tenant: "acme", User: "bob"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s of another: %v", what, err)
		}
		cancel()
		if n := connections() - before; n != 1 {
			t.Errorf("%s: %d reads of Neo4j at once", what, n)
		}
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// blackHole accepts connections and never answers, and counts them.
func blackHole(t *testing.T) (addr string, connections func() int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	var n atomic.Int64
	go func() {
		for c, err := listener.Accept(); err == nil; c, err = listener.Accept() {
			defer c.Close()
			n.Add(1)
		}
	}()
	return listener.Addr().String(), n.Load
}
