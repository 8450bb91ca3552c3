package neo4jstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

func holeContexts(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	users := []neo4jstore.UserKey{r.user, {Tenant: r.user.Tenant, User: "bob"}}
	made := map[neo4jstore.UserKey]neo4jstore.Preference{}
	for _, user := range users {
		made[user] = here.createIn(t, user, "food.coffee", morning)
	}
	for _, writer := range users {
		for _, user := range users {
			settle(t, here.context(user, morning))
			settle(t, there.context(user, morning))
		}
		var err error
		made[writer], err = here.UpdateConfidence(r.ctx, writer, made[writer].ID, 0.1)
		must(t, err)
		for _, user := range users {
			want := []neo4jstore.Preference{made[user]}
			got, _ := from(t, here.context(user, morning))
			check(t, "context of "+user.User+" after a write of "+writer.User, got, want)
			eventually(t, 10*time.Second, func() bool {
				got, _ := from(t, there.context(user, morning))
				return equal(got, want)
			})
		}
	}
}

func holeSeparator(t *testing.T, r *rig) {
	p := r.process()
	t1, t2 := r.forget(r.user.Tenant+"a:b"), r.forget(r.user.Tenant+"a")
	one, other := neo4jstore.UserKey{Tenant: t1, User: "c"}, neo4jstore.UserKey{Tenant: t2, User: "b:c"}
	apart(t, r, one, other)
	mine := settle(t, p.list(one))
	check(t, "keys of a:b, c", keysOf(mine), []string{"food.coffee"})
	check(t, "list of a, b:c", settle(t, p.list(other)), []neo4jstore.Preference{})
	if keys := r.keys("prefs"); len(keys) != 2 {
		t.Errorf("keys: %q", keys)
	}
}

func holeTimes(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	made := here.create(t, r.user, "food.coffee")
	source, _ := from(t, r.uncached().list(r.user))
	memory := settle(t, here.list(r.user))
	redis, tier := from(t, there.list(r.user))
	check(t, "tier", tier, tiered.Redis)
	for name, got := range map[string]neo4jstore.Preference{"source": source[0], "memory": memory[0], "Redis": redis[0]} {
		for _, pair := range [][2]time.Time{{got.CreatedAt, made.CreatedAt}, {got.UpdatedAt, made.UpdatedAt}} {
			gotZone, gotOffset := pair[0].Zone()
			wantZone, wantOffset := pair[1].Zone()
			if !pair[0].Equal(pair[1]) || gotZone != wantZone || gotOffset != wantOffset || pair[0].Location().String() != pair[1].Location().String() {
				t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
			}
		}
		if got != made { // to the last bit
			t.Errorf("%s: %#v, want %#v", name, got, made)
		}
	}
	const ns = "MATCH (p:Preference {id: $id}) RETURN p.created_at.epochSeconds * 1000000000 + p.created_at.nanosecond"
	check(t, "what Neo4j has", made.CreatedAt.UnixNano(), r.count(ns, map[string]any{"id": made.ID}))
}

// holeSlowLoad holds a load after it has read, and writes meanwhile.
func holeSlowLoad(t *testing.T, r *rig) {
	p := r.process()
	p.create(t, r.user, "food.coffee")
	cities, err := tiered.New(tiered.Config[neo4jstore.UserKey, []string]{
		Name: "keys", Bus: p.bus, Load: neo4jstore.Query(
			neo4jstore.Source{Driver: p.spy, Database: database},
			"MATCH (p:Preference {tenant_id: $tenant}) RETURN p.key AS key",
			func(u neo4jstore.UserKey) map[string]any { return map[string]any{"tenant": u.Tenant} },
			func(record *neo4j.Record) (string, error) { return record.Values[0].(string), nil },
		),
	})
	must(t, err)
	defer cities.Close()
	write := func() {
		must(t, p.bus.Update(r.ctx, []coherence.Ref{cities.Ref(r.user)}, func(context.Context) error {
			p.create(t, r.user, "food.tea")
			return nil
		}))
	}

	list := held(t, p, p.list(r.user), write)
	check(t, "what the slow load had read", keysOf(list), []string{"food.coffee"})
	list, tier := from(t, p.list(r.user))
	check(t, "tier of the next read", tier, tiered.Source)
	check(t, "next read", keysOf(list), []string{"food.tea", "food.coffee"})

	keys := held(t, p, func(ctx context.Context) ([]string, error) { return cities.Get(ctx, r.user) }, write)
	check(t, "what the slow load had read", len(keys), 2)
	if n, err := r.redis.Exists(r.ctx, r.namespace+"/"+cities.Ref(r.user).String()).Result(); n != 0 || err != nil {
		t.Errorf("it has stored a word in Redis: %d, %v", n, err)
	}
	if got, ok := cities.Peek(r.user); ok {
		t.Errorf("it has stored %q in memory", got)
	}
	keys, err = cities.Get(r.ctx, r.user)
	must(t, err)
	check(t, "next read", len(keys), 3)
}

// held reads, and calls write after the source was read and before the load ends.
func held[T any](t *testing.T, p *process, read func(context.Context) (T, error), write func()) T {
	t.Helper()
	hasRead, mayEnd := make(chan struct{}), make(chan struct{})
	hold := func() { hasRead <- struct{}{}; <-mayEnd }
	p.spy.read.Store(&hold)
	type answer struct {
		got T
		err error
	}
	answered := make(chan answer)
	go func() {
		got, err := read(t.Context())
		answered <- answer{got, err}
	}()
	<-hasRead
	p.spy.read.Store(nil)
	write()
	close(mayEnd)
	a := <-answered
	must(t, a.err)
	return a.got
}

func holeCachedAgain(t *testing.T, r *rig) {
	here, there := r.process(), r.process()
	for range 5 {
		settle(t, here.list(r.user))
		made := here.create(t, r.user, "food.coffee")
		list, tier := from(t, here.list(r.user))
		check(t, "tier after a write", tier, tiered.Source)
		check(t, "the newest", list[0], made)
		settle(t, here.list(r.user))
	}
	if _, tier := from(t, there.list(r.user)); tier != tiered.Redis {
		t.Errorf("%v answered another process", tier)
	}
}

// holeScan has a Redis of its own, whose statistics count nobody else's commands.
func holeScan(t *testing.T, r *rig) {
	server, err := services.StartRedis(r.ctx, services.RedisOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	options, err := redis.ParseURL(server.URL)
	must(t, err)
	must(t, r.redis.Close())
	r.redis = redis.NewClient(options)
	p := r.process()
	for i := range 20 {
		settle(t, p.context(r.user, map[string]string{"place": string(rune('a' + i))}))
	}
	must(t, p.ClearCache(r.ctx, r.user))
	for i := range 20 {
		if _, tier := from(t, p.context(r.user, map[string]string{"place": string(rune('a' + i))})); tier != tiered.Source {
			t.Errorf("after ClearCache %v answered", tier)
		}
	}
	p.create(t, r.user, "food.coffee")
	stats, err := r.redis.Info(r.ctx, "commandstats").Result()
	must(t, err)
	for line := range strings.Lines(stats) {
		command, _, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if strings.Contains(command, "scan") || command == "keys" || strings.HasPrefix(command, "flush") {
			t.Errorf("it called %s", line)
		}
	}
	if !strings.Contains(stats, "cmdstat_evalsha:") {
		t.Errorf("these are no statistics of the cache: %s", stats)
	}
}
