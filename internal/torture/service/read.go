package service

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
	"github.com/tieredcache/tieredcache/tiered"
)

// burst is how many reads a reader makes at full speed before it lets others have the processor.
const burst = 1000

// popular draws keys of which some are read and written far more often than others.
func popular(r *rand.Rand) func() int {
	zipf := rand.NewZipf(r, 2, 10, truth.Keys-1)
	return func() int { return int(zipf.Uint64()*7919) % truth.Keys } // spread over the groups
}

// read reads in bursts until ctx ends.
func (s *service) read(ctx context.Context, r *rand.Rand, way func(context.Context, []int) (memory int)) {
	draw, keys := popular(r), make([]int, 1<<14)
	for i := range keys {
		keys[i] = draw()
	}
	for rest(ctx, s.config.Rest/2+rand.N(s.config.Rest)) {
		at := r.IntN(len(keys) - burst)
		for i := 0; i < burst && ctx.Err() == nil; i += 100 { // counted often: while Redis is away each read takes long
			memory := way(ctx, keys[at+i:at+i+100])
			s.table.CountReads(s.config.Slot, 100)
			s.table.Counts.MemoryHits.Add(int64(memory))
		}
	}
}

// one reads keys one by one.
func (s *service) one(ctx context.Context, keys []int) (memory int) {
	ctx, origin := tiered.WithOrigin(context.WithoutCancel(ctx))
	for _, key := range keys {
		r := s.check.Begin(key)
		v, err := s.cache.Get(ctx, key)
		s.judge(r, key, v, err)
		if origin.Tier() == tiered.Memory {
			memory++
		} else {
			ctx, origin = tiered.WithOrigin(context.WithoutCancel(ctx))
		}
	}
	return memory
}

// impatient readers leave flights.
func (s *service) impatient(ctx context.Context, keys []int) (memory int) {
	ctx, origin := tiered.WithOrigin(context.WithoutCancel(ctx))
	for _, key := range keys {
		patience, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
		r := s.check.Begin(key)
		v, err := s.cache.Get(patience, key)
		if !lostPatience(patience, err) {
			s.judge(r, key, v, err)
		}
		cancel()
		if origin.Tier() == tiered.Memory {
			memory++
		} else {
			ctx, origin = tiered.WithOrigin(context.WithoutCancel(ctx))
		}
	}
	return memory
}

// lostPatience says whether a reader got no answer because his time is over: by the clock, the context's timer may be late.
func lostPatience(ctx context.Context, err error) bool {
	deadline, has := ctx.Deadline()
	return has && !time.Now().Before(deadline) && errors.Is(err, context.DeadlineExceeded)
}

// batch reads several keys at once.
func (s *service) batch(ctx context.Context, keys []int) (memory int) {
	return s.batches(ctx, keys, func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} })
}

// impatientBatch leaves batches, at any point of their way.
func (s *service) impatientBatch(ctx context.Context, keys []int) (memory int) {
	return s.batches(ctx, keys, func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, rand.N(3*time.Millisecond))
	})
}

func (s *service) batches(ctx context.Context, keys []int, patience func(context.Context) (context.Context, context.CancelFunc)) (memory int) {
	readings := make([]truth.Reading, 0, 20)
	for at := 0; at < len(keys); at += 20 {
		some := keys[at : at+20]
		readings = readings[:0]
		for _, key := range some {
			readings = append(readings, s.check.Begin(key))
		}
		ctx, origin := tiered.WithOrigin(context.WithoutCancel(ctx))
		ctx, cancel := patience(ctx)
		found, err := s.cache.GetMany(ctx, some)
		cancel()
		var failed *tiered.BatchError[int]
		if err != nil && !errors.As(err, &failed) {
			s.check.Failed(some[0], err)
			continue
		}
		for i, key := range some {
			v, ok := found[key]
			switch {
			case ok:
				s.judge(readings[i], key, v, nil)
			case failed != nil && lostPatience(ctx, failed.Failed[key]):
			case failed != nil && failed.Failed[key] != nil:
				s.judge(readings[i], key, v, failed.Failed[key])
			default:
				s.check.Failed(key, errors.New("a batch has neither a value nor an error for it"))
			}
		}
		if origin.Tier() == tiered.Memory {
			memory += len(some)
		}
	}
	return memory
}

func (s *service) judge(r truth.Reading, key int, v Value, err error) {
	switch {
	case err == nil && v.Key == key:
		s.check.End(r, v.Version)
	case err == nil:
		s.check.Failed(key, errors.New("was answered with another key's value"))
	case errors.Is(err, errTold):
		s.table.Counts.ToldErrors.Add(1)
	default:
		s.check.Failed(key, err)
	}
}
