package rival

import (
	"context"
	"errors"

	"github.com/zeromicro/go-zero/core/stores/cache"
	"github.com/zeromicro/go-zero/core/stores/redis"
	"github.com/zeromicro/go-zero/core/syncx"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func gozeroCache() []Rival {
	return []Rival{{
		Name: "go-zero", Module: "github.com/zeromicro/go-zero", Tiers: Redis, Needs: true,
		How:  "core/stores/cache: Take on one node; JSON of its own; DisableIdentity, as it says for a Redis below 7.2; its clients are one for each address and are never closed; no batch",
		Open: openGozero,
	}}
}

type gozero struct {
	config Config
	cache  cache.Cache
}

func openGozero(_ context.Context, c Config) (Cache, error) {
	if c.Redis == "" {
		return nil, ErrNeedsRedis
	}
	// A Redis below 7.2 refuses CLIENT SETINFO, and each refusal counts for its breaker, which then opens: so it says, and so it is.
	node := redis.RedisConf{Host: c.Redis, Type: redis.NodeType, NonBlock: true, DisableIdentity: true}
	g := &gozero{config: c}
	g.cache = cache.New(cache.ClusterConf{{RedisConf: node, Weight: 100}}, syncx.NewSingleFlight(), cache.NewStat("lists"), errMissing, cache.WithExpiry(TTL))
	return g, nil
}

// errMissing is what go-zero takes for "the source has none".
var errMissing = errors.New("rival: missing")

// Get is Take.
func (g *gozero) Get(ctx context.Context, key string) (list sample.List, err error) {
	err = g.cache.TakeCtx(ctx, &list, key, func(v any) (err error) {
		*v.(*sample.List), err = g.config.Load(ctx, key)
		return err
	})
	return list, err
}

// Invalidate is Del.
func (g *gozero) Invalidate(ctx context.Context, key string) error { return g.cache.DelCtx(ctx, key) }

// Close does nothing: go-zero keeps its client.
func (*gozero) Close() error { return nil }
