package scenario

import (
	"context"
	"fmt"
	"slices"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// rivalsMiss reads keys that nobody has read, from a source that takes no time. The floor is GET, decode nothing, SET.
func rivalsMiss(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	return onStand(ctx, env, func(s *stand) ([]measure.Row, error) {
		floor := s.subject(rival.Bare(), 0)
		all := s.subjects(missing(rivals(env, rival.Redis)), floor.Name, 0)
		defer closeAll(append(all, floor))
		row, err := measure.Paired(ctx, o, floor.missOp(ctx), ops(all, func(j *subject) measure.Op { return j.missOp(ctx) })...)
		row.Scenario = "rivals-miss"
		return []measure.Row{row}, err
	})
}

func (j *subject) missOp(ctx context.Context) measure.Op {
	if err := j.open(ctx); err != nil {
		return j.failing(err)
	}
	u := unread{prefix: j.prefix}
	var slice []string
	return j.op(func(_ context.Context, n int) error {
		slice = u.next(n)
		return nil
	}, func(ctx context.Context, n int) error {
		return spread(n, 1, func(i int) error { return j.read(ctx, slice[i]) })
	}, 1)
}

// unread hands out keys that nobody has read.
type unread struct {
	prefix string
	used   int
}

// beyondFilled is where the keys begin that no fill has touched.
const beyondFilled = 10_000_000

func (u *unread) next(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = source.Key(u.prefix, beyondFilled+u.used)
		u.used++
	}
	return keys
}

// batchSize is how many keys a batch has.
const batchSize = 100

// rivalsBatch reads a hundred keys at once, of which Redis has all, half or none. Those that know no batch read one key
// after the other. The floor is one MGET, and a pipeline of SETs for what was loaded, all in one load.
func rivalsBatch(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		floor := s.subject(rival.Bare(), 0)
		all := s.subjects(rivals(env, rival.Redis), floor.Name, 0)
		defer closeAll(append(all, floor))
		keys := batchSize * max(10, int(o.Time.Microseconds()/200)) // more than the fastest of all reads in one slice
		filled := map[string]error{}
		for _, j := range append(all, floor) {
			filled[j.Name] = s.fill(ctx, j, source.Keys(j.prefix, keys))
		}
		unused := map[string]*unread{}
		type batch struct {
			name   string
			stored int // of a batch
		}
		half := batch{"half", batchSize / 2}
		three := []batch{{"hits", batchSize}, half, {"none", 0}}
		for _, c := range pick(env, three, three, []batch{half}) {
			op := func(j *subject) measure.Op {
				if err := filled[j.Name]; err != nil {
					return j.failing(err)
				}
				if unused[j.Name] == nil {
					unused[j.Name] = &unread{prefix: j.prefix}
				}
				return j.batchOp(keys, c.stored, unused[j.Name])
			}
			row, err := measure.Paired(ctx, o, op(floor), ops(all, op)...)
			if err != nil {
				return rows, fmt.Errorf("%s: %w", c.name, err)
			}
			row.Scenario, row.Unit = "rivals-batch/"+c.name, "ns/batch"
			rows = append(rows, row)
		}
		return rows, nil
	})
}

func (j *subject) batchOp(keys, stored int, u *unread) measure.Op {
	f := j.far(keys)
	var batches [][]string
	return j.op(func(ctx context.Context, n int) error {
		far, err := f.next(ctx, n*stored)
		if err != nil {
			return err
		}
		near := u.next(n * (batchSize - stored))
		batches = batches[:0]
		for i := range n {
			batches = append(batches, slices.Concat(far[i*stored:(i+1)*stored], near[i*(batchSize-stored):(i+1)*(batchSize-stored)]))
		}
		return nil
	}, func(ctx context.Context, n int) error {
		for _, b := range batches[:n] {
			found, err := rival.GetMany(ctx, j.cache, b)
			if err != nil {
				return err
			}
			if len(found) != batchSize {
				return fmt.Errorf("a batch of %d answers %d", batchSize, len(found))
			}
		}
		return nil
	}, batchSize-stored)
}
