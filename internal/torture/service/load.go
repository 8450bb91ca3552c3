package service

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

var errTold = errors.New("the source was told to fail")

// load reads from the source, as slowly and as badly as it was told. What takes long may take it before or after it has
// the value: the second is what makes a stale fill.
func (s *service) load(ctx context.Context, key int) (v Value, err error) {
	done := s.check.Loading(ctx, key)
	defer func() { done(err != nil) }()
	return s.fetch(ctx, key)
}

// loadMany is load for the keys of a batch. One that fails fails all.
func (s *service) loadMany(ctx context.Context, keys []int) (found map[int]Value, err error) {
	for _, key := range keys {
		done := s.check.Loading(ctx, key)
		defer func() { done(err != nil) }()
	}
	var group errgroup.Group
	values := make([]Value, len(keys))
	for i, key := range keys {
		group.Go(func() (err error) {
			values[i], err = s.fetch(ctx, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	found = make(map[int]Value, len(keys))
	for i, key := range keys {
		found[key] = values[i]
	}
	return found, nil
}

// fetch reads the source, slowly or in vain where it is told to.
func (s *service) fetch(ctx context.Context, key int) (v Value, err error) {
	c := &s.table.Control
	slow := time.Duration(c.SlowLoads.Load())
	if rand.IntN(4) != 0 {
		slow = 0 // else all readers would soon wait for slow loads
	}
	before := rand.IntN(2) == 0
	if slow > 0 && before && !s.dawdle(ctx, truth.SlowLoads, slow) {
		return Value{}, ctx.Err()
	}
	version, err := s.source.Read(ctx, key)
	if err != nil {
		return Value{}, err
	}
	if slow > 0 && !before && !s.dawdle(ctx, truth.SlowLoads, slow) {
		return Value{}, ctx.Err()
	}
	if s.fails(&c.FailingLoads, truth.FailingLoads) {
		return Value{}, errTold
	}
	return Value{Key: key, Version: version}, nil
}

// dawdle takes up to some time; one in eight takes it to the full.
func (s *service) dawdle(ctx context.Context, kind truth.Kind, most time.Duration) bool {
	s.table.Control.Struck[kind].Add(1)
	d := rand.N(most/16) + time.Millisecond
	if rand.IntN(8) == 0 {
		d = most
	}
	return rest(ctx, d)
}

func (s *service) fails(percent interface{ Load() int64 }, kind truth.Kind) bool {
	if rand.Int64N(100) >= percent.Load() {
		return false
	}
	s.table.Control.Struck[kind].Add(1)
	return true
}
