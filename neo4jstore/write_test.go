package neo4jstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// notes caches how many notes a tenant has. A note is a Situation without a user, so that the rig deletes it.
func (r *rig) notes(bus *coherence.Bus) *tiered.Cache[string, int64] {
	r.t.Helper()
	cache, err := tiered.New(tiered.Config[string, int64]{
		Name: "notes", Bus: bus, Load: neo4jstore.QueryOne(r.source(), "MATCH (n:Situation {tenant_id: $tenant}) RETURN count(n)",
			func(tenant string) map[string]any { return map[string]any{"tenant": tenant} }, decodeInt),
	})
	must(r.t, err)
	r.t.Cleanup(func() { cache.Close() })
	return cache
}

// note adds a note.
func (r *rig) note(tx neo4j.ManagedTransaction) (string, error) {
	result, err := tx.Run(r.ctx, "CREATE (n:Situation {tenant_id: $tenant, id: randomUUID()}) RETURN n.id", map[string]any{"tenant": r.user.Tenant})
	if err != nil {
		return "", err
	}
	record, err := result.Single(r.ctx)
	if err != nil {
		return "", err
	}
	return record.Values[0].(string), nil
}

func TestWrite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	notes := r.notes(bus)
	refs := []coherence.Ref{notes.Ref(r.user.Tenant)}
	read := func(ctx context.Context) (int64, error) { return notes.Get(ctx, r.user.Tenant) }
	for want := range int64(3) {
		check(t, "notes", settle(t, read), want)
		id, err := neo4jstore.Write(r.ctx, r.source(), bus, refs, r.note)
		must(t, err)
		if len(id) != 36 {
			t.Errorf("it returned %q", id)
		}
		got, tier := from(t, read)
		check(t, "notes after the write", got, want+1)
		check(t, "tier", tier, tiered.Source)
	}
	_, err := neo4jstore.Write(r.ctx, r.source(), nil, nil, r.note)
	must(t, err)
	got, err := r.notes(nil).Get(r.ctx, r.user.Tenant)
	must(t, err)
	check(t, "notes after a write without a bus", got, int64(4))
}

func TestWriteThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	notes := r.notes(bus)
	refs := []coherence.Ref{notes.Ref(r.user.Tenant)}
	read := func(ctx context.Context) (int64, error) { return notes.Get(ctx, r.user.Tenant) }
	settle(t, read)
	before := bus.Stats().UnknownUpdates

	mine := errors.New("mine")
	_, err := neo4jstore.Write(r.ctx, r.source(), bus, refs, func(tx neo4j.ManagedTransaction) (string, error) {
		if _, err := r.note(tx); err != nil {
			return "", err
		}
		return "", mine
	})
	if !errors.Is(err, mine) || err.Error() != "mine" {
		t.Errorf("got %v, want the function's own error", err)
	}
	_, err = neo4jstore.Write(r.ctx, r.source(), bus, refs, func(tx neo4j.ManagedTransaction) (int, error) {
		if _, err := r.note(tx); err != nil {
			return 0, err
		}
		_, err := tx.Run(r.ctx, "UNWIND [1, 0] AS i RETURN 1 / i", nil) // never read: it fails after the function, before COMMIT
		return 0, err
	})
	if _, ok := errors.AsType[*neo4j.Neo4jError](err); !ok {
		t.Errorf("got %v, want the server's error", err)
	}
	over, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err = neo4jstore.Write(over, r.source(), bus, refs, r.note); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}

	check(t, "writes of unknown outcome among what was rolled back", bus.Stats().UnknownUpdates, before)
	check(t, "notes", settle(t, read), int64(0)) // usable again at once, and nothing was written
	check(t, "notes in the database", r.count("MATCH (n:Situation {tenant_id: $t}) RETURN count(n)", map[string]any{"t": r.user.Tenant}), int64(0))

	panicked := func() (p any) {
		defer func() { p = recover() }()
		_, _ = neo4jstore.Write(r.ctx, r.source(), bus, refs, func(neo4j.ManagedTransaction) (int, error) { panic("mine") })
		return nil
	}()
	check(t, "panic", panicked, any("mine"))
	_, err = neo4jstore.Write(r.ctx, r.source(), bus, nil, r.note)
	if err == nil {
		t.Error("a bus without refs is an error of the bus, and nothing runs")
	}
	notesNow, tier := from(t, read)
	check(t, "notes after a panic", notesNow, int64(0))
	check(t, "answered by", tier, tiered.Source) // the bus does not know what a panic has left
}

// TestWriteWithoutResult: the driver's manual returns nil, nil as any.
func TestWriteWithoutResult(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	got, err := neo4jstore.Write(r.ctx, r.source(), bus, []coherence.Ref{r.user.Tag()}, func(tx neo4j.ManagedTransaction) (any, error) {
		_, err := r.note(tx)
		return nil, err
	})
	must(t, err)
	check(t, "result", got, nil)
	check(t, "writes of unknown outcome", bus.Stats().UnknownUpdates, uint64(0))
	mine := errors.New("mine")
	id, err := neo4jstore.Write(r.ctx, r.source(), bus, []coherence.Ref{r.user.Tag()}, func(neo4j.ManagedTransaction) (string, error) { return "id", mine })
	if !errors.Is(err, mine) || id != "" {
		t.Errorf("got %q and %v, want no result beside an error", id, err)
	}
}
