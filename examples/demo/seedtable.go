package main

import (
	"context"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
)

// seedTable shows what a user of the store notices, without and with the cache: medians over several users, each of
// them new to the cache.
func (g *graph) seedTable(ctx context.Context, out *table, first int) error {
	without, err := g.seedColumn(ctx, g.plain, first)
	if err != nil {
		return err
	}
	with, err := g.seedColumn(ctx, g.cached, first+seeded)
	if err != nil {
		return err
	}
	out.head("preference store", "no cache", "with cache")
	for i, what := range []string{"first fetch", "second fetch", "create", "update"} {
		out.row(what, exact(without[i]), exact(with[i]))
	}
	return nil
}

// seedColumn measures the four calls.
func (g *graph) seedColumn(ctx context.Context, store *neo4jstore.PreferenceStore, first int) (medians [4]time.Duration, err error) {
	var took [4][]time.Duration
	for user := first; user < first+seeded; user++ {
		var list []neo4jstore.Preference
		for i, call := range []func() error{
			func() (err error) { list, err = store.List(ctx, g.users[user]); return err },
			func() (err error) { list, err = store.List(ctx, g.users[user]); return err },
			func() error { return g.create(ctx, store, user, preferences) },
			func() error { _, err := store.UpdateConfidence(ctx, g.users[user], list[0].ID, 0.1); return err },
		} {
			began := time.Now()
			if err := call(); err != nil {
				return medians, err
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	for i, d := range took {
		medians[i] = median(d)
	}
	return medians, nil
}
