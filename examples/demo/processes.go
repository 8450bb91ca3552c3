package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/rpc/jsonrpc"
	"os"
	"strings"
	"sync"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/examples/internal/child"
	"github.com/tieredcache/tieredcache/examples/internal/connect"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

const (
	replicaArgument = "replica" // what a child is started with, and the run

	preferences = 10  // of each user
	warmReads   = 300 // past the cache, by each replica
	measured    = 100 // users of the tiers' table, and one more for the crowd
	seeded      = 20  // users of each half of the seed's table
	users       = warm + measured + 1 + 2*seeded
)

// processes opens three replicas as processes of their own on the real services. They end with this one.
func processes(ctx context.Context, getenv func(string) string) (_ *cluster, err error) {
	g, err := openGraph(ctx, getenv, "demo-"+strings.ToLower(rand.Text()[:10]))
	if err != nil {
		return nil, err
	}
	g.owner = true
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	c := &cluster{
		title:  fmt.Sprintf("three replicas, a process each, on the real Redis and the real Neo4j; %d preferences a list; tenant %s", preferences, g.run),
		source: "Neo4j",
		sample: measured,
		close:  g.close,
		warmed: fmt.Sprintf("%d reads of Neo4j by each replica, so that it has planned and compiled the query", warmReads),
	}
	c.more = func(ctx context.Context, out *table) error { return g.seedTable(ctx, out, warm+measured+1) }
	if err := g.fill(ctx); err != nil {
		return nil, fmt.Errorf("write preferences: %w", err)
	}
	for range replicas {
		p, err := child.Start(os.Stderr, nil, replicaArgument, g.run)
		if err != nil {
			return nil, fmt.Errorf("start a replica: %w", err)
		}
		g.add(p.Stop)
		c.replicas = append(c.replicas, jsonrpc.NewClient(pipe{p.Stdout, p.Stdin}))
	}
	return c, nil
}

// serveReplica is what a child does until its parent ends.
func serveReplica(ctx context.Context, run string) error {
	g, err := openGraph(ctx, os.Getenv, run)
	if err != nil {
		return err
	}
	return errors.Join(serve(&Node{ctx: ctx, store: g}, pipe{os.Stdin, os.Stdout}), g.close())
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

// fill writes the lists of all users.
func (g *graph) fill(ctx context.Context) error {
	if err := g.plain.EnsureSchema(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan int)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for user := range todo {
				for i := range preferences {
					if err := g.create(ctx, g.plain, user, i); err != nil {
						cancel(err)
						return
					}
				}
			}
		})
	}
	for user := 0; user < users && ctx.Err() == nil; user++ {
		select {
		case todo <- user:
		case <-ctx.Done():
		}
	}
	close(todo)
	writers.Wait()
	return context.Cause(ctx)
}

func (g *graph) create(ctx context.Context, store *neo4jstore.PreferenceStore, user, i int) error {
	_, err := store.Create(ctx, g.users[user], neo4jstore.NewPreference{
		Key: fmt.Sprintf("food.dish%d", i), Value: "with a little more garlic than usual", Sentiment: "positive",
	})
	return err
}

// forget deletes what this run has written, from both.
func (g *graph) forget() error {
	if !g.owner {
		return nil
	}
	ctx := context.Background()
	_, err := neo4j.ExecuteQuery(ctx, g.driver, "MATCH (p:Preference {tenant_id: $tenant}) DETACH DELETE p",
		map[string]any{"tenant": g.run}, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(connect.Database))
	keys := g.redis.Scan(ctx, 0, g.run+"/*", 1000).Iterator()
	for keys.Next(ctx) {
		err = errors.Join(err, g.redis.Del(ctx, keys.Val()).Err())
	}
	return errors.Join(err, keys.Err())
}
