package rival

import (
	"context"

	"github.com/hashicorp/golang-lru/v2/expirable"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func lruCache() []Rival {
	return []Rival{{
		Name: "golang-lru", Module: "github.com/hashicorp/golang-lru/v2", Tiers: Memory,
		How:  "expirable.NewLRU; Add after a miss, loads are not shared; its goroutine has no end",
		Open: openLRU,
	}}
}

type lruRival struct {
	config Config
	cache  *expirable.LRU[string, sample.List]
}

func openLRU(_ context.Context, c Config) (Cache, error) {
	return &lruRival{c, expirable.NewLRU[string, sample.List](or(c.Entries, 1000), nil, TTL)}, nil
}

func (l *lruRival) Get(ctx context.Context, key string) (sample.List, error) {
	if list, ok := l.cache.Get(key); ok {
		return list, nil
	}
	list, err := l.config.Load(ctx, key)
	if err == nil {
		l.cache.Add(key, list)
	}
	return list, err
}

func (l *lruRival) Invalidate(_ context.Context, key string) error {
	l.cache.Remove(key)
	return nil
}

func (l *lruRival) Close() error {
	l.cache.Purge()
	return nil
}
