package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// A strike is one fault, from before it begins until it is over. It says whether it has landed: whether what it meant to
// break was there to be broken.
type strike func(ctx context.Context, r *rand.Rand) (landed bool, err error)

// strike plays two decks side by side until the time is over: what hits one replica, and what hits Redis, its words or
// the source. Each deck is shuffled, played to its end, and shuffled again; so every kind comes early, and every pair
// of kinds meets in a long run.
func (r *run) strike(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_ = rest(ctx, r.duration) && poll(ctx, r.patience, func() bool { return len(r.missing()) == 0 }) == nil
	}()
	decks := []map[truth.Kind]strike{r.replicaStrikes(), r.sharedStrikes()}
	failed := make(chan error, len(decks)+2)
	for i, deck := range decks {
		go func() { failed <- r.play(ctx, r.random(uint64(i)), deck) }()
	}
	go func() { failed <- r.watch(ctx) }()
	go func() { failed <- r.probe(ctx) }()
	var err error
	for range cap(failed) {
		if e := <-failed; e != nil {
			err = errors.Join(err, e)
			cancel()
		}
	}
	return err
}

// play draws from one deck. The end of ctx ends it between two strikes.
func (r *run) play(ctx context.Context, random *rand.Rand, deck map[truth.Kind]strike) error {
	var kinds []truth.Kind
	for k := range truth.Kinds {
		if deck[k] != nil {
			kinds = append(kinds, k)
		}
	}
	for {
		random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, k := range kinds {
			if !rest(ctx, limits.Bound/4+time.Duration(random.Int64N(int64(limits.Bound/2)))) {
				return nil
			}
			landed, err := deck[k](context.WithoutCancel(ctx), random)
			if err != nil {
				return fmt.Errorf("%v: %w", k, err)
			}
			if landed {
				r.mu.Lock()
				r.landed[k]++
				r.mu.Unlock()
			}
		}
	}
}

// watch returns an error when the source has died, which no fault does.
func (r *run) watch(ctx context.Context) error {
	for rest(ctx, 200*time.Millisecond) {
		if _, err := r.source.Read(ctx, 0); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the source is gone: %w", err)
		}
	}
	return nil
}

// probe records when Redis, or the driver with its proxies, took so long to answer that others may not have waited.
func (r *run) probe(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.redis.Addr, PoolSize: 1, MaxRetries: -1})
	defer client.Close()
	for last := r.table.Now(); rest(ctx, 5*time.Millisecond); last = r.table.Now() {
		err := client.Ping(ctx).Err()
		if now := r.table.Now(); err == nil && time.Duration(now-last) > timeout/3 {
			r.table.Stalled(truth.Everybody, last, now)
			r.stalls.Add(1)
		}
	}
	return nil
}

// during is how long a fault lasts, at most so many bounds.
func during(random *rand.Rand, bounds float64) time.Duration {
	return time.Duration((0.2 + random.Float64()*(bounds-0.2)) * float64(limits.Bound))
}

// victim draws a replica.
func (r *run) victim(random *rand.Rand) *replicaProcess {
	return r.replicas[random.IntN(len(r.replicas))]
}
