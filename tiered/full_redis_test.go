package tiered_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// maxmemory limits a Redis to so many bytes; 0: no longer.
func maxmemory(t *testing.T, rdb *redis.Client, bytes int) {
	t.Helper()
	if err := rdb.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(bytes)).Err(); err != nil {
		t.Fatal(err)
	}
}

// A Redis that is full and may evict nothing refuses SYNC, INTENT, leases and fills: reads go to the source and are right,
// and no error of Redis's reaches a reader. When there is room again, so are the tiers.
func TestRedisIsFull(t *testing.T) {
	const d = 2 * time.Second
	rdb := pausable(t)
	var truth atomic.Int64
	config := tiered.Config[string, string]{
		Load: func(_ context.Context, k string) (string, error) { return fmt.Sprint(k, truth.Load()), nil },
		Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("all")} },
	}
	var buses []*coherence.Bus
	var caches []*tiered.Cache[string, string]
	for range 2 {
		bus := newBus(t, coherence.Config{Redis: rdb, Namespace: "full", MaxStaleness: d})
		buses, caches = append(buses, bus), append(caches, newCache(t, bus, config))
	}
	strict := newBus(t, coherence.Config{Redis: rdb, Namespace: "full", MaxStaleness: d, Mode: coherence.Strict})
	write := func(context.Context) error { truth.Add(1); return nil }
	everywhere := func(when string, keys ...string) {
		t.Helper()
		for i, c := range caches {
			for _, k := range append(keys, "kept", "new") {
				want := fmt.Sprint(k, truth.Load())
				if v, err := c.Get(t.Context(), k); err != nil || v != want {
					t.Errorf("%s: process %d got %q, %v, want %q", when, i, v, err, want)
				}
				if found, err := c.GetMany(t.Context(), []string{k, k + "2"}); err != nil || found[k] != want || len(found) != 2 {
					t.Errorf("%s: process %d got %v, %v, want %q", when, i, found, err, want)
				}
			}
		}
	}
	cached := func(when string) {
		t.Helper()
		for i, c := range caches {
			eventually(t, fmt.Sprintf("%s: process %d reads from memory", when, i), 20*time.Second, func() bool {
				if _, err := c.Get(t.Context(), "kept"); err != nil {
					t.Fatal(err)
				}
				_, ok := c.Peek("kept")
				return ok
			})
		}
	}
	cached("before")

	maxmemory(t, rdb, 1)
	everywhere("with an open fence", "unseen")
	tiered.ExpectNothing(caches...)
	everywhere("with an open fence, looks and leases together", "unseen, too")
	for i, c := range caches {
		if s := c.Stats(); s.RedisErrors < 4 {
			t.Errorf("process %d got %+v: this shows nothing", i, s)
		}
	}
	if err := caches[0].Update(t.Context(), "kept", write); err != nil {
		t.Fatalf("Update in mode Available: %v", err)
	}
	mustGet(t, caches[0], "kept", fmt.Sprint("kept", truth.Load()))
	for _, bus := range buses {
		eventually(t, "the fence closes", 10*time.Second, func() bool { return bus.State().Condition == coherence.Fenced })
	}
	everywhere("behind the fence")
	err := strict.Update(t.Context(), []coherence.Ref{caches[0].Ref("kept")}, func(context.Context) error {
		t.Error("a Strict write ran whose intent does not stand")
		return nil
	})
	if wantIs(t, "Update in mode Strict", err, coherence.ErrCoherence); !strings.Contains(err.Error(), "OOM") {
		t.Errorf("Update in mode Strict: got %q, want it to say why", err)
	}
	maxmemory(t, rdb, 0)
	cached("with room again")
	everywhere("with room again")
	if err := caches[1].Update(t.Context(), "kept", write); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint("kept", truth.Load())
	eventually(t, "the other process has forgotten it", d, func() bool {
		v, err := caches[0].Get(t.Context(), "kept")
		return err == nil && v == want
	})
}

// What Redis evicts, be it the journal, generations, tags, leases or intents, costs loads and flushes: as long as its writer
// lives, no write is unseen for longer than MaxStaleness.
func TestRedisEvicts(t *testing.T) {
	const (
		d      = time.Second
		keys   = 390
		often  = 20      // of them are read again soon
		room   = 3 << 20 // for most of them
		groups = 39      // each has a tag
		lasts  = 4 * time.Second
	)
	rdb := pausable(t)
	rdb.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random")
	padding := "," + strings.Repeat("x", 10<<10)
	tag := func(group int) coherence.Ref { return coherence.Tag("group", strconv.Itoa(group)) }
	var all [keys]versions
	config := tiered.Config[int, string]{
		Load: func(_ context.Context, k int) (string, error) {
			return strconv.FormatInt(all[k].written.Load(), 10) + padding, nil
		},
		Tags:     func(k int) []coherence.Ref { return []coherence.Ref{tag(k % groups)} },
		Capacity: 1 << 19, // for few, so that Redis is asked
	}
	var caches []*tiered.Cache[int, string]
	for range 3 {
		bus := newBus(t, coherence.Config{Redis: rdb, Namespace: "evicts", MaxStaleness: d, Timeout: d / 4})
		caches = append(caches, newCache(t, bus, config))
	}
	maxmemory(t, rdb, number(t, rdb, "memory", "used_memory")+room)

	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var busy sync.WaitGroup
	for p, c := range caches {
		busy.Go(func() { // no two write one key
			for group := p; ctx.Err() == nil; group = (group + len(caches)) % groups {
				some := []int{group + rand.N(keys/groups)*groups}
				refs := []coherence.Ref{c.Ref(some[0])}
				if rand.N(2) == 0 {
					some, refs = nil, []coherence.Ref{tag(group)}
					for k := group; k < keys; k += groups {
						some = append(some, k)
					}
				}
				err := tiered.BusOf(c).Update(t.Context(), refs, func(context.Context) error {
					for _, k := range some {
						all[k].written.Add(1)
					}
					return nil
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
				for _, k := range some {
					all[k].acknowledged()
				}
				<-time.After(5 * time.Millisecond)
			}
		})
		busy.Go(func() {
			for ctx.Err() == nil {
				k := rand.N(keys)
				if rand.N(2) == 0 {
					k = rand.N(often)
				}
				atLeast := all[k].before(time.Now().Add(-d))
				v, err := c.Get(t.Context(), k)
				text, _, _ := strings.Cut(v, ",")
				if got, bad := strconv.ParseInt(text, 10, 64); err != nil || bad != nil || got < atLeast {
					t.Errorf("process %d, key %d: got version %q, %v; %d was written %v before", p, k, text, err, atLeast, d)
				}
			}
		})
	}
	busy.Wait()
	if n := number(t, rdb, "stats", "evicted_keys"); n < 100 {
		t.Errorf("Redis evicted %d: this shows nothing", n)
	}
	for p, c := range caches {
		s, bus := c.Stats(), tiered.BusOf(c).Stats()
		t.Logf("process %d: %+v, %+v", p, s, bus)
		if s.MemoryHits == 0 || s.RedisHits == 0 || bus.Flushes == 0 {
			t.Errorf("process %d: %d hits in memory, %d in Redis, %d flushes: this shows nothing", p, s.MemoryHits, s.RedisHits, bus.Flushes)
		}
	}
}

// versions are those of one row of a database.
type versions struct {
	written atomic.Int64
	mu      sync.Mutex
	acked   []time.Time // of each version, from 1 on
}

func (v *versions) acknowledged() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.acked = append(v.acked, time.Now())
}

// before returns the last version whose write had returned by then.
func (v *versions) before(then time.Time) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return int64(sort.Search(len(v.acked), func(i int) bool { return v.acked[i].After(then) }))
}

// number is what INFO says.
func number(t *testing.T, rdb *redis.Client, section, name string) int {
	t.Helper()
	info, err := rdb.InfoMap(t.Context(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, fields := range info {
		if n, err := strconv.Atoi(fields[name]); err == nil {
			return n
		}
	}
	t.Fatalf("INFO %s says no %s", section, name)
	return 0
}
