package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// memoryHit reads a thousand keys in turn, all of them in memory, with one goroutine and with one for each core. Caches
// of two tiers have their Redis behind them. The floor is ristretto with its own TTL.
func memoryHit(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	keys := pick(env, 1000, 1000, 100)
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		floor := s.subject(rival.Ristretto(), 2*keys)
		all := s.subjects(rivals(env, rival.Memory), floor.Name, 2*keys)
		defer closeAll(append(all, floor))
		order := inTurn(keys)
		for _, c := range []struct {
			name    string
			workers int
		}{{"one", 1}, {"all", runtime.GOMAXPROCS(0)}} {
			row, err := measure.Paired(ctx, o, s.nearOp(ctx, floor, order, keys, c.workers), ops(all, func(j *subject) measure.Op {
				return s.nearOp(ctx, j, order, keys, c.workers)
			})...)
			if err != nil {
				return rows, err
			}
			row.Scenario = "memory-hit/" + c.name
			rows = append(rows, row)
		}
		return rows, nil
	})
}

// memoryZipf reads keys of a zipf distribution that memory holds all of, one goroutine, each rival by itself beside the
// floor: a million entries of all of them at once would be another test. No Redis is behind them but rueidis's, which
// has no memory without. Those that keep bytes are not filled beyond 1e5.
func memoryZipf(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	o.Rounds = min(o.Rounds, 5) // each begins with a collection of a large heap's garbage
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		for _, n := range pick(env, []int{1e3, 1e4, 1e5, 1e6}, []int{1e3, 1e5}, []int{100}) {
			order := zipf(n)
			floor := (*stand)(nil).subject(rival.Ristretto(), 2*n)
			whole := measure.Row{}
			all := rivals(env, rival.Memory)
			if err := usedHeap(ctx, all[0], n); err != nil {
				return rows, err
			}
			for _, r := range all {
				if r.Name == floor.Name {
					continue
				}
				on := (*stand)(nil)
				if r.Needs {
					on = s
				}
				j := on.subject(r, 2*n)
				op := j.failing(errTooLarge)
				if !r.Bytes || n <= 1e5 {
					op = on.nearOp(ctx, j, order, n, 1)
				}
				row, err := measure.Paired(ctx, o, (*stand)(nil).nearOp(ctx, floor, order, n, 1), op)
				if err = errors.Join(err, j.close()); err != nil {
					return rows, err
				}
				row.Subjects = append(whole.Subjects, row.Subjects...)
				whole = row
			}
			if err := floor.close(); err != nil {
				return rows, err
			}
			whole.Scenario = fmt.Sprintf("memory-zipf/%d", n)
			rows = append(rows, whole)
		}
		return rows, nil
	})
}

// usedHeap fills a cache and closes it. One whose entries find the heap as a new process has it is read faster than all that
// are filled after it, of 1e5 entries by a fifth: so nobody is.
func usedHeap(ctx context.Context, r rival.Rival, n int) error {
	s := (*stand)(nil)
	j := s.subject(r, 2*n)
	if err := j.open(ctx); err != nil {
		return err
	}
	return errors.Join(s.warm(ctx, j, source.Keys(j.prefix, n)), j.close())
}

var errTooLarge = errors.New("not measured: it keeps bytes, a million lists of them are 2 GB and take minutes to fill")

// nearOp warms a subject and returns the op that reads its keys in an order.
func (s *stand) nearOp(ctx context.Context, j *subject, order []uint32, keys, workers int) measure.Op {
	list := source.Keys(j.prefix, keys)
	if j.cache == nil {
		if err := j.open(ctx); err != nil {
			return j.failing(err)
		}
	}
	if err := s.warm(ctx, j, list); err != nil {
		return j.failing(err)
	}
	mask := len(order) - 1
	return j.op(nil, func(ctx context.Context, n int) error {
		return spread(n, workers, func(i int) error { return j.read(ctx, list[order[i&mask]]) })
	}, 0, j.How)
}

func ops(all []*subject, op func(*subject) measure.Op) []measure.Op {
	list := make([]measure.Op, len(all))
	for i, j := range all {
		list[i] = op(j)
	}
	return list
}

// drawn is how long an order is; a power of two.
const drawn = 1 << 20

// inTurn is an order of one key after the other.
func inTurn(keys int) []uint32 {
	order := make([]uint32, drawn)
	for i := range order {
		order[i] = uint32(i % keys)
	}
	return order
}

// zipf is an order in which few keys are read often: exponent 1.01, always the same.
func zipf(keys int) []uint32 {
	z := rand.NewZipf(rand.New(rand.NewSource(1)), 1.01, 1, uint64(keys-1))
	order := make([]uint32, drawn)
	for i := range order {
		order[i] = uint32(z.Uint64())
	}
	return order
}
