package rival

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l1"
	"github.com/tieredcache/tieredcache/tiered"
)

// Ours is the name of this library among the rivals, Tagged that of a cache of it whose entries have a tag each, as
// those of the preference store, and Background of one that answers before Redis has the value.
const (
	Ours       = "tieredcache"
	Tagged     = "tieredcache, tagged"
	Background = "tieredcache, fill in background"
)

type tieredConfig = tiered.Config[string, sample.List]

func tieredcache() []Rival {
	return []Rival{
		ourRival(Ours, "", "plain", func(*tieredConfig) {}),
		ourRival(Tagged, "one tag for each entry", "tagged", func(c *tieredConfig) {
			c.Tags = func(key string) []coherence.Ref { return []coherence.Ref{coherence.Tag("user", key)} }
		}),
	}
}

// InBackground is this library with FillInBackground, for what is measured of misses: hits are the same.
func InBackground() Rival {
	return ourRival(Background, "FillInBackground", "background", func(c *tieredConfig) { c.FillInBackground = true })
}

func ourRival(name, how, namespace string, set func(*tieredConfig)) Rival {
	return Rival{
		Name: name, Module: "github.com/tieredcache/tieredcache", Tiers: Memory | Redis, Tells: true,
		How: how, Open: openTiered(namespace, set),
	}
}

type tieredCache struct {
	*tiered.Cache[string, sample.List]
	bus   *coherence.Bus
	redis *redis.Client
}

// typical is what a list is said to cost where a number of entries is asked for.
const typical = 1 << 10

func openTiered(namespace string, set func(*tieredConfig)) func(context.Context, Config) (Cache, error) {
	return func(ctx context.Context, c Config) (Cache, error) {
		t := &tieredCache{}
		bus := coherence.Config{Namespace: namespace}
		if c.Calm {
			bus.Timeout, bus.MaxStaleness = time.Second, 4*time.Second
		}
		if c.Redis != "" {
			t.redis = redis.NewClient(&redis.Options{Addr: c.Redis})
			bus.Redis = t.redis
		}
		var err error
		if t.bus, err = coherence.New(bus); err != nil {
			return nil, err
		}
		config := tieredConfig{Name: "lists", Bus: t.bus, Load: c.Load, LoadMany: c.LoadMany, TTL: TTL, Codec: Codec()}
		set(&config)
		if c.Entries > 0 {
			config.Capacity = int64(c.Entries) * (typical + l1.Overhead)
			config.Cost = func(sample.List) int64 { return typical }
		}
		if t.Cache, err = tiered.New(config); err != nil {
			return nil, errors.Join(err, t.Close())
		}
		if err := t.ready(ctx); err != nil {
			return nil, errors.Join(err, t.Close())
		}
		return t, nil
	}
}

// ready waits until the fence is open: a process that serves has been ready once.
func (t *tieredCache) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for t.bus.State().Condition != coherence.Open {
		select {
		case <-ctx.Done():
			return fmt.Errorf("rival: the fence stays closed: %s", t.bus.State().Why)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// Invalidate implements Cache.
func (t *tieredCache) Invalidate(ctx context.Context, key string) error {
	return t.Cache.Invalidate(ctx, key)
}

// Watch implements Watcher.
func (t *tieredCache) Watch(key string) (<-chan struct{}, func()) {
	told, stop := t.bus.Listen(t.Ref(key))
	gone, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		for {
			select {
			case <-told:
			case <-ended:
				return
			}
			if _, held := t.Peek(key); !held {
				gone <- struct{}{}
				return
			}
		}
	}()
	return gone, func() { stop(); close(ended) }
}

// Close closes the cache, its bus and its client.
func (t *tieredCache) Close() error {
	var err error
	if t.Cache != nil {
		err = t.Cache.Close()
	}
	err = errors.Join(err, t.bus.Close())
	if t.redis != nil {
		err = errors.Join(err, t.redis.Close())
	}
	return err
}
