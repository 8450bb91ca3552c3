package scenario

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/tiered"
)

// heap returns the bytes that live.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// memorySize measures what entries cost in memory: beyond their values, against ristretto that holds the same under the same
// keys, and in all, against the capacity that was given.
func memorySize(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	beyond, err := memoryBeyondValues(ctx, pick(env, 100_000, 20_000, 2000))
	if err != nil {
		return nil, err
	}
	whole, err := memoryOfCapacity(ctx, pick[int64](env, 64<<20, 8<<20, 1<<20))
	return []measure.Row{beyond, whole}, err
}

// valueSize is a size class of the allocator, so that a value costs just this.
const valueSize = 256

func memoryBeyondValues(ctx context.Context, n int) (measure.Row, error) {
	r := measure.Row{Scenario: "memory-size/beyond", Unit: "B/entry beyond its value"}
	plain, err := ristrettoBeyond(ctx, n, func(c *ristretto.Cache[string, []byte], k string, v []byte) { c.Set(k, v, 1) })
	if err != nil {
		return r, err
	}
	timed, err := ristrettoBeyond(ctx, n, func(c *ristretto.Cache[string, []byte], k string, v []byte) { c.SetWithTTL(k, v, 1, time.Hour) })
	if err != nil {
		return r, err
	}
	mine, err := oursBeyond(ctx, n)
	if err != nil {
		return r, err
	}
	figure := func(name string, value float64) measure.Figure {
		ratio := value / plain
		return measure.Figure{Name: name, Value: value, Ratio: ratio, Low: ratio, High: ratio}
	}
	r.Floor = figure("ristretto", plain)
	r.Subjects = []measure.Figure{figure(ours, mine), figure("ristretto, its own TTL", timed)}
	r.Subjects[0].Note = "keeps the key, its epoch's places and its expiry; ristretto keeps two hashes of the key"
	return r, nil
}

func ristrettoBeyond(ctx context.Context, n int, set func(*ristretto.Cache[string, []byte], string, []byte)) (float64, error) {
	before := heap()
	c, err := ristretto.NewCache(&ristretto.Config[string, []byte]{
		NumCounters: int64(10 * n), MaxCost: int64(2 * n), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = fill(ctx, n, func(k int) bool { _, ok := c.Get(sample.Text(k)); return ok }, func(some []int) error {
		for _, k := range some {
			set(c, sample.Text(k), make([]byte, valueSize))
		}
		return nil
	})
	return (heap()-before)/float64(n) - valueSize, err
}

func oursBeyond(ctx context.Context, n int) (float64, error) {
	before := heap()
	c, err := tiered.New(tiered.Config[string, []byte]{
		Name: "memory", TTL: time.Hour, Capacity: int64(n) * 1024,
		Load: func(context.Context, string) ([]byte, error) { return make([]byte, valueSize), nil },
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = fill(ctx, n, func(k int) bool { _, ok := c.Peek(sample.Text(k)); return ok }, func(some []int) error {
		for _, k := range some {
			if _, err := c.Get(ctx, sample.Text(k)); err != nil {
				return err
			}
		}
		return nil
	})
	return (heap()-before)/float64(n) - valueSize, err
}

// memoryOfCapacity fills caches far beyond their capacity.
func memoryOfCapacity(ctx context.Context, capacity int64) (measure.Row, error) {
	r := measure.Row{
		Scenario: "memory-size/capacity", Unit: "B of the heap",
		Floor: measure.Figure{Name: "Capacity", Value: float64(capacity), Ratio: 1, Low: 1, High: 1},
	}
	codec := storeCodec()
	encoded, err := codec.Append(nil, sample.Preferences(1))
	if err != nil {
		return r, err
	}
	lists, err := grown(ctx, capacity, 2<<10, func() (sample.List, error) { return codec.Decode(encoded) })
	if err != nil {
		return r, err
	}
	small, err := grown(ctx, capacity, 200, func() ([]byte, error) { return make([]byte, 100), nil })
	if err != nil {
		return r, err
	}
	figure := func(name string, bytes float64) measure.Figure {
		ratio := bytes / float64(capacity)
		return measure.Figure{Name: name, Value: bytes, Ratio: ratio, Low: ratio, High: ratio}
	}
	r.Subjects = []measure.Figure{figure(ours, lists), figure(ours+", values of 100 B", small)}
	return r, nil
}

// grown returns by how much the heap grows when a cache is offered twice what it may hold, or more. Size is the least
// that an entry may take.
func grown[V any](ctx context.Context, capacity int64, size int, load func() (V, error)) (float64, error) {
	before := heap()
	c, err := tiered.New(tiered.Config[string, V]{
		Name: "capacity", TTL: time.Hour, Capacity: capacity,
		Load: func(context.Context, string) (V, error) { return load() },
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for i := range 2 * int(capacity) / size {
		if _, err := c.Get(ctx, sample.Text(i)); err != nil {
			return 0, fmt.Errorf("key %d: %w", i, err)
		}
	}
	return heap() - before, nil
}
