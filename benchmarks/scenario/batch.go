package scenario

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

// batchOfRedisHits measures GetMany of 100 keys that Redis has and memory has not, against one bare MGET of 100 and
// their decoding: where memory has room for what it reads, and where it is full.
func batchOfRedisHits(ctx context.Context, env Env, o measure.Options) (rows []measure.Row, err error) {
	keys := pick(env, 40_000, 10_000, 2_000)
	for _, memory := range []struct {
		row      string
		capacity int
		full     bool
	}{
		{"batch/l2", keys * 4096, false},
		{"batch/full", keys * 48, true},
	} {
		got, err := batchInto(ctx, env, o, keys, memory.capacity, memory.full)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", memory.row, err)
		}
		got.Scenario = memory.row
		rows = append(rows, got)
	}
	return rows, nil
}

// batchInto measures it with a memory of a capacity in bytes, which is full by the end or is not.
func batchInto(ctx context.Context, env Env, o measure.Options, keys, capacity int, full bool) (measure.Row, error) {
	const size = 100
	r, err := newRig(env)
	if err != nil {
		return measure.Row{}, err
	}
	defer r.close()
	config := r.listConfig(lists(keys))
	config.Capacity = int64(capacity)
	c, err := newCold(ctx, config, keys)
	if err != nil {
		return measure.Row{}, err
	}
	defer c.close()
	if err := r.fillRaw(ctx, keys); err != nil {
		return measure.Row{}, err
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
	if err != nil || got.Subjects[0].Err != "" {
		return got, err
	}
	return got, until(ctx, fmt.Sprintf("memory holds what it should of %d keys: full is %t", c.next, full), func() (bool, error) {
		held := c.held()
		return full && held < c.next/2 || !full && held > c.next*9/10, nil
	})
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
