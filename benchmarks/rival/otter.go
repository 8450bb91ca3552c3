package rival

import (
	"context"

	"github.com/maypok86/otter/v2"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func otterCache() []Rival {
	return []Rival{{
		Name: "otter", Module: "github.com/maypok86/otter/v2", Tiers: Memory,
		How:  "MaximumSize and ExpiryWriting, Get with a loader",
		Open: openOtter,
	}}
}

type otterRival struct {
	cache *otter.Cache[string, sample.List]
	load  otter.LoaderFunc[string, sample.List]
	many  otter.BulkLoaderFunc[string, sample.List]
}

func openOtter(_ context.Context, c Config) (Cache, error) {
	cache, err := otter.New(&otter.Options[string, sample.List]{
		MaximumSize:      or(c.Entries, 10_000), // its README's
		ExpiryCalculator: otter.ExpiryWriting[string, sample.List](TTL),
	})
	return &otterRival{cache, c.Load, c.LoadMany}, err
}

func (o *otterRival) Get(ctx context.Context, key string) (sample.List, error) {
	return o.cache.Get(ctx, key, o.load)
}

func (o *otterRival) GetMany(ctx context.Context, keys []string) (map[string]sample.List, error) {
	return o.cache.BulkGet(ctx, keys, o.many)
}

func (o *otterRival) Invalidate(_ context.Context, key string) error {
	o.cache.Invalidate(key)
	return nil
}

func (o *otterRival) Close() error {
	o.cache.StopAllGoroutines()
	return nil
}
