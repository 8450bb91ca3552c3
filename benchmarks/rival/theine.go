package rival

import (
	"context"

	"github.com/Yiling-J/theine-go"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func theineCache() []Rival {
	return []Rival{{
		Name: "theine", Module: "github.com/Yiling-J/theine-go", Tiers: Memory,
		How:  "its loading cache, cost 1, a TTL for each entry",
		Open: openTheine,
	}}
}

type theineRival struct {
	*theine.LoadingCache[string, sample.List]
}

func openTheine(_ context.Context, c Config) (Cache, error) {
	entries := int64(or(c.Entries, 1000)) // its README's
	cache, err := theine.NewBuilder[string, sample.List](entries).Loading(func(ctx context.Context, key string) (theine.Loaded[sample.List], error) {
		list, err := c.Load(ctx, key)
		return theine.Loaded[sample.List]{Value: list, Cost: 1, TTL: TTL}, err
	}).Build()
	return &theineRival{cache}, err
}

func (t *theineRival) Invalidate(_ context.Context, key string) error {
	t.Delete(key)
	return nil
}

func (t *theineRival) Close() error {
	t.LoadingCache.Close()
	return nil
}
