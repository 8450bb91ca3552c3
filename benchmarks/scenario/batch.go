package scenario

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

// batchOfRedisHits measures GetMany of 100 keys that Redis has and memory has not, against one bare MGET of 100 and
// their decoding.
func batchOfRedisHits(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	const size = 100
	keys := pick(env, 40_000, 10_000, 2_000)
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	c, err := newCold(ctx, r.listConfig(lists(keys)), keys)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := r.fillRaw(ctx, keys); err != nil {
		return nil, err
	}
	codec, at := storeCodec(), 0
	floor := measure.Op{Name: "MGET of 100, decode", Run: repeat(func(ctx context.Context, _ int) error {
		if at+size > keys {
			at = 0
		}
		words := make([]string, size)
		for i := range words {
			words[i] = r.key(at + i)
		}
		at += size
		values, err := r.client.MGet(ctx, words...).Result()
		if err != nil {
			return err
		}
		for _, v := range values {
			s, _ := v.(string)
			if err := checkList(codec.Decode([]byte(s))); err != nil {
				return err
			}
		}
		return nil
	})}
	batch := measure.Op{
		Name:    ours,
		Prepare: func(ctx context.Context, n int) error { return c.prepare(ctx, n*size) },
		Run: func(ctx context.Context, n int) error {
			before := c.cache.Stats().RedisHits
			for range n {
				found, err := c.cache.GetMany(ctx, c.take(size))
				if err == nil && len(found) != size {
					err = fmt.Errorf("%d values of %d", len(found), size)
				}
				if err != nil {
					return err
				}
			}
			return c.answered(before, n*size)
		},
	}
	got, err := measure.Paired(ctx, o, floor, batch)
	return row("batch/l2", got, err)
}

// fillRaw writes lists as a bare client would.
func (r *rig) fillRaw(ctx context.Context, keys int) error {
	codec := storeCodec()
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range keys {
			b, err := codec.Append(nil, sample.Preferences(i))
			if err != nil {
				return err
			}
			p.Set(ctx, r.key(i), b, life)
		}
		return nil
	})
	return err
}
