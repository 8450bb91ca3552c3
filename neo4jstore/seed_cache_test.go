package neo4jstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

var (
	morning = map[string]string{"time": "morning", "place": "home"}
	evening = map[string]string{"time": "evening"}
)

func seedConnect(t *testing.T, r *rig) {
	connections := func(p *process) int {
		list, err := r.redis.ClientList(r.ctx).Result()
		must(t, err)
		return strings.Count(list, " name="+r.namespace+" ") - 1 // the test's own
	}
	p := r.process()
	p.create(t, r.user, "food.coffee")
	settle(t, p.list(r.user))
	if connections(p) < 2 {
		t.Error("the bus has no connections")
	}
	must(t, p.Close())
	must(t, p.bus.Close())
	eventually(t, 10*time.Second, func() bool { return connections(p) == 0 })
	must(t, r.redis.Ping(r.ctx).Err()) // the caller's clients are left alone
	must(t, r.driver.VerifyConnectivity(r.ctx))
}

func seedReadBack(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	coffee := here.create(t, r.user, "food.coffee")
	want := []neo4jstore.Preference{coffee}
	got, tier := from(t, here.list(r.user))
	check(t, "first read", got, want)
	check(t, "its tier", tier, tiered.Source)
	check(t, "from memory", settle(t, here.list(r.user)), want)
	got, tier = from(t, there.list(r.user))
	check(t, "read of another process", got, want)
	check(t, "its tier", tier, tiered.Redis)
	one, tier := from(t, here.get(r.user, coffee.ID))
	check(t, "one", one, coffee)
	check(t, "its tier", tier, tiered.Source)
	check(t, "one from memory", settle(t, here.get(r.user, coffee.ID)), coffee)
	one, tier = from(t, there.get(r.user, coffee.ID))
	check(t, "one of another process", one, coffee)
	check(t, "its tier", tier, tiered.Redis)
}

func seedMiss(t *testing.T, r *rig) {
	p := r.process()
	got, tier := from(t, p.list(r.user))
	check(t, "list of nobody", got, []neo4jstore.Preference{})
	check(t, "its tier", tier, tiered.Source)
	check(t, "again", settle(t, p.list(r.user)), []neo4jstore.Preference{})
	got, _ = from(t, p.context(r.user, morning))
	check(t, "context of nobody", got, []neo4jstore.Preference{})
	if _, err := p.Get(r.ctx, r.user, "unknown"); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("Get of an unknown id: %v", err)
	}
}

func seedInvalidate(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	settle(t, here.list(r.user))
	settle(t, there.list(r.user))
	must(t, here.ClearCache(r.ctx, r.user))
	if _, tier := from(t, here.list(r.user)); tier != tiered.Source {
		t.Errorf("after ClearCache %v answered", tier)
	}
	eventually(t, 10*time.Second, func() bool { // redis has what was loaded anew, memory has nothing
		_, tier := from(t, there.list(r.user))
		return tier != tiered.Memory
	})
}

func seedPreferencesTTL(t *testing.T, r *rig) {
	p := r.process()
	id := p.create(t, r.user, "food.coffee").ID
	settle(t, p.list(r.user))
	settle(t, p.get(r.user, id))
	r.lives("prefs:"+r.user.Tenant+":ada", 300*time.Second)
	r.lives("pref:"+r.user.Tenant+":ada:"+id, 300*time.Second)

	bob := neo4jstore.UserKey{Tenant: r.user.Tenant, User: "bob"}
	must(t, p.Close())
	short := r.process(func(c *neo4jstore.PreferenceConfig) { c.TTL = time.Second })
	r.expires(short.list(bob))
}

func seedContextTTL(t *testing.T, r *rig) {
	p := r.process()
	from(t, p.context(r.user, morning))
	keys := r.keys("context")
	if len(keys) != 1 {
		t.Fatalf("keys: %q", keys)
	}
	r.lives(keys[0], 600*time.Second)

	short := r.process(func(c *neo4jstore.PreferenceConfig) { c.ContextTTL = time.Second })
	must(t, short.ClearCache(r.ctx, r.user))
	r.expires(short.context(r.user, morning))
}

// lives checks what a key has left to live, within a second.
func (r *rig) lives(key string, want time.Duration) {
	r.t.Helper()
	left, err := r.redis.PTTL(r.ctx, r.namespace+"/"+key).Result()
	must(r.t, err)
	if left > want || left < want-time.Second {
		r.t.Errorf("%s has %v to live, want %v", key, left, want)
	}
}

// expires checks that after a second, not before, the entry has left both tiers: only then is the source asked.
func (r *rig) expires(read func(context.Context) ([]neo4jstore.Preference, error)) {
	r.t.Helper()
	start := time.Now()
	from(r.t, read)
	memory := false
	eventually(r.t, 20*time.Second, func() bool {
		_, tier := from(r.t, read)
		memory = memory || tier == tiered.Memory
		return tier == tiered.Source && memory
	})
	if lived := time.Since(start); lived < 900*time.Millisecond {
		r.t.Errorf("it expired after %v", lived)
	}
}

func seedTenantsApart(t *testing.T, r *rig) {
	apart(t, r, r.user, neo4jstore.UserKey{Tenant: r.tenant(), User: r.user.User})
}

func seedUsersApart(t *testing.T, r *rig) {
	apart(t, r, r.user, neo4jstore.UserKey{Tenant: r.user.Tenant, User: "bob"})
	apart(t, r, r.user, neo4jstore.UserKey{Tenant: r.user.Tenant}) // the tenant itself
}

// apart checks that a write of one is neither seen by the other nor drops what is cached of the other.
func apart(t *testing.T, r *rig, one, other neo4jstore.UserKey) {
	t.Helper()
	p := r.process()
	defer p.Close()
	before := settle(t, p.list(other))
	made := p.createIn(t, one, "food.coffee", morning)
	got, tier := from(t, p.list(other))
	check(t, "the other's list", got, before)
	check(t, "its tier", tier, tiered.Memory)
	got, _ = from(t, p.context(other, morning))
	check(t, "the other's context", got, []neo4jstore.Preference{})
	got, _ = from(t, p.list(one))
	check(t, "the writer's newest", got[0], made)
}

func seedContextRoundTrip(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	want := []neo4jstore.Preference{here.createIn(t, r.user, "food.coffee", morning)}
	got, tier := from(t, here.context(r.user, morning))
	check(t, "context", got, want)
	check(t, "its tier", tier, tiered.Source)
	check(t, "from memory", settle(t, here.context(r.user, morning)), want)
	got, tier = from(t, there.context(r.user, morning))
	check(t, "read of another process", got, want)
	check(t, "its tier", tier, tiered.Redis)
}

func seedDifferentContexts(t *testing.T, r *rig) {
	p := r.process()
	coffee := p.createIn(t, r.user, "food.coffee", morning)
	wine := p.createIn(t, r.user, "food.wine", evening)
	check(t, "morning", settle(t, p.context(r.user, morning)), []neo4jstore.Preference{coffee})
	check(t, "evening", settle(t, p.context(r.user, evening)), []neo4jstore.Preference{wine})
	if keys := r.keys("context"); len(keys) != 2 {
		t.Errorf("keys: %q", keys)
	}
}

func seedHashOrder(t *testing.T, r *rig) {
	p := r.process()
	forward, backward := map[string]string{}, map[string]string{}
	names := strings.Fields("a b c d e f g h i j k l m n")
	for i := range names {
		forward[names[i]] = "x"
		backward[names[len(names)-1-i]] = "x"
	}
	settle(t, p.context(r.user, forward))
	for range 10 { // the order of a map's range is random
		if _, tier := from(t, p.context(r.user, backward)); tier != tiered.Memory {
			t.Fatalf("%v answered", tier)
		}
	}
	if keys := r.keys("context"); len(keys) != 1 || len(keys[0]) != len("context:"+r.user.Tenant+":ada:")+32 {
		t.Errorf("keys: %q, want one that ends in 128 bits", keys)
	}
}

func seedClearAll(t *testing.T, r *rig) {
	p := r.process()
	made := p.createIn(t, r.user, "food.coffee", morning)
	one := func(ctx context.Context) ([]neo4jstore.Preference, error) {
		got, err := p.Get(ctx, r.user, made.ID)
		return []neo4jstore.Preference{got}, err
	}
	all := []func(context.Context) ([]neo4jstore.Preference, error){p.list(r.user), p.context(r.user, morning), p.context(r.user, evening), one}
	for _, read := range all {
		settle(t, read)
	}
	must(t, p.ClearCache(r.ctx, r.user))
	for i, read := range all {
		if _, tier := from(t, read); tier != tiered.Source {
			t.Errorf("entry %d: after ClearCache %v answered", i, tier)
		}
	}
}
