package main

import (
	"context"
	"fmt"
	"net"
	"net/rpc/jsonrpc"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// embedded opens three replicas inside this program, each with its own bus, cache and connections, on an embedded
// Redis.
func embedded(delay time.Duration) (_ *cluster, err error) {
	var opened closers
	defer func() {
		if err != nil {
			_ = opened.close()
		}
	}()
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("embedded Redis: %w", err)
	}
	opened.add(func() error { server.Close(); return nil })
	c := &cluster{
		title:  fmt.Sprintf("three replicas in this program, an embedded Redis, a source that takes %v (SOURCE_DELAY changes it)", delay),
		source: "the source",
		sample: samples(delay),
		warmed: fmt.Sprintf("%d lists", warm),
	}
	db := &slowSource{delay: delay, lists: map[int][]preference{}}
	for range replicas {
		s, err := openSlow(server.Addr(), db)
		if err != nil {
			return nil, err
		}
		opened.add(s.close)
		here, there := net.Pipe()
		go serve(&Node{ctx: context.Background(), store: s}, there) //nolint:errcheck // it ends with the pipe
		c.replicas = append(c.replicas, jsonrpc.NewClient(here))
		opened.add(here.Close)
	}
	c.close = opened.close
	return c, nil
}

type preference struct {
	Key, Value     string
	Confidence     float64
	Reinforcements int64
}

// slowSource is a source that takes its time: lists of ten preferences, under numbers.
type slowSource struct {
	delay time.Duration
	mu    sync.Mutex
	lists map[int][]preference
}

func (s *slowSource) load(ctx context.Context, key int) ([]preference, error) {
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]preference(nil), s.list(key)...), nil
}

func (s *slowSource) reinforce(key int) (version int64) {
	time.Sleep(s.delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list(key)
	list[0].Reinforcements++
	return list[0].Reinforcements
}

func (s *slowSource) list(key int) []preference {
	if s.lists[key] == nil {
		for i := range 10 {
			p := preference{Key: fmt.Sprintf("food.dish%d", i), Value: "with a little more garlic than usual", Confidence: 0.5}
			s.lists[key] = append(s.lists[key], p)
		}
	}
	return s.lists[key]
}

// slow is a replica's store on a slow source: the whole use of the library.
type slow struct {
	redis  *redis.Client
	bus    *coherence.Bus
	cache  *tiered.Cache[int, []preference]
	source *slowSource
	asked  atomic.Int64
}

func openSlow(addr string, source *slowSource) (_ *slow, err error) {
	s := &slow{redis: redis.NewClient(&redis.Options{Addr: addr}), source: source}
	if s.bus, err = coherence.New(coherence.Config{Redis: s.redis}); err != nil {
		return nil, err
	}
	s.cache, err = tiered.New(tiered.Config[int, []preference]{
		Name: "prefs",
		Bus:  s.bus,
		Load: func(ctx context.Context, key int) ([]preference, error) {
			s.asked.Add(1)
			return s.source.load(ctx, key)
		},
	})
	return s, err
}

func (s *slow) read(ctx context.Context, key int) (int64, error) {
	list, err := s.cache.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return list[0].Reinforcements, nil
}

func (s *slow) write(ctx context.Context, key int) (version int64, committed time.Time, err error) {
	err = s.cache.Update(ctx, key, func(context.Context) error {
		version = s.source.reinforce(key)
		committed = time.Now()
		return nil
	})
	return version, committed, err
}

func (s *slow) listen(key int) (<-chan struct{}, func()) { return s.bus.Listen(s.cache.Ref(key)) }

func (s *slow) loads() int64 { return s.asked.Load() }

func (s *slow) warmUp(context.Context, int) error { return nil } // it is as fast as it gets

func (s *slow) close() error {
	var c closers
	c.add(s.redis.Close)
	c.add(s.bus.Close)
	c.add(s.cache.Close)
	return c.close()
}
