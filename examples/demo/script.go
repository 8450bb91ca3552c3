package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	readers = 100 // of the crowd
	writes  = 20  // at most
)

// figures are what the last line says.
type figures struct {
	cold, redis, memory time.Duration // medians
	evicted             time.Duration // of the slower peer: the median
	loads               int64         // of the crowd
}

func (f figures) redisSpeedup() float64  { return float64(f.cold) / float64(max(f.redis, 1)) }
func (f figures) memorySpeedup() float64 { return float64(f.cold) / float64(max(f.memory, 1)) }

// show shows what the cache does. The error says what is wrong.
func (c *cluster) show(ctx context.Context, out *table) (f figures, err error) {
	out.title(c.title)
	if err := c.warmUp(ctx, out); err != nil {
		return f, err
	}
	keys := numbers(warm, c.sample)
	if err := c.tiers(ctx, out, keys, &f); err != nil {
		return f, err
	}
	if err := c.write(ctx, out, keys[:min(writes, len(keys))], &f); err != nil {
		return f, err
	}
	return f, c.crowd(ctx, out, keys[len(keys)-1]+1, &f)
}

// tiers reads lists that nobody has read: on replica 1 from the source, on the others from Redis, then from memory.
func (c *cluster) tiers(ctx context.Context, out *table, keys []int, f *figures) (err error) {
	if f.cold, err = c.read(ctx, 1, keys, "source"); err != nil {
		return err
	}
	second, err := c.read(ctx, 2, keys, "redis")
	if err != nil {
		return err
	}
	third, err := c.read(ctx, 3, keys, "redis")
	if err != nil {
		return err
	}
	f.redis = max(second, third)

	for r := 1; r <= replicas; r++ {
		if err := c.call(ctx, r, "Keep", keys, new(struct{})); err != nil {
			return err
		}
	}
	var hit Hit
	if err := c.call(ctx, 2, "Hits", Batches{Keys: keys, Batches: 200, Each: 1000}, &hit); err != nil {
		return err
	}
	if hit.Tier != "memory" {
		return fmt.Errorf("a read of what memory holds was answered from %s", hit.Tier)
	}
	f.memory = hit.PerRead

	out.head("read", "median", "speed-up")
	out.row("cold, from "+c.source, exact(f.cold), "1x")
	out.row("on another replica, from Redis", exact(f.redis), out.good(times(f.redisSpeedup())))
	out.row("again, from memory", exact(f.memory), out.good(times(f.memorySpeedup())))
	return nil
}

// read reads the keys on a replica; they must come from the tier.
func (c *cluster) read(ctx context.Context, replica int, keys []int, tier string) (time.Duration, error) {
	var readings []Reading
	if err := c.call(ctx, replica, "Read", keys, &readings); err != nil {
		return 0, err
	}
	took := make([]time.Duration, len(readings))
	for i, r := range readings {
		if r.Tier != tier {
			return 0, fmt.Errorf("list %d was answered to replica %d from %s, not from %s", r.Key, replica, r.Tier, tier)
		}
		took[i] = r.Took
	}
	return median(took), nil
}

// write writes lists that all replicas hold in memory, and looks how long the peers keep their copies.
func (c *cluster) write(ctx context.Context, out *table, keys []int, f *figures) error {
	var slower []time.Duration
	after := map[int][]time.Duration{}
	for _, k := range keys {
		for _, peer := range []int{2, 3} {
			if err := c.call(ctx, peer, "Watch", k, new(struct{})); err != nil {
				return err
			}
		}
		var w Written
		if err := c.call(ctx, 1, "Write", k, &w); err != nil {
			return err
		}
		var slow time.Duration
		for _, peer := range []int{2, 3} {
			var at time.Time
			if err := c.call(ctx, peer, "Dropped", k, &at); err != nil {
				return err
			}
			d := max(at.Sub(w.Committed), 0)
			after[peer], slow = append(after[peer], d), max(slow, d)
		}
		slower = append(slower, slow)
		if err := c.fresh(ctx, k, w.Version); err != nil {
			return err
		}
	}
	f.evicted = median(slower)
	out.head(fmt.Sprintf("write on replica 1, %d times", len(keys)), "median", "slowest")
	for _, peer := range []int{2, 3} {
		d := after[peer]
		out.row(fmt.Sprintf("replica %d dropped its copy after the commit", peer), exact(median(d)), exact(slices.Max(d)))
	}
	return nil
}

// fresh checks that no replica reads what was before the write.
func (c *cluster) fresh(ctx context.Context, key int, version int64) error {
	for r := 1; r <= replicas; r++ {
		var got []Reading
		if err := c.call(ctx, r, "Read", []int{key}, &got); err != nil {
			return err
		}
		if got[0].Version != version {
			return fmt.Errorf("stale read: replica %d answered version %d of list %d from %s, after version %d was written",
				r, got[0].Version, key, got[0].Tier, version)
		}
	}
	return nil
}

// crowd reads a cold list with many readers at once, on all replicas.
func (c *cluster) crowd(ctx context.Context, out *table, key int, f *figures) error {
	before, err := c.loads(ctx)
	if err != nil {
		return err
	}
	type part struct {
		readings []Reading
		err      error
	}
	at, parts := time.Now().Add(50*time.Millisecond), make(chan part, replicas)
	for r := range replicas {
		go func() {
			var p part
			share := (readers + replicas - 1 - r) / replicas
			p.err = c.call(ctx, r+1, "Crowded", Crowd{Key: key, Readers: share, At: at}, &p.readings)
			parts <- p
		}()
	}
	var all []Reading
	for range replicas {
		p := <-parts
		if err == nil {
			err = p.err
		}
		all = append(all, p.readings...)
	}
	if err != nil {
		return err
	}
	after, err := c.loads(ctx)
	if err != nil {
		return err
	}
	f.loads = after - before
	slowest := slices.MaxFunc(all, func(a, b Reading) int { return int(a.Took - b.Took) }).Took
	out.head("cold list, all replicas at once", "loads", "slowest")
	out.row(fmt.Sprintf("%d readers", len(all)), out.good(fmt.Sprint(f.loads)), exact(slowest))
	if f.loads != 1 {
		return fmt.Errorf("%d readers caused %d loads, not 1", len(all), f.loads)
	}
	for _, r := range all {
		if r.Version != all[0].Version {
			return fmt.Errorf("one reader got version %d, another version %d", all[0].Version, r.Version)
		}
	}
	return nil
}

// numbers returns n numbers from first on.
func numbers(first, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = first + i
	}
	return list
}
