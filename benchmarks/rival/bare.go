package rival

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l2"
)

// Bare is the floor in Redis: go-redis as its README shows it, GET and decode, SET after a miss, DEL after a write.
func Bare() Rival {
	return Rival{Name: "go-redis alone", Module: "github.com/redis/go-redis/v9", Tiers: Redis, Needs: true, Open: openBare}
}

type bare struct {
	config Config
	redis  *redis.Client
	codec  l2.Codec[sample.List]
}

func openBare(_ context.Context, c Config) (Cache, error) {
	if c.Redis == "" {
		return nil, ErrNeedsRedis
	}
	return &bare{config: c, redis: redis.NewClient(&redis.Options{Addr: c.Redis}), codec: Codec()}, nil
}

// Get is GET, or a load and SET.
func (b *bare) Get(ctx context.Context, key string) (sample.List, error) {
	found, err := b.redis.Get(ctx, key).Bytes()
	if err == nil {
		return b.codec.Decode(found)
	}
	if !errors.Is(err, redis.Nil) {
		return nil, err
	}
	list, err := b.config.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	encoded, err := b.codec.Append(nil, list)
	if err != nil {
		return nil, err
	}
	return list, b.redis.Set(ctx, key, encoded, TTL).Err()
}

// GetMany is one MGET, one load, and one pipeline of SETs.
func (b *bare) GetMany(ctx context.Context, keys []string) (map[string]sample.List, error) {
	words, err := b.redis.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	found := make(map[string]sample.List, len(keys))
	var missing []string
	for i, w := range words {
		text, ok := w.(string)
		if !ok {
			missing = append(missing, keys[i])
			continue
		}
		if found[keys[i]], err = b.codec.Decode([]byte(text)); err != nil {
			return nil, err
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	loaded, err := b.config.LoadMany(ctx, missing)
	if err != nil {
		return nil, err
	}
	_, err = b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for k, list := range loaded {
			encoded, err := b.codec.Append(nil, list)
			if err != nil {
				return err
			}
			p.Set(ctx, k, encoded, TTL)
			found[k] = list
		}
		return nil
	})
	return found, err
}

// Invalidate is DEL.
func (b *bare) Invalidate(ctx context.Context, key string) error { return b.redis.Del(ctx, key).Err() }

// Close closes the client.
func (b *bare) Close() error { return b.redis.Close() }
