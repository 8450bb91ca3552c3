package scenario

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// speedUp measures a user's ten preferences from a warm Neo4j, from Redis and from memory, through the preference store.
func speedUp(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	driver, err := neo4j.NewDriverWithContext(env.Neo4j.URI, neo4j.BasicAuth(env.Neo4j.User, env.Neo4j.Password, ""))
	if err != nil {
		return nil, err
	}
	defer driver.Close(ctx)
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	source := neo4jstore.Source{Driver: driver, Database: "neo4j"}
	bare, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{Source: source})
	if err != nil {
		return nil, err
	}
	defer bare.Close()
	user := neo4jstore.UserKey{Tenant: "bench-" + rand.Text(), User: "ada"}
	if err := seed(ctx, bare, user); err != nil {
		return nil, err
	}
	defer bare.DeleteAll(context.WithoutCancel(ctx), user) //nolint:errcheck // its tenant is never asked for again
	near, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{Source: source, Bus: r.bus})
	if err != nil {
		return nil, err
	}
	defer near.Close()
	// A linearizable cache has no memory, so Redis answers; the rest is as in the store.
	far, err := tiered.New(tiered.Config[neo4jstore.UserKey, sample.List]{
		Name: "far", Bus: r.bus, Linearizable: true, Codec: storeCodec(), Load: bare.List,
		Tags: func(k neo4jstore.UserKey) []coherence.Ref { return []coherence.Ref{k.Tag()} },
	})
	if err != nil {
		return nil, err
	}
	defer far.Close()
	reads := func(name string, read func(context.Context, neo4jstore.UserKey) (sample.List, error)) measure.Op {
		return measure.Op{Name: name, Run: repeat(func(ctx context.Context, _ int) error { return checkList(read(ctx, user)) })}
	}
	fromNeo4j, fromRedis, fromMemory := reads("from Neo4j", bare.List), reads("from Redis", far.Get), reads("from memory", near.List)
	warm := pick(env, 5000, 500, 10) // its planner and its compiler need some
	if err := fromNeo4j.Run(ctx, warm); err != nil {
		return nil, err
	}
	got, err := measure.Paired(ctx, o, fromNeo4j, fromRedis, fromMemory)
	if err != nil {
		return nil, err
	}
	got.Scenario = "neo4j/read"
	return []measure.Row{got, faster(got)}, nil
}

// faster turns times into how many times as fast as the floor they are.
func faster(times measure.Row) measure.Row {
	r := measure.Row{Scenario: "neo4j/speed-up", Unit: "x as fast, higher is better"}
	r.Floor = measure.Figure{Name: times.Floor.Name, Value: 1, Ratio: 1, Low: 1, High: 1}
	for _, f := range times.Subjects {
		up := measure.Figure{Name: f.Name, Err: f.Err}
		if f.Err == "" {
			up.Value, up.Ratio, up.Low, up.High = 1/f.Ratio, 1/f.Ratio, 1/f.High, 1/f.Low
		}
		r.Subjects = append(r.Subjects, up)
	}
	return r
}

// seed gives a user ten preferences.
func seed(ctx context.Context, store *neo4jstore.PreferenceStore, user neo4jstore.UserKey) error {
	if err := store.EnsureSchema(ctx); err != nil {
		return err
	}
	for _, p := range sample.Preferences(1) {
		if _, err := store.Create(ctx, user, neo4jstore.NewPreference{Key: p.Key, Value: p.Value, Sentiment: p.Sentiment}); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	return nil
}
