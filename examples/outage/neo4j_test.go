package outage

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// TestNeo4jKilled: hits of both tiers continue, misses fail with the driver's error, wrapped once.
func TestNeo4jKilled(t *testing.T) {
	ctx := t.Context()
	database, err := services.StartNeo4j(ctx, services.Neo4jOptions{})
	testkit.Check(t, err)
	t.Cleanup(func() { testkit.Check(t, database.Stop()) })
	driver, err := neo4j.NewDriverWithContext(database.URI, neo4j.BasicAuth(database.User, database.Password, ""), func(c *config.Config) {
		c.MaxTransactionRetryTime = time.Second
	})
	testkit.Check(t, err)
	defer driver.Close(ctx)
	server := startRedis(t, services.RedisOptions{})
	near, far := openStore(t, server.Addr, driver), openStore(t, server.Addr, driver)

	const users = 20
	user := func(n int) neo4jstore.UserKey { return neo4jstore.UserKey{Tenant: "acme", User: fmt.Sprint(n)} }
	for n := range users {
		_, err := near.Create(ctx, user(n), neo4jstore.NewPreference{Key: "food", Value: "hot", Sentiment: neo4jstore.Positive})
		testkit.Check(t, err)
		testkit.Await(t, "memory holds the list", func() bool { return tierOf(t, near, user(n)) == tiered.Memory })
	}

	testkit.Check(t, database.Kill())
	for n := range users {
		if got := tierOf(t, near, user(n)); got != tiered.Memory {
			t.Errorf("user %d came from %v, want memory", n, got)
		}
		if got := tierOf(t, far, user(n)); got != tiered.Redis {
			t.Errorf("user %d came to another process from %v, want redis", n, got)
		}
	}
	_, err = near.List(ctx, user(users))
	t.Logf("a miss: %v", err)
	var limit *neo4j.TransactionExecutionLimit
	cause := errors.Unwrap(err)
	if !neo4j.IsConnectivityError(cause) && !errors.As(cause, &limit) {
		t.Fatalf("got %v, want an error of the driver", err)
	}
	if got := cause.Error(); !strings.HasSuffix(err.Error(), ": "+got) || strings.Contains(got, "tiered:") || strings.Contains(got, "neo4jstore:") {
		t.Errorf("got %q, want the driver's error wrapped once", err)
	}
}

func openStore(t *testing.T, addr string, driver neo4j.DriverWithContext) *neo4jstore.PreferenceStore {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	bus, err := coherence.New(coherence.Config{Redis: client})
	testkit.Check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	testkit.Await(t, "the bus opens", func() bool { return bus.State().Condition == coherence.Open })
	store, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{
		Source: neo4jstore.Source{Driver: driver, Database: "neo4j"}, Bus: bus,
	})
	testkit.Check(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// tierOf reads a user's one preference and says which tier answered.
func tierOf(t *testing.T, store *neo4jstore.PreferenceStore, user neo4jstore.UserKey) tiered.Tier {
	t.Helper()
	ctx, origin := tiered.WithOrigin(t.Context())
	list, err := store.List(ctx, user)
	if err != nil || len(list) != 1 || list[0].Value != "hot" {
		t.Fatalf("user %s: got %v, %v", user.User, list, err)
	}
	return origin.Tier()
}
