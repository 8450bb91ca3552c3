package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dgraph-io/ristretto/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/l1"
	"github.com/tieredcache/tieredcache/tiered"
)

// skew is the exponent of the zipf distributions here: the least skewed that Go's generator draws.
const skew = 1.01

// hitRatio measures what share of reads this process answers without asking Redis when memory holds one key in a hundred.
func hitRatio(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	r, err := newRig(env)
	if err != nil {
		return nil, err
	}
	defer r.close()
	zipf, err := hitRatioOnZipf(ctx, r, pick(env, 100_000, 10_000, 1000), pick(env, 3, 1))
	if err != nil {
		return nil, err
	}
	warm, err := lostInWarmUp(ctx, r, pick(env, 100_000, 10_000, 1000))
	return []measure.Row{zipf, warm}, err
}

func hitRatioOnZipf(ctx context.Context, r *rig, keys, trials int) (measure.Row, error) {
	held := keys / 100
	out := measure.Row{Scenario: "hit-ratio/zipf", Unit: "hits in 100 reads, higher is better"}
	value := make([]byte, 100)
	config := tiered.Config[string, []byte]{
		Name: "zipf", Bus: r.bus, TTL: life,
		Capacity: int64(held) * (l1.Overhead + 1), Cost: func([]byte) int64 { return 1 },
		Load: func(context.Context, string) ([]byte, error) { return value, nil },
	}
	var theirs, mine, ratios []float64
	for trial := range trials {
		c, err := tiered.New(config)
		if err != nil {
			return out, err
		}
		if trial == 0 {
			err = warmUp(ctx, c, keys) // so that each miss costs a GET and no load
		}
		reads := 2 * keys
		hits := 0.0
		if err == nil {
			hits, err = hitsOf(zipfOf(trial, keys), reads, func(key string) (bool, error) {
				before := c.Stats()
				_, err := c.Get(ctx, key)
				after := c.Stats()
				return after.RedisHits == before.RedisHits && after.Loads == before.Loads, err
			})
		}
		resident := 0
		if err == nil {
			err = until(ctx, "memory answers", func() (bool, error) { // not while the fence is closed, on a busy machine
				for i := range keys {
					if _, ok := c.Peek(sample.Text(i)); ok {
						resident++
					}
				}
				return resident > 0, nil
			})
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return out, err
		}
		alone, err := ristrettoOnZipf(ctx, r, zipfOf(trial, keys), reads, resident)
		if err != nil {
			return out, err
		}
		out.Floor.Note = fmt.Sprintf("of %d entries, as many as %s then held; %d keys, exponent %v", resident, ours, keys, skew)
		theirs, mine, ratios = append(theirs, alone), append(mine, hits), append(ratios, hits/alone)
	}
	out.Floor.Name, out.Floor.Value, out.Floor.Ratio = "ristretto", measure.Median(theirs), 1
	out.Floor.Low, out.Floor.High = measure.Quantile(theirs, 0.25)/out.Floor.Value, measure.Quantile(theirs, 0.75)/out.Floor.Value
	out.Subjects = []measure.Figure{{
		Name: ours, Value: measure.Median(mine), Ratio: measure.Median(ratios),
		Low: measure.Quantile(ratios, 0.25), High: measure.Quantile(ratios, 0.75),
	}}
	return out, nil
}

// zipfOf draws numbers of keys, the same ones for a trial.
func zipfOf(trial, keys int) *rand.Zipf {
	return rand.NewZipf(rand.New(rand.NewPCG(uint64(trial), 1)), skew, 1, uint64(keys-1))
}

// hitsOf returns how many reads of a hundred are hits. The first half of the reads warms up.
func hitsOf(zipf *rand.Zipf, reads int, read func(key string) (hit bool, err error)) (float64, error) {
	hits := 0
	for i := range reads {
		hit, err := read(sample.Text(int(zipf.Uint64())))
		if err != nil {
			return 0, err
		}
		if hit && i >= reads/2 {
			hits++
		}
	}
	return 100 * float64(hits) / float64(reads-reads/2), nil
}

func ristrettoOnZipf(ctx context.Context, r *rig, zipf *rand.Zipf, reads, entries int) (float64, error) {
	c, err := ristretto.NewCache(&ristretto.Config[string, []byte]{
		NumCounters: int64(10 * entries), MaxCost: int64(entries), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return hitsOf(zipf, reads, func(key string) (bool, error) {
		if _, ok := c.Get(key); ok {
			return true, nil
		}
		word, err := r.client.Get(ctx, r.bus.Key("zipf:"+key)).Bytes()
		if err != nil && !errors.Is(err, redis.Nil) { // the look is what a miss costs, whatever it finds
			return false, err
		}
		c.Set(key, word, 1)
		return false, nil
	})
}

// lostInWarmUp measures how many keys of a warm-up are not in memory after it, though there is room for all.
func lostInWarmUp(ctx context.Context, r *rig, keys int) (measure.Row, error) {
	out := measure.Row{Scenario: "hit-ratio/warm-up", Unit: "% of the keys lost"}
	alone, err := ristretto.NewCache(&ristretto.Config[string, []byte]{
		NumCounters: int64(10 * keys), MaxCost: int64(2 * keys), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return out, err
	}
	defer alone.Close()
	for i := range keys {
		alone.Set(sample.Text(i), nil, 1)
	}
	alone.Wait()
	c, err := tiered.New(tiered.Config[string, []byte]{
		Name: "warm", Bus: r.bus, TTL: life, Capacity: int64(keys) << 10,
		Load: func(context.Context, string) ([]byte, error) { return make([]byte, 100), nil },
	})
	if err != nil {
		return out, err
	}
	defer c.Close()
	begin := time.Now()
	if err := warmUp(ctx, c, keys); err != nil {
		return out, err
	}
	took := time.Since(begin)
	lost := func(has func(key string) bool) float64 {
		n := 0
		for i := range keys {
			if !has(sample.Text(i)) {
				n++
			}
		}
		return 100 * float64(n) / float64(keys)
	}
	out.Floor = measure.Figure{
		Name: "ristretto, one burst of Set", Ratio: 1, Low: 1, High: 1,
		Value: lost(func(key string) bool { _, ok := alone.Get(key); return ok }),
	}
	mine := 101.0
	for { // what memory takes it takes a little later
		later := lost(func(key string) bool { _, ok := c.Peek(key); return ok })
		if later >= mine {
			break
		}
		mine = later
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	out.Subjects = []measure.Figure{{Name: ours, Value: mine, Note: fmt.Sprintf("%d keys in %v; %d reads went round Redis", keys, took.Round(time.Millisecond), c.Stats().Bypasses)}}
	return out, nil
}

// warmUp reads all keys with GetMany, a thousand at a time.
func warmUp(ctx context.Context, c *tiered.Cache[string, []byte], keys int) error {
	for from := 0; from < keys; from += 1000 {
		some := make([]string, 0, 1000)
		for i := from; i < min(from+1000, keys); i++ {
			some = append(some, sample.Text(i))
		}
		if _, err := c.GetMany(ctx, some); err != nil {
			return err
		}
	}
	return nil
}
