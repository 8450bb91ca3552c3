package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// missBeyondLoader measures what a miss costs beside a loader that answers at once, against a bare GET that finds
// nothing and the SET of what was loaded.
func missBeyondLoader(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	list, codec := sample.Preferences(1), storeCodec()
	next := 0
	floor := measure.Op{Name: "GET, encode, SET", Run: repeat(func(ctx context.Context, _ int) error {
		next++
		key := r.key(next)
		if err := r.client.Get(ctx, key).Err(); !errors.Is(err, redis.Nil) {
			return fmt.Errorf("GET of a key that is not there: %w", err)
		}
		b, err := codec.Append(nil, list)
		if err != nil {
			return err
		}
		return r.client.Set(ctx, key, b, life).Err()
	})}
	miss := func(name, cache string, background bool) (measure.Op, *tiered.Cache[neo4jstore.UserKey, sample.List], error) {
		config := r.listConfig(nil)
		config.Name, config.FillInBackground = cache, background
		config.Load = func(context.Context, neo4jstore.UserKey) (sample.List, error) { return list, nil }
		c, err := tiered.New(config)
		if err != nil {
			return measure.Op{}, nil, err
		}
		next := 0
		return measure.Op{Name: name, Run: func(ctx context.Context, n int) error {
			before := c.Stats().Loads
			for range n {
				next++
				if err := checkList(c.Get(ctx, sample.Key(next))); err != nil {
					return err
				}
			}
			if loads := c.Stats().Loads - before; loads != uint64(n) {
				return fmt.Errorf("%d loads for %d misses", loads, n)
			}
			return nil
		}}, c, nil
	}
	atOnce, c, err := miss(ours, "miss", false)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	later, c, err := miss(ours+", fill in background", "later", true)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	got, err := measure.Paired(ctx, o, floor, atOnce, later)
	return row("miss/beyond", got, err)
}
