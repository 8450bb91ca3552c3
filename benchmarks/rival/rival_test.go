package rival_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/benchmarks/source"
	"github.com/tieredcache/tieredcache/internal/services"
)

// Every rival answers what the source has, from each of its tiers, by itself and in a batch, and what was written after
// a write.
func TestRivalsAnswerWhatTheSourceHas(t *testing.T) {
	server := startRedis(t)
	for i, r := range append(rival.All(), rival.Bare(), rival.InBackground()) {
		t.Run(r.Name, func(t *testing.T) {
			prefix := string(rune('a'+i)) + ":"
			keys := source.Keys(prefix, 6)
			if !r.Needs {
				s := source.New(0)
				c := open(t, r, config(s, ""))
				read(t, c, s, keys)
				fromMemory(t, c, s, keys)
				writes(t, c, s, keys[0])
			}
			if !r.Tiers.Has(rival.Redis) {
				return
			}
			s := source.New(0)
			first := open(t, r, config(s, server.Addr))
			read(t, first, s, keys[:3])
			stored(t, server, keys[:3])
			second := open(t, r, config(s, server.Addr))
			before := s.Loads()
			read(t, second, s, keys[:3])
			if n := s.Loads() - before; n != 0 {
				t.Errorf("%d loads of what is in Redis", n)
			}
			third := open(t, r, config(s, server.Addr))
			before = s.Loads()
			batch(t, third, s, keys) // one half in Redis, one half not
			if n := s.Loads() - before; n != 3 {
				t.Errorf("a batch of 6, of which 3 are in Redis, made %d loads", n)
			}
			stored(t, server, keys)
			batch(t, open(t, r, config(s, server.Addr)), s, keys)
			writes(t, first, s, keys[0])
			if r.Tiers.Has(rival.Memory) {
				fromMemory(t, second, s, keys[1:3])
			}
			if r.Tells {
				peer(t, first, second, s, keys[1])
			}
		})
	}
}

// A memory that is told how many entries to hold holds them.
func TestMemoryHoldsItsEntries(t *testing.T) {
	for _, r := range rival.With(rival.Memory) {
		if r.Needs {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			const entries = 2000
			s := source.New(0)
			c := config(s, "")
			c.Entries = entries
			cache := open(t, r, c)
			keys := source.Keys("", entries/2)
			fromMemory(t, cache, s, keys)
		})
	}
}

func TestRivalsThatNeedRedisSaySo(t *testing.T) {
	for _, r := range append(rival.All(), rival.Bare(), rival.InBackground()) {
		c, err := r.Open(t.Context(), config(source.New(0), ""))
		if r.Needs != errors.Is(err, rival.ErrNeedsRedis) {
			t.Errorf("%s without Redis: %v", r.Name, err)
		}
		if err == nil {
			check(t, c.Close())
		}
	}
}

func TestNamesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range append(rival.All(), rival.Bare(), rival.InBackground()) {
		if seen[r.Name] || r.Module == "" || r.Tiers == 0 {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
	if all := rival.All(); all[0].Name != rival.Ours || all[1].Name != rival.Tagged {
		t.Error("this library is not the first")
	}
}

func config(s *source.Source, addr string) rival.Config {
	return rival.Config{Redis: addr, Load: s.Load, LoadMany: s.LoadMany}
}

func open(t *testing.T, r rival.Rival, c rival.Config) rival.Cache {
	t.Helper()
	cache, err := r.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, cache.Close()) })
	return cache
}

func read(t *testing.T, c rival.Cache, s *source.Source, keys []string) {
	t.Helper()
	for _, k := range keys {
		got, err := c.Get(t.Context(), k)
		check(t, err)
		equal(t, s, k, got)
	}
}

// fromMemory reads until the source and, for all one can tell, Redis are not asked any more: memory may take its time.
func fromMemory(t *testing.T, c rival.Cache, s *source.Source, keys []string) {
	t.Helper()
	eventually(t, "memory answers", func() bool {
		before := s.Loads()
		read(t, c, s, keys)
		return s.Loads() == before
	})
}

func batch(t *testing.T, c rival.Cache, s *source.Source, keys []string) {
	t.Helper()
	got, err := rival.GetMany(t.Context(), c, keys)
	check(t, err)
	if len(got) != len(keys) {
		t.Fatalf("a batch of %d answers %d", len(keys), len(got))
	}
	for k, list := range got {
		equal(t, s, k, list)
	}
}

func writes(t *testing.T, c rival.Cache, s *source.Source, key string) {
	t.Helper()
	check(t, rival.Update(t.Context(), c, key, func(context.Context) error {
		_, err := s.Write(key)
		return err
	}))
	read(t, c, s, []string{key})
}

// peer writes on one cache, and awaits that the other is told and then answers what was written.
func peer(t *testing.T, writer, reader rival.Cache, s *source.Source, key string) {
	t.Helper()
	fromMemory(t, reader, s, []string{key})
	gone, stop := reader.(rival.Watcher).Watch(key)
	defer stop()
	writes(t, writer, s, key)
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the other cache was not told within 10s")
	}
	read(t, reader, s, []string{key})
}

// stored waits until Redis has the keys: some rivals store in the background.
func stored(t *testing.T, server *services.Redis, keys []string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	eventually(t, "Redis has the keys", func() bool {
		found, err := client.Keys(t.Context(), "*").Result()
		check(t, err)
		return !slices.ContainsFunc(keys, func(k string) bool {
			escaped := strings.ReplaceAll(k, ":", "%3A") // by tieredcache
			return !slices.ContainsFunc(found, func(f string) bool { return strings.HasSuffix(f, k) || strings.HasSuffix(f, escaped) })
		})
	})
}

// equal compares what can be seen of a list; of times, the instant.
func equal(t *testing.T, s *source.Source, key string, got sample.List) {
	t.Helper()
	want, err := s.Now(key)
	check(t, err)
	if !source.Same(got, want) {
		t.Fatalf("%s: got %v, want %v", key, got, want)
	}
}

func startRedis(t *testing.T) *services.Redis {
	t.Helper()
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	check(t, err)
	t.Cleanup(func() { check(t, server.Stop()) })
	return server
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls: the one place where these tests wait for what nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const within = 30 * time.Second
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the one polling helper
	}
}
