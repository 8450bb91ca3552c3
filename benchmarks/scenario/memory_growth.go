package scenario

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/tiered"
)

// growth measures a hit in memory, of a key drawn at random, as the number of keys grows, all within the capacity; and
// then by how much it grew.
func growth(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	var rows []measure.Row
	for _, size := range pick(env, []int{1e3, 1e4, 1e5, 1e6, 1e7}, []int{1e3, 1e4, 1e5}, []int{1e3, 1e4}) {
		got, err := hitAmong(ctx, o, size)
		if err != nil {
			return rows, fmt.Errorf("%.0e keys: %w", float64(size), err)
		}
		got.Scenario = fmt.Sprintf("memory-growth/%.0e", float64(size))
		rows = append(rows, got)
	}
	first, last := rows[0], rows[len(rows)-1]
	grew := measure.Row{Scenario: "memory-growth/growth", Unit: "x from the fewest keys to the most"}
	theirs := last.Floor.Value / first.Floor.Value
	grew.Floor = measure.Figure{Name: first.Floor.Name, Value: theirs, Ratio: 1, Low: 1, High: 1, Note: last.Scenario}
	a, b := first.Subjects[0], last.Subjects[0]
	// Of the paired ratios, which the machine's moods leave alone.
	grew.Subjects = []measure.Figure{{
		Name: ours, Value: b.Value / a.Value, Ratio: b.Ratio / a.Ratio, Low: b.Low / a.High, High: b.High / a.Low,
		Err: a.Err + b.Err, Note: last.Scenario,
	}}
	return append(rows, grew), nil
}

func hitAmong(ctx context.Context, o measure.Options, keys int) (measure.Row, error) {
	c, err := tiered.New(tiered.Config[int, int]{
		Name: "growth", TTL: 24 * time.Hour, Capacity: max(int64(keys)*512, 1<<20),
		LoadMany: func(_ context.Context, keys []int) (map[int]int, error) {
			found := make(map[int]int, len(keys))
			for _, k := range keys {
				found[k] = -k
			}
			return found, nil
		},
	})
	if err != nil {
		return measure.Row{}, err
	}
	defer c.Close()
	r, err := ristretto.NewCache(&ristretto.Config[int, int]{
		NumCounters: int64(10 * keys), MaxCost: int64(2 * keys), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return measure.Row{}, err
	}
	defer r.Close()
	err = errors.Join(
		fill(ctx, keys, func(k int) bool { _, ok := r.Get(k); return ok }, func(some []int) error {
			for _, k := range some {
				r.SetWithTTL(k, -k, 1, 24*time.Hour)
			}
			return nil
		}),
		fill(ctx, keys, func(k int) bool { _, ok := c.Peek(k); return ok }, func(some []int) error {
			_, err := c.GetMany(ctx, some)
			return err
		}),
	)
	if err != nil {
		return measure.Row{}, err
	}
	if keys >= 1e6 {
		o.Rounds = min(o.Rounds, 5) // each begins with a collection of garbage, and it has much to mark
	}
	return measure.Paired(ctx, o,
		measure.Op{Name: "ristretto, its own TTL", Run: atRandom(keys, func(k int) (int, error) {
			v, _ := r.Get(k)
			return v, nil
		})},
		measure.Op{Name: ours, Run: atRandom(keys, func(k int) (int, error) { return c.Get(ctx, k) })})
}

// fill puts the keys from 1 on, a thousand at a time, until all of them are there. Memory takes what is put a little
// later, and drops what comes too fast: so it is waited for a while, as long as it does not lag far behind.
func fill(ctx context.Context, keys int, has func(k int) bool, put func(some []int) error) error {
	const most, lag = 1000, 5
	some := make([]int, 0, most)
	for {
		held, puts := 0, 0
		for k := 1; k <= keys; k++ {
			if has(k) {
				held++
			} else {
				some = append(some, k)
			}
			if len(some) < most && (k < keys || len(some) == 0) {
				continue
			}
			if err := put(some); err != nil {
				return err
			}
			some, puts = some[:0], puts+1
			for spin := 0; puts > lag && spin < 1000 && !has(k-lag*most); spin++ {
				runtime.Gosched()
			}
		}
		if held == keys {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("memory holds %d of %d keys: %w", held, keys, err)
		}
		runtime.Gosched()
	}
}

// atRandom reads keys in an order that no cache of the processor foresees, the same for all.
func atRandom(keys int, read func(k int) (int, error)) func(context.Context, int) error {
	x := uint64(1)
	return func(_ context.Context, n int) error {
		for range n {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			k := 1 + int(x%uint64(keys))
			if v, err := read(k); err != nil || v != -k {
				return fmt.Errorf("key %d: %d, %w", k, v, err)
			}
		}
		return nil
	}
}
