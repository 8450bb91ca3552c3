package scenario

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// redisTagged is redisHit of entries that have a tag, which no rival has. The floor is GET of the value and MGET of its
// one tag, in one pipeline of go-redis.
func (s *stand) redisTagged(ctx context.Context, o measure.Options, keys int, floor *subject, subject measure.Op) (measure.Row, error) {
	tags, list, codec := source.Keys(floor.prefix+"tag:", keys), source.Keys(floor.prefix, keys), rival.Codec()
	err := spread(keys, connections, func(i int) error { return s.client.Set(ctx, tags[i], "V0123456789abcdef", rival.TTL).Err() })
	if err != nil {
		return measure.Row{}, err
	}
	at := 0
	row, err := measure.Paired(ctx, o, measure.Op{Name: "go-redis alone, GET and MGET in a pipeline", Run: func(ctx context.Context, n int) error {
		return spread(n, 1, func(int) error {
			at = (at + 1) % keys
			var word *redis.StringCmd
			if _, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				word = p.Get(ctx, list[at])
				return p.MGet(ctx, tags[at]).Err()
			}); err != nil {
				return err
			}
			found, err := word.Bytes()
			if err != nil {
				return err
			}
			l, err := codec.Decode(found)
			if err != nil {
				return err
			}
			return whole(l)
		})
	}}, subject)
	row.Scenario = "redis-hit/tagged"
	return row, err
}
