package rival

import (
	"context"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

// Ristretto is the floor in memory: ristretto with its own TTL.
func Ristretto() Rival {
	return Rival{
		Name: "ristretto", Module: "github.com/dgraph-io/ristretto/v2", Tiers: Memory,
		How:  "ten counters an entry and BufferItems 64, as its documentation; cost 1; its own TTL; loads are not shared",
		Open: openRistretto(TTL),
	}
}

func ristrettoCaches() []Rival {
	without := Ristretto()
	without.Name, without.How, without.Open = "ristretto, no TTL", "the same, and entries never expire", openRistretto(0)
	return []Rival{Ristretto(), without}
}

type ristrettoRival struct {
	config Config
	ttl    time.Duration
	cache  *ristretto.Cache[string, sample.List]
}

func openRistretto(ttl time.Duration) func(context.Context, Config) (Cache, error) {
	return func(_ context.Context, c Config) (Cache, error) {
		entries := int64(or(c.Entries, 1000))
		cache, err := ristretto.NewCache(&ristretto.Config[string, sample.List]{
			NumCounters: 10 * entries, MaxCost: entries, BufferItems: 64, IgnoreInternalCost: true,
		})
		return &ristrettoRival{c, ttl, cache}, err
	}
}

func (r *ristrettoRival) Get(ctx context.Context, key string) (sample.List, error) {
	if list, ok := r.cache.Get(key); ok {
		return list, nil
	}
	list, err := r.config.Load(ctx, key)
	if err == nil {
		r.cache.SetWithTTL(key, list, 1, r.ttl)
	}
	return list, err
}

func (r *ristrettoRival) Invalidate(_ context.Context, key string) error {
	r.cache.Del(key)
	return nil
}

func (r *ristrettoRival) Close() error {
	r.cache.Close()
	return nil
}
