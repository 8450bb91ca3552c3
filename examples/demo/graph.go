package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/connect"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// graph is a replica's store on the real services: preferences of users of one tenant, which is this run of the demo.
type graph struct {
	closers
	run    string // the tenant, and the namespace in Redis
	owner  bool   // it deletes at its end what the run has written
	redis  *redis.Client
	driver *countedDriver
	bus    *coherence.Bus
	cached *neo4jstore.PreferenceStore
	plain  *neo4jstore.PreferenceStore // the same without a cache
	users  []neo4jstore.UserKey        // by number
}

func openGraph(ctx context.Context, getenv func(string) string, run string) (_ *graph, err error) {
	g := &graph{run: run}
	for key := range users {
		g.users = append(g.users, neo4jstore.UserKey{Tenant: run, User: fmt.Sprintf("user-%d", key)})
	}
	defer func() {
		if err != nil {
			_ = g.close()
		}
	}()
	if g.redis, err = connect.Redis(ctx, getenv); err != nil {
		return nil, err
	}
	g.add(g.redis.Close)
	driver, err := connect.Neo4j(ctx, getenv)
	if err != nil {
		return nil, err
	}
	g.add(func() error { return driver.Close(context.Background()) })
	g.driver = &countedDriver{DriverWithContext: driver}
	g.add(g.forget) // when the bus has ended, which writes too
	if g.bus, err = coherence.New(coherence.Config{Redis: g.redis, Namespace: run}); err != nil {
		return nil, err
	}
	g.add(g.bus.Close)
	source := neo4jstore.Source{Driver: g.driver, Database: connect.Database}
	if g.cached, err = neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{Source: source, Bus: g.bus}); err != nil {
		return nil, err
	}
	g.add(g.cached.Close)
	if g.plain, err = neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{Source: source}); err != nil {
		return nil, err
	}
	g.add(g.plain.Close)
	return g, nil
}

func (g *graph) read(ctx context.Context, key int) (int64, error) {
	list, err := g.cached.List(ctx, g.users[key])
	if err != nil {
		return 0, err
	}
	if len(list) != preferences {
		return 0, fmt.Errorf("%d preferences of user %d, not %d", len(list), key, preferences)
	}
	return list[0].Reinforcements, nil
}

// write reinforces the preference that a list begins with.
func (g *graph) write(ctx context.Context, key int) (version int64, committed time.Time, err error) {
	list, err := g.cached.List(ctx, g.users[key])
	if err != nil {
		return 0, committed, err
	}
	p, err := g.cached.UpdateConfidence(ctx, g.users[key], list[0].ID, 0.01)
	return p.Reinforcements, g.driver.committed(), err
}

// listen hears of every write of a user: the store invalidates all that it caches of one by one tag.
func (g *graph) listen(key int) (<-chan struct{}, func()) {
	return g.bus.Listen(g.users[key].Tag())
}

func (g *graph) loads() int64 { return g.driver.reads.Load() }

// warmUp reads past the cache until connections are open, the query is planned and the server has compiled it.
func (g *graph) warmUp(ctx context.Context, key int) error {
	for range warmReads {
		if _, err := g.plain.List(ctx, g.users[key]); err != nil {
			return err
		}
	}
	return nil
}
