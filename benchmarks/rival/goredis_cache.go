package rival

import (
	"context"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func goredisCache() []Rival {
	const module = "github.com/go-redis/cache/v9"
	return []Rival{
		{
			Name: "go-redis/cache", Module: module, Tiers: Memory | Redis, Bytes: true,
			How:  "as its README: TinyLFU in front, its own MessagePack and S2; no batch",
			Open: openGoredisCache(false),
		},
		{
			Name: "go-redis/cache, our codec", Module: module, Tiers: Memory | Redis, Bytes: true,
			How:  "with Marshal and Unmarshal of tieredcache's codec",
			Open: openGoredisCache(true),
		},
	}
}

type goredis struct {
	config Config
	cache  *cache.Cache
	redis  *redis.Client
}

func openGoredisCache(ourCodec bool) func(context.Context, Config) (Cache, error) {
	return func(_ context.Context, c Config) (Cache, error) {
		g := &goredis{config: c}
		options := &cache.Options{LocalCache: cache.NewTinyLFU(or(c.Entries, 1000), TTL)} // 1000 is its README's
		if c.Redis != "" {
			g.redis = redis.NewClient(&redis.Options{Addr: c.Redis})
			options.Redis = g.redis // a nil client is no nil interface
		}
		if ourCodec {
			codec := Codec()
			options.Marshal = func(v any) ([]byte, error) { return codec.Append(nil, v.(sample.List)) }
			options.Unmarshal = func(src []byte, to any) (err error) {
				*to.(*sample.List), err = codec.Decode(src)
				return err
			}
		}
		g.cache = cache.New(options)
		return g, nil
	}
}

func (g *goredis) Get(ctx context.Context, key string) (list sample.List, err error) {
	err = g.cache.Once(&cache.Item{
		Ctx: ctx, Key: key, Value: &list, TTL: TTL,
		Do: func(*cache.Item) (any, error) { return g.config.Load(ctx, key) },
	})
	return list, err
}

func (g *goredis) Invalidate(ctx context.Context, key string) error { return g.cache.Delete(ctx, key) }

func (g *goredis) Close() error {
	if g.redis == nil {
		return nil
	}
	return g.redis.Close()
}
