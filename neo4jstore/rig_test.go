package neo4jstore_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// database is the one that Neo4j Community makes.
const database = "neo4j"

// rig is one test's part of the services: a namespace in Redis and tenants of its own in Neo4j.
type rig struct {
	t         testing.TB
	ctx       context.Context
	namespace string
	redis     *redis.Client
	driver    neo4j.DriverWithContext
	user      neo4jstore.UserKey
}

func newRig(t testing.TB) *rig {
	t.Helper()
	options, err := redis.ParseURL(variable(t, "REDIS_URL"))
	if err != nil {
		t.Fatal("REDIS_URL is no URL of a Redis")
	}
	r := &rig{t: t, ctx: t.Context(), namespace: rand.Text()}
	options.ClientName = r.namespace // the bus's own clients take it over
	r.redis = redis.NewClient(options)
	r.driver = connect(t, variable(t, "NEO4J_URI"))
	r.user = neo4jstore.UserKey{Tenant: r.tenant(), User: "ada"}
	t.Cleanup(func() { r.redis.Close() })
	ensureSchema(r)
	return r
}

func variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run `make services` and export what it prints, or use `make test`", name)
	}
	return value
}

func connect(t testing.TB, uri string, change ...func(*config.Config)) neo4j.DriverWithContext {
	t.Helper()
	driver, err := neo4j.NewDriverWithContext(uri, neo4j.BasicAuth(variable(t, "NEO4J_USER"), variable(t, "NEO4J_PASSWORD"), ""), change...)
	must(t, err)
	t.Cleanup(func() { driver.Close(context.Background()) })
	must(t, driver.VerifyConnectivity(t.Context())) // two first connections at once are a data race in the driver
	return driver
}

var schemaOnce sync.Once

func ensureSchema(r *rig) {
	r.t.Helper()
	schemaOnce.Do(func() { must(r.t, r.uncached().EnsureSchema(r.ctx)) })
}

// tenant returns the name of a new tenant, which is deleted after the test.
func (r *rig) tenant() string { return r.forget("acme-" + rand.Text()) }

// forget deletes a tenant after the test.
func (r *rig) forget(tenant string) string {
	r.t.Cleanup(func() {
		_, err := neo4j.ExecuteQuery(context.Background(), r.driver, "MATCH (n:Preference|Situation {tenant_id: $tenant}) DETACH DELETE n",
			map[string]any{"tenant": tenant}, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(database))
		must(r.t, err)
	})
	return tenant
}

func (r *rig) source() neo4jstore.Source {
	return neo4jstore.Source{Driver: r.driver, Database: database}
}

// count counts what a query finds.
func (r *rig) count(cypher string, params map[string]any) int64 {
	r.t.Helper()
	result, err := neo4j.ExecuteQuery(r.ctx, r.driver, cypher, params, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(database))
	must(r.t, err)
	return result.Records[0].Values[0].(int64)
}

// bus returns an open bus: what another process would have.
func (r *rig) bus() *coherence.Bus {
	r.t.Helper()
	bus, err := coherence.New(coherence.Config{Redis: r.redis, Namespace: r.namespace, MaxStaleness: 3 * time.Second, Timeout: time.Second})
	must(r.t, err)
	r.t.Cleanup(func() { bus.Close() })
	eventually(r.t, 10*time.Second, func() bool { return bus.State().Condition == coherence.Open })
	return bus
}

// from reads, and says which tier answered.
func from[T any](t testing.TB, read func(context.Context) (T, error)) (T, tiered.Tier) {
	t.Helper()
	ctx, origin := tiered.WithOrigin(t.Context())
	got, err := read(ctx)
	must(t, err)
	return got, origin.Tier()
}

// settle reads until memory answers, and returns what it answered.
func settle[T any](t testing.TB, read func(context.Context) (T, error)) (got T) {
	t.Helper()
	eventually(t, 10*time.Second, func() bool {
		var tier tiered.Tier
		got, tier = from(t, read)
		return tier == tiered.Memory
	})
	return got
}

// keys returns the names of the keys of a cache in Redis, without the namespace.
func (r *rig) keys(cache string) []string {
	r.t.Helper()
	keys, err := r.redis.Keys(r.ctx, r.namespace+"/"+cache+":*").Result()
	must(r.t, err)
	for i := range keys {
		keys[i] = keys[i][len(r.namespace)+1:]
	}
	return keys
}

func keysOf(list []neo4jstore.Preference) []string {
	keys := make([]string, len(list))
	for i, p := range list {
		keys[i] = p.Key
	}
	return keys
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
}

// eventually polls until a condition holds.
func eventually(t testing.TB, within time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		if <-every.C; time.Now().After(deadline) {
			t.Fatalf("it did not happen within %v", within)
		}
	}
}
