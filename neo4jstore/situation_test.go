package neo4jstore_test

import (
	"errors"
	"testing"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

func TestAddSituation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process()
	coffee, tea := p.create(t, r.user, "food.coffee"), p.create(t, r.user, "food.tea")
	got, err := p.AddSituation(r.ctx, r.user, morning, coffee.ID, tea.ID, coffee.ID)
	must(t, err)
	check(t, "situation", got, neo4jstore.Situation{ID: got.ID, Tenant: r.user.Tenant, User: "ada", Factors: morning, CreatedAt: got.CreatedAt})
	if len(got.ID) != 36 || got.CreatedAt.IsZero() {
		t.Errorf("id %q, created at %v", got.ID, got.CreatedAt)
	}
	const links = "MATCH (:Preference)-[l:IN_SITUATION]->(s:Situation {tenant_id: $t}) RETURN count(l)"
	tenant := map[string]any{"t": r.user.Tenant}
	check(t, "links", r.count(links, tenant), int64(2))
	check(t, "as one string", r.count(`MATCH (s:Situation {id: $id}) WHERE s.factors = '{"place":"home","time":"morning"}' RETURN count(s)`, map[string]any{"id": got.ID}), int64(1))

	if _, err := p.AddSituation(r.ctx, r.user, evening, coffee.ID, "unknown"); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("with an unknown id: %v", err)
	}
	check(t, "situations after it", r.count("MATCH (s:Situation {tenant_id: $t}) RETURN count(s)", tenant), int64(1))
	check(t, "links after it", r.count(links, tenant), int64(2))
}

func TestForContextOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, p := range map[string]*process{"cached": r.process(), "uncached": r.uncached()} {
		_, err := p.DeleteAll(r.ctx, r.user)
		must(t, err)
		create := func(key string, confidence float64, situations ...map[string]string) {
			made, err := p.Create(r.ctx, r.user, neo4jstore.NewPreference{Key: key, Sentiment: neo4jstore.Positive, Confidence: &confidence})
			must(t, err)
			for _, factors := range situations {
				_, err := p.AddSituation(r.ctx, r.user, factors, made.ID)
				must(t, err)
			}
		}
		create("sure", 0.9, evening, map[string]string{"place": "home"})
		create("older", 0.5, map[string]string{"time": "morning"})
		create("newer", 0.5, map[string]string{"time": "morning", "place": "work", "weather": "rain"})
		create("both", 0.1, evening, map[string]string{"time": "morning", "place": "home", "weather": "sun"})
		create("one of each", 0.2, map[string]string{"time": "morning"}, map[string]string{"place": "home"}) // not two of one
		create("other value", 0.9, map[string]string{"time": "Morning"})
		create("name is value", 0.9, map[string]string{"morning": "time"})
		create("not linked", 0.9)
		for _, c := range []struct {
			factors map[string]string
			want    []string
		}{
			{morning, []string{"both", "sure", "newer", "older", "one of each"}},
			{evening, []string{"sure", "both"}},
			{map[string]string{"time": ""}, []string{}},
			{map[string]string{}, []string{}},
			{nil, []string{}},
		} {
			got, err := p.ForContext(r.ctx, r.user, c.factors)
			must(t, err)
			if got == nil {
				t.Error("none is an empty list, not nil")
			}
			check(t, name, keysOf(got), c.want)
		}
	}
}

func TestCleanupOrphanedSituations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process()
	bob, other := neo4jstore.UserKey{Tenant: r.user.Tenant, User: "bob"}, neo4jstore.UserKey{Tenant: r.tenant(), User: "ada"}
	kept := p.createIn(t, r.user, "food.coffee", morning)
	gone := p.createIn(t, r.user, "food.tea", evening)
	p.createIn(t, bob, "food.wine", evening)
	_, err := p.AddSituation(r.ctx, bob, morning) // of nothing
	must(t, err)
	_, err = p.AddSituation(r.ctx, other, morning)
	must(t, err)
	must(t, p.Delete(r.ctx, r.user, gone.ID))
	settle(t, p.context(r.user, morning))
	settle(t, p.context(bob, evening))

	n, err := p.CleanupOrphanedSituations(r.ctx, r.user.Tenant)
	must(t, err)
	check(t, "deleted", n, 2)
	for user, want := range map[neo4jstore.UserKey]int64{r.user: 1, bob: 1, other: 1} {
		check(t, "situations of "+user.User, r.count("MATCH (s:Situation {tenant_id: $t, user_id: $u}) RETURN count(s)", map[string]any{"t": user.Tenant, "u": user.User}), want)
	}
	got, tier := from(t, p.context(r.user, morning)) // still cached, and right
	check(t, "context", got, []neo4jstore.Preference{kept})
	if tier == tiered.Source { // memory may have dropped it: the messages of the writes above arrive late
		t.Error("the context is not cached any more")
	}
	fresh, _ := from(t, r.uncached().context(r.user, morning))
	check(t, "context in Neo4j", fresh, got)
	n, err = p.CleanupOrphanedSituations(r.ctx, r.user.Tenant)
	must(t, err)
	check(t, "deleted again", n, 0)
}

// TestForeignSituation: one that another program has written otherwise matches nothing, and hides nothing.
func TestForeignSituation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.uncached()
	made := p.createIn(t, r.user, "food.coffee", morning)
	const link = `MATCH (p:Preference {id: $id})
		CREATE (p)-[:IN_SITUATION]->(:Situation {id: randomUUID(), tenant_id: $t, user_id: "ada", factors: $factors}) RETURN count(*)`
	for _, factors := range []any{`{"time": 1}`, `["morning"]`, "", "null", nil, int64(3), []string{"morning"}} {
		r.count(link, map[string]any{"id": made.ID, "t": r.user.Tenant, "factors": factors})
		got, err := p.ForContext(r.ctx, r.user, morning)
		must(t, err)
		check(t, "for the morning", got, []neo4jstore.Preference{made})
		got, err = p.ForContext(r.ctx, r.user, map[string]string{"time": ""})
		must(t, err)
		check(t, "for what none has", got, []neo4jstore.Preference{})
	}
}
