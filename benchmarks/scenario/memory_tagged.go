package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/tiered"
)

// lists returns n lists.
func lists(n int) []sample.List {
	all := make([]sample.List, n)
	for i := range all {
		all[i] = sample.Preferences(i)
	}
	return all
}

// taggedMemoryHit measures what a tag per entry costs a hit in memory.
func taggedMemoryHit(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	const keys = 1000
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	hit := func(name, cache string, tagged bool) (measure.Op, func() error, error) {
		config := r.listConfig(lists(keys))
		config.Name = cache
		if tagged {
			config.Tags = userTag
		}
		c, err := tiered.New(config)
		if err != nil {
			return measure.Op{}, nil, err
		}
		all := newKeys(keys)
		for _, k := range all {
			if err := checkList(c.Get(ctx, k)); err != nil {
				return measure.Op{}, nil, errors.Join(err, c.Close())
			}
		}
		misses := c.Stats().MemoryMisses
		return measure.Op{Name: name, Run: func(ctx context.Context, n int) error {
			at := 0
			for range n {
				if err := checkList(c.Get(ctx, all[at])); err != nil {
					return err
				}
				if at++; at == keys {
					at = 0
				}
			}
			if now := c.Stats().MemoryMisses; now > misses+keys {
				return fmt.Errorf("%d reads were no hits in memory", now-misses)
			}
			return nil
		}}, c.Close, nil
	}
	floor, closeFloor, err := hit(ours+", untagged", "untagged", false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeFloor() }()
	tagged, closeTagged, err := hit(ours+", tagged", "tagged", true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeTagged() }()
	got, err := measure.Paired(ctx, o, floor, tagged)
	return row("memory-tagged", got, err)
}

// taggedRedisHit measures a hit in Redis of an entry with one tag, against the same two looks of a bare client in one
// pipeline.
func taggedRedisHit(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	keys := pick(env, 20_000, 5_000)
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	config := r.listConfig(lists(keys))
	config.Tags = userTag
	c, err := newCold(ctx, config, keys)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := r.fillRaw(ctx, keys); err != nil {
		return nil, err
	}
	codec, at := storeCodec(), 0
	floor := measure.Op{Name: "GET and MGET in one pipeline, decode", Run: each(func(ctx context.Context, _ int) error {
		if at++; at == keys {
			at = 0
		}
		pipe := r.client.Pipeline()
		get, mget := pipe.Get(ctx, r.key(at)), pipe.MGet(ctx, r.key(at)+":tag")
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		if tag, _ := mget.Val()[0].(string); tag != rawTag {
			return fmt.Errorf("the tag is %q, want %q", tag, rawTag)
		}
		b, err := get.Bytes()
		if err != nil {
			return err
		}
		return checkList(codec.Decode(b))
	})}
	tagged := measure.Op{Name: ours + ", tagged", Prepare: c.prepare, Run: func(ctx context.Context, n int) error {
		before := c.cache.Stats().RedisHits
		for _, k := range c.take(n) {
			if err := checkList(c.cache.Get(ctx, k)); err != nil {
				return err
			}
		}
		return c.answered(before, n)
	}}
	got, err := measure.Paired(ctx, o, floor, tagged)
	return row("redis-tagged", got, err)
}

// rawTag is what stands at the tag of each bare entry: as long as a version.
const rawTag = "V12345678"

// fillRaw writes lists, and a tag for each, as a bare client would.
func (r *rig) fillRaw(ctx context.Context, keys int) error {
	codec := storeCodec()
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range keys {
			b, err := codec.Append(nil, sample.Preferences(i))
			if err != nil {
				return err
			}
			p.Set(ctx, r.key(i), b, life)
			p.Set(ctx, r.key(i)+":tag", rawTag, life)
		}
		return nil
	})
	return err
}
