package neo4jstore_test

import (
	"context"
	"testing"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// BenchmarkList reads the ten preferences of a user from each tier.
func BenchmarkList(b *testing.B) {
	r := newRig(b)
	source := r.uncached()
	for range 10 {
		source.create(b, r.user, "food.coffee")
	}
	// A linearizable cache has no memory, so Redis answers.
	far, err := tiered.New(tiered.Config[neo4jstore.UserKey, []neo4jstore.Preference]{
		Name: "far", Bus: r.bus(), Linearizable: true, Load: source.List,
	})
	must(b, err)
	defer far.Close()
	near := r.process()
	settle(b, near.list(r.user))
	for _, c := range []struct {
		name string
		read func(context.Context, neo4jstore.UserKey) ([]neo4jstore.Preference, error)
		tier tiered.Tier
	}{
		{"source", source.List, tiered.Memory}, // without a cache nobody reports a tier
		{"redis", far.Get, tiered.Redis},
		{"memory", near.List, tiered.Memory},
	} {
		read := func(ctx context.Context) ([]neo4jstore.Preference, error) { return c.read(ctx, r.user) }
		from(b, read)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if list, err := read(r.ctx); err != nil || len(list) != 10 {
					b.Fatal(len(list), err)
				}
			}
			if _, tier := from(b, read); tier != c.tier {
				b.Errorf("%v answered", tier)
			}
		})
	}
}
