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

// Ours is the name of this library among the rivals, and Tagged that of a cache of it whose entries have a tag each, as
// those of the preference store.
const (
	Ours   = "tieredcache"
	Tagged = "tieredcache, tagged"
)

func tieredcache() []Rival {
	const module = "github.com/tieredcache/tieredcache"
	return []Rival{
		{Name: Ours, Module: module, Tiers: Memory | Redis, Tells: true, Open: openTiered("plain", nil)},
		{
			Name: Tagged, Module: module, Tiers: Memory | Redis, Tells: true, How: "one tag for each entry",
			Open: openTiered("tagged", func(key string) []coherence.Ref { return []coherence.Ref{coherence.Tag("user", key)} }),
		},
	}
}

type tieredCache struct {
	*tiered.Cache[string, sample.List]
	bus   *coherence.Bus
	redis *redis.Client
}

// typical is what a list is said to cost where a number of entries is asked for.
const typical = 1 << 10

func openTiered(namespace string, tags func(string) []coherence.Ref) func(context.Context, Config) (Cache, error) {
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
		config := tiered.Config[string, sample.List]{Name: "lists", Bus: t.bus, Load: c.Load, LoadMany: c.LoadMany, TTL: TTL, Tags: tags}
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
