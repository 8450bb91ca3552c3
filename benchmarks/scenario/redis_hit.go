package scenario

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// redisHit reads keys that another instance of the same cache has stored in Redis and that this one reads for the first
// time, so that memory, where there is one, does all that it does in use: it looks, misses and takes the value. Before
// its keys run out, an instance is replaced by a new one, while nothing is timed. The floor is go-redis alone, GET and
// decode with tieredcache's codec.
func redisHit(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		floor := s.subject(rival.Bare(), 0)
		all := s.subjects(rivals(env, rival.Redis), floor.Name, 0)
		defer closeAll(append(all, floor))
		n := farKeys(o)
		first := s.farOp(ctx, floor, n, 1)
		single := ops(all, func(j *subject) measure.Op { return s.farOp(ctx, j, n, 1) })
		row, err := measure.Paired(ctx, o, first, single...)
		if err != nil {
			return nil, err
		}
		row.Scenario = "redis-hit/one"
		rows = append(rows, row)

		const crowd = 32
		row, err = measure.Paired(ctx, o, again(floor, first, n, crowd), func() (list []measure.Op) {
			for i, j := range all {
				list = append(list, again(j, single[i], n, crowd))
			}
			return list
		}()...)
		if err != nil {
			return rows, err
		}
		row.Scenario = fmt.Sprintf("redis-hit/%d", crowd)
		rows = append(rows, row)

		for i, j := range all {
			if j.Name == rival.Tagged {
				if row, err = s.redisTagged(ctx, o, n, floor, again(j, single[i], n, 1)); err != nil {
					return rows, err
				}
				rows = append(rows, row)
			}
		}
		return rows, nil
	})
}

// farKeys is more keys than the fastest of all reads in one slice.
func farKeys(o measure.Options) int { return max(500, int(o.Time/(4*time.Microsecond))) }

// farOp fills Redis for a subject and returns the op that reads the keys, with workers, none of them twice by one
// instance.
func (s *stand) farOp(ctx context.Context, j *subject, keys, workers int) measure.Op {
	if err := s.fill(ctx, j, source.Keys(j.prefix, keys)); err != nil {
		return j.failing(err)
	}
	asked, err := s.asked(ctx, j)
	if err != nil {
		return j.failing(err)
	}
	return j.farOp(keys, workers, j.How, fmt.Sprintf("Redis is asked %.2f times a read", asked))
}

// again is an op of farOp with other workers; one that failed stays failed.
func again(j *subject, op measure.Op, keys, workers int) measure.Op {
	if op.Prepare == nil {
		return op
	}
	second := j.farOp(keys, workers)
	second.Note = op.Note
	return second
}

func (j *subject) farOp(keys, workers int, notes ...string) measure.Op {
	f := j.far(keys)
	var slice []string
	return j.op(func(ctx context.Context, n int) (err error) {
		slice, err = f.next(ctx, n)
		return err
	}, func(ctx context.Context, n int) error {
		return spread(n, workers, func(i int) error { return j.read(ctx, slice[i]) })
	}, 0, notes...)
}

// far hands out keys that are in Redis and not in the subject's memory.
type far struct {
	*subject
	keys []string
	used int
}

// far returns the keys below n, all of them used up: the first slice is a new instance's.
func (j *subject) far(n int) *far { return &far{subject: j, keys: source.Keys(j.prefix, n), used: n} }

// connections is how many keys are read at once to have the connections made.
const connections = 32

// next returns n keys; if so many are not left, it is a new instance's turn.
func (f *far) next(ctx context.Context, n int) ([]string, error) {
	if n > len(f.keys)-connections {
		return nil, fmt.Errorf("%d reads in a slice, %d keys: give a longer slice", n, len(f.keys))
	}
	if f.used+n > len(f.keys) {
		if f.cache == nil || f.Tiers.Has(rival.Memory) {
			if err := f.open(ctx); err != nil {
				return nil, err
			}
			if err := spread(connections, connections, func(i int) error { return f.read(ctx, f.keys[i]) }); err != nil {
				return nil, err
			}
			runtime.GC() // no slice pays for the memory of the instance before
		}
		f.used = connections
	}
	f.used += n
	return f.keys[f.used-n : f.used], nil
}

// asked returns how often a new instance asks Redis for each read.
func (s *stand) asked(ctx context.Context, j *subject) (float64, error) {
	const reads = 500
	f := j.far(reads + connections)
	slice, err := f.next(ctx, reads)
	if err != nil {
		return 0, err
	}
	before, err := s.reads(ctx)
	if err != nil {
		return 0, err
	}
	if err := spread(reads, 1, func(i int) error { return j.read(ctx, slice[i]) }); err != nil {
		return 0, err
	}
	after, err := s.reads(ctx)
	if err == nil && after-before < reads*95/100 {
		err = fmt.Errorf("%d reads asked Redis %d times only", reads, after-before)
	}
	return float64(after-before) / reads, errors.Join(err, j.close())
}
