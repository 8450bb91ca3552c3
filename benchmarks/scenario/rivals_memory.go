package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// rivalsMemory measures by how much the heap grows for each entry. The lists are the source's and the keys the test's
// own, so that it is what a cache takes beside them; a cache that keeps bytes has a copy of each list, which is its own.
// The floor is ristretto with its own TTL.
func rivalsMemory(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	n := pick(env, 100_000, 50_000, 1000)
	return onStand(ctx, env, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "rivals-memory", Unit: "B/entry beyond its value"}
		all := append([]rival.Rival{rival.Ristretto()}, rivals(env, rival.Memory)...)
		// Those with connections are the last: seconds after they were closed, their buffers are let go.
		slices.SortStableFunc(all, func(a, b rival.Rival) int { return count(a.Needs) - count(b.Needs) })
		for i, r := range all {
			if i > 0 && r.Name == row.Floor.Name {
				continue
			}
			on := (*stand)(nil)
			if r.Needs {
				on = s
			}
			bytes, err := on.grownBy(ctx, r, n)
			f := measure.Figure{Name: r.Name, Value: bytes}
			if r.Bytes {
				f.Note = "with its own copy of the list, encoded"
			}
			if err != nil {
				f.Err = err.Error()
			}
			if i == 0 {
				f.Ratio, f.Low, f.High = 1, 1, 1
				row.Floor = f
				continue
			}
			f.Ratio = bytes / row.Floor.Value
			f.Low, f.High = f.Ratio, f.Ratio
			row.Subjects = append(row.Subjects, f)
		}
		return []measure.Row{row}, ctx.Err()
	})
}

// grownBy returns by how many bytes the heap grows for each of n entries.
func (s *stand) grownBy(ctx context.Context, r rival.Rival, n int) (_ float64, err error) {
	j := s.subject(r, 2*n)
	keys := source.Keys(j.prefix, n)
	before, err := settledHeap(ctx, n)
	if err != nil {
		return 0, err
	}
	if err := j.open(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	if err := s.warm(ctx, j, keys); err != nil {
		return 0, err
	}
	after, err := settledHeap(ctx, n)
	runtime.KeepAlive(keys)
	return (after - before) / float64(n), err
}

// settledHeap returns the bytes that live once they stay the same, to a byte for each of n entries: what a cache that was
// closed before lets go of late is not to be taken for the next one's.
func settledHeap(ctx context.Context, n int) (bytes float64, err error) {
	last := heap()
	err = until(ctx, "the heap stays the same", func() (bool, error) {
		bytes = heap()
		settled := math.Abs(bytes-last) < float64(n)
		last = bytes
		return settled, nil
	})
	return bytes, err
}

// rivalsHitRatio measures what share of the reads memory answers when it holds one key in a hundred, and each miss
// costs a GET of Redis: on a zipf distribution, and on one that is interleaved with a scan of keys that nobody reads
// again. The first half of the reads warms up. The floor is ristretto with its own TTL.
func rivalsHitRatio(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	n := pick(env, 20_000, 5000, 300)
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		for _, c := range []struct {
			name string
			scan bool
		}{{"zipf", false}, {"scan", true}} {
			row := measure.Row{Scenario: "rivals-hit-ratio/" + c.name, Unit: "hits in 100 reads, higher is better"}
			for i, r := range append([]rival.Rival{rival.Ristretto()}, rivals(env, rival.Memory)...) {
				if i > 0 && r.Name == row.Floor.Name {
					continue
				}
				hits, err := s.hits(ctx, r, n, c.scan)
				f := measure.Figure{Name: r.Name, Value: hits}
				switch {
				case ctx.Err() != nil:
					return rows, ctx.Err()
				case err != nil:
					f.Err = err.Error()
				}
				if i == 0 {
					f.Ratio, f.Low, f.High = 1, 1, 1
					row.Floor = f
					continue
				}
				f.Ratio = hits / row.Floor.Value
				f.Low, f.High = f.Ratio, f.Ratio
				row.Subjects = append(row.Subjects, f)
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
}

// hits returns how many of a hundred reads of the zipf distribution are hits.
func (s *stand) hits(ctx context.Context, r rival.Rival, n int, scan bool) (_ float64, err error) {
	if r.Needs {
		return 0, errors.New("not measured: its memory is bounded in bytes for each connection, at no number of entries")
	}
	j := (*stand)(nil).subject(r, n/100)
	load := j.config.Load
	j.config.Load = func(ctx context.Context, key string) (sample.List, error) {
		if err := s.client.Exists(ctx, key).Err(); err != nil {
			return nil, fmt.Errorf("what a miss costs: %w", err)
		}
		return load(ctx, key)
	}
	if err := j.open(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	order, keys := zipf(n), source.Keys("", n)
	reads, hits, scanned := 2*n, 0, n
	for i := range reads {
		before := j.source.Loads()
		if err := j.read(ctx, keys[order[i%len(order)]]); err != nil {
			return 0, err
		}
		if i >= reads/2 && j.source.Loads() == before {
			hits++
		}
		if scan {
			if err := j.read(ctx, source.Key("", scanned)); err != nil {
				return 0, err
			}
			scanned++
		}
	}
	return 100 * float64(hits) / float64(reads-reads/2), nil
}
