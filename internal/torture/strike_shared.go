package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// sharedStrikes are the faults that hit everybody: Redis, its words, and the source.
func (r *run) sharedStrikes() map[truth.Kind]strike {
	c := &r.table.Control
	return map[truth.Kind]strike{
		truth.RestartAOF:    r.restart(truth.RestartAOF, false),
		truth.RestartEmpty:  r.restart(truth.RestartEmpty, true),
		truth.Flush:         r.flush,
		truth.Evict:         r.words(truth.Evict, r.evict),
		truth.Garbage:       r.words(truth.Garbage, r.spoil),
		truth.SlowLoads:     r.tell(truth.SlowLoads, &c.SlowLoads, int64(3*limits.Bound/2)),
		truth.SlowWrites:    r.tell(truth.SlowWrites, &c.SlowWrites, int64(limits.Bound)),
		truth.FailingLoads:  r.tell(truth.FailingLoads, &c.FailingLoads, 30),
		truth.FailingWrites: r.tell(truth.FailingWrites, &c.FailingEnds, 25),
	}
}

// tell has the services be slow, or fail, for a while. It has landed if they were.
func (r *run) tell(kind truth.Kind, what *atomic.Int64, value int64) strike {
	return func(ctx context.Context, random *rand.Rand) (landed bool, err error) {
		defer r.record(kind, truth.Everybody, truth.NoWord)()
		before := r.table.Control.Struck[kind].Load()
		what.Store(value)
		rest(ctx, during(random, 1.5))
		what.Store(0)
		return r.table.Control.Struck[kind].Load() > before, nil
	}
}

// witness is a word that tells whether a Redis remembers.
const witness = "torture-witness"

// restart kills Redis and starts it again, from its append-only file or without. It has landed if the new one remembers
// what it should, and nothing else.
func (r *run) restart(kind truth.Kind, empty bool) strike {
	return func(ctx context.Context, random *rand.Rand) (landed bool, err error) {
		mark := fmt.Sprint(random.Uint64())
		if err := r.admin.Set(ctx, witness, mark, 0).Err(); err != nil {
			return false, err
		}
		defer r.record(kind, truth.Everybody, truth.AllWords)()
		if err := r.redis.Kill(); err != nil {
			return false, err
		}
		if empty {
			if err := os.RemoveAll(filepath.Join(r.dir, "redis", "appendonlydir")); err != nil {
				return false, err
			}
		}
		rest(ctx, during(random, 1)/2)
		if err := r.redis.Restart(ctx); err != nil {
			return false, err
		}
		// The driver's own connections are broken too: it asks until one is not.
		var found string
		err = poll(ctx, 10*time.Second, func() bool {
			found, err = r.admin.Get(ctx, witness).Result()
			return err == nil || errors.Is(err, redis.Nil)
		})
		return err == nil && (found == mark) != empty, err
	}
}

func (r *run) flush(ctx context.Context, _ *rand.Rand) (landed bool, err error) {
	defer r.record(truth.Flush, truth.Everybody, truth.AllWords)()
	size, err := r.admin.DBSize(ctx).Result()
	if err != nil {
		return false, err
	}
	return size > 0, r.admin.FlushAll(ctx).Err()
}
