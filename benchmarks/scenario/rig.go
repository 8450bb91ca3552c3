package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// ours is what this library is called in rows.
const ours = "tieredcache"

// life is how long what a scenario leaves in Redis stays there.
const life = 10 * time.Minute

// repeat makes the body of a loop an operation's Run.
func repeat(body func(ctx context.Context, i int) error) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		for i := range n {
			if err := body(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
}

// rig is one process's bus on the shared Redis, under a namespace of its own, and a client beside it.
type rig struct {
	bus    *coherence.Bus
	client *redis.Client
	space  string
}

func newRig(env Env) (*rig, error) {
	client, err := env.Client()
	if err != nil {
		return nil, err
	}
	space := "bench-" + rand.Text()
	// A machine that stalls makes a read slow here, and not go round Redis: that would be another measurement.
	bus, err := coherence.New(coherence.Config{Redis: client, Namespace: space, Timeout: 600 * time.Millisecond})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &rig{bus: bus, client: client, space: space}, nil
}

func (r *rig) close() { _ = errors.Join(r.bus.Close(), r.client.Close()) }

// key is a Redis key beside those of the cache.
func (r *rig) key(i int) string { return r.space + "/raw:" + sample.Text(i) }

// listConfig is a cache of lists under users, as neo4jstore.PreferenceStore has it, without its tags. Its source answers
// at once.
func (r *rig) listConfig(lists []sample.List) tiered.Config[neo4jstore.UserKey, sample.List] {
	index := make(map[neo4jstore.UserKey]sample.List, len(lists))
	for i, l := range lists {
		index[sample.Key(i)] = l
	}
	return tiered.Config[neo4jstore.UserKey, sample.List]{
		Name: "prefs", Bus: r.bus, TTL: life, Codec: storeCodec(),
		Load: func(_ context.Context, k neo4jstore.UserKey) (sample.List, error) { return index[k], nil },
	}
}

func userTag(k neo4jstore.UserKey) []coherence.Ref { return []coherence.Ref{k.Tag()} }

// cold is a cache whose keys are all in Redis, and in memory none that it has not read: it is made anew, as by a process
// that starts, before its keys have run out.
type cold struct {
	config tiered.Config[neo4jstore.UserKey, sample.List]
	keys   []neo4jstore.UserKey
	next   int
	cache  *tiered.Cache[neo4jstore.UserKey, sample.List]
}

// newCold fills Redis with n lists.
func newCold(ctx context.Context, config tiered.Config[neo4jstore.UserKey, sample.List], n int) (*cold, error) {
	c := &cold{config: config, keys: newKeys(n)}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(c.keys, 1000) {
		if _, err := c.cache.GetMany(ctx, some); err != nil {
			return nil, errors.Join(fmt.Errorf("fill: %w", err), c.cache.Close())
		}
	}
	c.next = n
	return c, nil
}

func (c *cold) open(ctx context.Context) (err error) {
	if c.cache != nil {
		_ = c.cache.Close()
	}
	if c.cache, err = tiered.New(c.config); err != nil {
		return err
	}
	_, err = c.cache.Get(ctx, c.keys[0]) // waits for the first SYNC
	c.next = 1
	return err
}

// prepare makes sure that the next n keys have not been read.
func (c *cold) prepare(ctx context.Context, n int) error {
	if c.next+n <= len(c.keys) {
		return nil
	}
	if n >= len(c.keys) {
		return fmt.Errorf("%d reads of %d keys", n, len(c.keys))
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	runtime.GC() // of the memory of the one before
	return nil
}

// take returns the next n keys.
func (c *cold) take(n int) []neo4jstore.UserKey {
	c.next += n
	return c.keys[c.next-n : c.next]
}

// held says how many of the keys that were taken are in memory.
func (c *cold) held() (n int) {
	for _, k := range c.keys[:c.next] {
		if _, ok := c.cache.Peek(k); ok {
			n++
		}
	}
	return n
}

func (c *cold) close() { _ = c.cache.Close() }

// answered fails unless Redis has answered n reads since its hits were so many.
func (c *cold) answered(before uint64, n int) error {
	if hits := c.cache.Stats().RedisHits - before; hits != uint64(n) {
		return fmt.Errorf("%d of %d reads were hits in Redis", hits, n)
	}
	return nil
}

func newKeys(n int) []neo4jstore.UserKey {
	all := make([]neo4jstore.UserKey, n)
	for i := range all {
		all[i] = sample.Key(i)
	}
	return all
}

func checkList(l sample.List, err error) error {
	if err == nil && len(l) != sample.Size {
		err = fmt.Errorf("%d preferences, want %d", len(l), sample.Size)
	}
	return err
}

// row names a row.
func row(scenario string, r measure.Row, err error) ([]measure.Row, error) {
	if err != nil {
		return nil, err
	}
	r.Scenario = scenario
	return []measure.Row{r}, nil
}
