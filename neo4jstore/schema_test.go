package neo4jstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// TestSchema has processes that start at once, on a graph that takes a moment to be indexed. It runs alone, and drops an
// index that no query needs.
func TestSchema(t *testing.T) {
	r := newRig(t)
	p := r.uncached()
	r.count("UNWIND range(1, 20000) AS i CREATE (:Preference {tenant_id: $t, user_id: 'ada', id: randomUUID(), key: toString(i)}) RETURN count(*)", map[string]any{"t": r.user.Tenant})
	for range 5 {
		r.run("DROP INDEX preference_key IF EXISTS")
		atOnce(8, func() {
			if err := p.EnsureSchema(r.ctx); err != nil {
				t.Error(err)
			}
			if n := r.count("SHOW INDEXES YIELD name, state WHERE name = 'preference_key' AND state = 'ONLINE' RETURN count(*)", nil); n != 1 {
				t.Error("it has returned, and the index is not online")
			}
		})
	}
	const indexed = "SHOW INDEXES YIELD labelsOrTypes AS l, properties AS p WHERE l = $l AND p = $p RETURN count(*)"
	for _, properties := range [][]string{{"id"}, {"tenant_id", "user_id"}, {"key"}} {
		if n := r.count(indexed, map[string]any{"l": []string{"Preference"}, "p": properties}); n != 1 {
			t.Errorf("%d indexes on %q", n, properties)
		}
	}
}

// TestSchemaOfAnotherShape: a name that something else has is no index. It runs alone, as TestSchema does.
func TestSchemaOfAnotherShape(t *testing.T) {
	r := newRig(t)
	p := r.uncached()
	t.Cleanup(func() {
		r.ctx = context.WithoutCancel(r.ctx)
		r.run("DROP INDEX preference_key IF EXISTS")
		must(t, p.EnsureSchema(r.ctx))
	})
	for name, other := range map[string]string{
		"another property": "CREATE INDEX preference_key FOR (p:Preference) ON (p.value)",
		"another label":    "CREATE INDEX preference_key FOR (p:Other) ON (p.key)",
		"one more":         "CREATE INDEX preference_key FOR (p:Preference) ON (p.key, p.value)",
		"another kind":     "CREATE TEXT INDEX preference_key FOR (p:Preference) ON (p.key)",
	} {
		r.run("DROP INDEX preference_key IF EXISTS")
		r.run(other)
		if err := p.EnsureSchema(r.ctx); err == nil || !strings.Contains(err.Error(), "preference_key") {
			t.Errorf("%s: got %v, want an error that names the index", name, err)
		}
	}
	r.run("DROP INDEX preference_key")
	r.run("CREATE INDEX preference_other_name FOR (p:Preference) ON (p.key)")
	defer r.run("DROP INDEX preference_other_name")
	must(t, p.EnsureSchema(r.ctx))
}

// run runs what returns nothing.
func (r *rig) run(cypher string) {
	r.t.Helper()
	_, err := neo4j.ExecuteQuery(r.ctx, r.driver, cypher, nil, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(database))
	must(r.t, err)
}

// A store that is closed makes no schema, and who did not get one is told.
func TestNoSchema(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	if err := r.uncached().EnsureSchema(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: got %v", err)
	}
	ended(t, r, func(p *process) error { return p.EnsureSchema(r.ctx) })
}
