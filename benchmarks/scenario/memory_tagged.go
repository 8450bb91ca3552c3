package scenario

import (
	"context"
	"errors"
	"fmt"

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
		err = fill(ctx, keys, func(k int) bool { _, ok := c.Peek(all[k-1]); return ok }, func(some []int) error {
			for _, k := range some {
				if err := checkList(c.Get(ctx, all[k-1])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return measure.Op{}, nil, errors.Join(err, c.Close())
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
			if now := c.Stats().MemoryMisses; now > misses {
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
