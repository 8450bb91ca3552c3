package neo4jstore_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process()
	zero, most := 0.0, neo4jstore.MaxConfidence
	for _, c := range []struct {
		key        string
		confidence *float64
		domain     string
		want       float64
	}{
		{"food.coffee.strength", nil, "food", 0.5},
		{"colour", &zero, "general", 0},
		{".hidden", &most, "general", 0.95},
	} {
		n := neo4jstore.NewPreference{Key: c.key, Value: "v", Sentiment: neo4jstore.Negative, Confidence: c.confidence}
		got, err := p.Create(r.ctx, r.user, n)
		must(t, err)
		want := neo4jstore.Preference{
			ID: got.ID, Tenant: r.user.Tenant, User: "ada", Key: c.key, Value: "v", Sentiment: "negative", Confidence: c.want,
			Domain: c.domain, CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt,
		}
		check(t, c.key, got, want)
		if len(got.ID) != 36 || got.CreatedAt.IsZero() || got.CreatedAt.Location().String() != "UTC" {
			t.Errorf("id %q, created at %v", got.ID, got.CreatedAt)
		}
	}
	list, err := p.List(r.ctx, r.user)
	must(t, err)
	check(t, "newest first", keysOf(list), []string{".hidden", "colour", "food.coffee.strength"})
}

func TestUpdateConfidence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process()
	made := p.create(t, r.user, "food.coffee")
	want := made
	for _, c := range []struct {
		delta, want             float64
		reinforcements, rejects int64
	}{
		{0.25, 0.75, 1, 0}, {0.25, 0.95, 2, 0}, {-0.45, 0.5, 2, 1}, {0, 0.5, 2, 1}, {-7, 0, 2, 2}, {math.MaxFloat64, 0.95, 3, 2}, {-math.MaxFloat64, 0, 3, 3},
	} {
		got, err := p.UpdateConfidence(r.ctx, r.user, made.ID, c.delta)
		must(t, err)
		if math.Abs(got.Confidence-c.want) > 1e-12 || !got.UpdatedAt.After(want.UpdatedAt) {
			t.Errorf("after %v: %v, updated at %v", c.delta, got.Confidence, got.UpdatedAt)
		}
		want.Confidence, want.UpdatedAt, want.Reinforcements, want.Rejections = got.Confidence, got.UpdatedAt, c.reinforcements, c.rejects
		check(t, "preference", got, want)
		one, err := p.Get(r.ctx, r.user, made.ID)
		must(t, err)
		check(t, "read", one, want)
	}
}

// TestUpdatesAtOnce loses none: each reads what the one before has written.
func TestUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process()
	zero := 0.0
	made, err := p.Create(r.ctx, r.user, neo4jstore.NewPreference{Key: "k", Sentiment: neo4jstore.Positive, Confidence: &zero})
	must(t, err)
	const writers, each = 8, 10
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if _, err := p.UpdateConfidence(r.ctx, r.user, made.ID, 1.0/128); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := p.Get(r.ctx, r.user, made.ID)
	must(t, err)
	check(t, "confidence", got.Confidence, writers*each/128.0)
	check(t, "reinforcements", got.Reinforcements, int64(writers*each))
}

func TestAnothersID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, p := range map[string]*process{"cached": r.process(), "uncached": r.uncached()} {
		made := p.create(t, r.user, "food.coffee")
		for _, other := range []neo4jstore.UserKey{{r.user.Tenant, "bob"}, {r.user.Tenant, ""}, {r.tenant(), "ada"}} {
			const unknown = "00000000-0000-4000-8000-000000000000"
			for op, call := range map[string]func(id string) error{
				"Get":              func(id string) error { _, err := p.Get(r.ctx, other, id); return err },
				"Delete":           func(id string) error { return p.Delete(r.ctx, other, id) },
				"UpdateConfidence": func(id string) error { _, err := p.UpdateConfidence(r.ctx, other, id, 0.1); return err },
				"AddSituation":     func(id string) error { _, err := p.AddSituation(r.ctx, other, morning, id); return err },
			} {
				theirs, none := call(made.ID), call(unknown)
				if !errors.Is(theirs, tiered.ErrNotFound) || !errors.Is(none, tiered.ErrNotFound) {
					t.Fatalf("%s %s: of another %v, unknown %v", name, op, theirs, none)
				}
				if got := strings.ReplaceAll(theirs.Error(), made.ID, unknown); got != none.Error() {
					t.Errorf("%s %s: %q for another's, %q for an unknown id", name, op, got, none)
				}
			}
			n, err := p.DeleteAll(r.ctx, other)
			must(t, err)
			check(t, "deleted of another", n, 0)
		}
		got, err := p.Get(r.ctx, r.user, made.ID)
		must(t, err)
		check(t, name, got, made)
		check(t, "situations", r.count("MATCH (s:Situation {tenant_id: $t}) RETURN count(s)", map[string]any{"t": r.user.Tenant}), int64(0))
	}
}

// TestIndexes asks the planner: no query looks at more than what a user, or a tenant, has. The graph needs some nodes for
// that, and statistics of them: in an empty one it makes no difference.
func TestIndexes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const some = `UNWIND range(1, 300) AS i
		CREATE (:Preference {tenant_id: $t, user_id: toString(i), id: randomUUID()})-[:IN_SITUATION]->(:Situation {tenant_id: $t, user_id: toString(i), id: randomUUID()})
		RETURN count(*)`
	check(t, "made", r.count(some, map[string]any{"t": r.user.Tenant}), int64(300))
	params := map[string]any{"delta": 0.1, "max": 0.95, "ids": []string{"a"}, "situation": "b", "id": "c", "tenant": "d", "user": "e", "most": 1}
	for name, cypher := range neo4jstore.Queries {
		seen := ""
		eventually(t, 30*time.Second, func() bool {
			result, err := neo4j.ExecuteQuery(r.ctx, r.driver, "CYPHER replan=force EXPLAIN "+cypher, params, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(database))
			must(t, err)
			if plan := operators(result.Summary.Plan()); plan != seen {
				seen = plan
				t.Logf("%s: %s", name, seen)
			}
			return strings.Contains(seen, "Seek") && !strings.Contains(seen, "Scan")
		})
	}
}

func operators(plan neo4j.Plan) string {
	all := plan.Operator()
	for _, child := range plan.Children() {
		all += " < " + operators(child)
	}
	return all
}
