package rival

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

func sturdycCache() []Rival {
	return []Rival{{
		Name: "sturdyc", Module: "github.com/viccon/sturdyc", Tiers: Memory | Redis,
		How:  "10 shards and 10 % evicted, as its README; Redis as its distributed storage: JSON of its own, SETs in the background",
		Open: openSturdyc,
	}}
}

type sturdy struct {
	config Config
	cache  *sturdyc.Client[sample.List]
	redis  *redis.Client
}

func openSturdyc(_ context.Context, c Config) (Cache, error) {
	const (
		shards            = 10
		evictedPercentage = 10
	)
	s := &sturdy{config: c}
	var options []sturdyc.Option
	if c.Redis != "" {
		s.redis = redis.NewClient(&redis.Options{Addr: c.Redis})
		options = append(options, sturdyc.WithDistributedStorage(&storage{s.redis}))
	}
	s.cache = sturdyc.New[sample.List](or(c.Entries, 10_000), shards, TTL, evictedPercentage, options...)
	return s, nil
}

// Get is GetOrFetch.
func (s *sturdy) Get(ctx context.Context, key string) (sample.List, error) {
	return s.cache.GetOrFetch(ctx, key, func(ctx context.Context) (sample.List, error) { return s.config.Load(ctx, key) })
}

// GetMany is GetOrFetchBatch.
func (s *sturdy) GetMany(ctx context.Context, keys []string) (map[string]sample.List, error) {
	return s.cache.GetOrFetchBatch(ctx, keys, func(id string) string { return id }, s.config.LoadMany)
}

// Invalidate removes from both tiers; sturdyc leaves the second to its user.
func (s *sturdy) Invalidate(ctx context.Context, key string) error {
	var err error
	if s.redis != nil {
		err = s.redis.Del(ctx, key).Err()
	}
	s.cache.Delete(key)
	return err
}

// Close closes the client, if there is one. sturdyc has no end: it is emptied, since its goroutine keeps what it holds,
// half a gigabyte in a whole run.
func (s *sturdy) Close() error {
	for _, key := range s.cache.ScanKeys() {
		s.cache.Delete(key)
	}
	if s.redis == nil {
		return nil
	}
	return s.redis.Close()
}

// storage is Redis as a sturdyc.DistributedStorage, which knows no errors.
type storage struct{ redis *redis.Client }

// Get is GET.
func (s *storage) Get(ctx context.Context, key string) ([]byte, bool) {
	found, err := s.redis.Get(ctx, key).Bytes()
	return found, err == nil
}

// Set is SET.
func (s *storage) Set(ctx context.Context, key string, value []byte) {
	_ = s.redis.Set(ctx, key, value, TTL).Err()
}

// GetBatch is MGET.
func (s *storage) GetBatch(ctx context.Context, keys []string) map[string][]byte {
	found := make(map[string][]byte, len(keys))
	words, err := s.redis.MGet(ctx, keys...).Result()
	if err != nil {
		return found
	}
	for i, w := range words {
		if text, ok := w.(string); ok {
			found[keys[i]] = []byte(text)
		}
	}
	return found
}

// SetBatch is a pipeline of SETs.
func (s *storage) SetBatch(ctx context.Context, records map[string][]byte) {
	_, _ = s.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		var err error
		for k, v := range records {
			err = errors.Join(err, p.Set(ctx, k, v, TTL).Err())
		}
		return err
	})
}
