package tiered_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

// patient is a bus for which a machine that stalls is no Redis that is away.
var patient = coherence.Config{Timeout: 5 * time.Second, MaxStaleness: 15 * time.Second}

// processes returns n caches as n processes would have them: each with a bus of its own, on one Redis.
func processes(t *testing.T, n int, config tiered.Config[string, string]) (caches []*tiered.Cache[string, string], key func(string) string, rdb *redis.Client) {
	t.Helper()
	rdb = client(t)
	shared := patient
	shared.Redis, shared.Namespace = rdb, rand.Text()
	namespace := shared.Namespace
	for range n {
		caches = append(caches, newCache(t, newBus(t, shared), config))
	}
	return caches, func(k string) string { return namespace + "/test:" + k }, rdb
}

func loading(loads *atomic.Int64) func(context.Context, string) (string, error) {
	return func(_ context.Context, k string) (string, error) {
		loads.Add(1)
		return k + "!", nil
	}
}

// The tiers, one after the other, and the TTL in Redis.
func TestTiers(t *testing.T) {
	var loads atomic.Int64
	c, key, rdb := processes(t, 2, tiered.Config[string, string]{Load: loading(&loads), TTL: 10 * time.Minute})
	for _, step := range []struct {
		cache int
		want  tiered.Tier
	}{{0, tiered.Source}, {0, tiered.Memory}, {1, tiered.Redis}, {1, tiered.Memory}} {
		ctx, origin := tiered.WithOrigin(t.Context())
		if v, err := c[step.cache].Get(ctx, "k"); err != nil || v != "k!" || origin.Tier() != step.want {
			t.Fatalf("got %q, %v from %v, want it from %v", v, err, origin.Tier(), step.want)
		}
		eventually(t, "the value is in memory", time.Second, func() bool { _, ok := c[step.cache].Peek("k"); return ok })
	}
	if ttl := rdb.PTTL(t.Context(), key("k")).Val(); ttl < 599*time.Second || ttl > 600*time.Second {
		t.Errorf("got a TTL of %v in Redis, want 10m", ttl)
	}
	if loads.Load() != 1 {
		t.Errorf("got %d loads, want 1", loads.Load())
	}
}

// A slow load that began before a write stores nothing in either tier, whichever process writes.
func TestSlowLoadLosesAgainstWrite(t *testing.T) {
	for _, writer := range []int{0, 1, 2, 3} {
		t.Run(fmt.Sprint("writer ", writer), func(t *testing.T) {
			together := writer >= 2 // the reader asks for the word and the lease at once
			writer := writer % 2
			var truth atomic.Value
			truth.Store("old")
			s := source{loads: make(chan string, 9), goOn: make(chan struct{}, 9), value: func(string) (string, error) { return truth.Load().(string), nil }}
			c, key, rdb := processes(t, 2, tiered.Config[string, string]{Load: s.load})
			if together {
				tiered.ExpectNothing(c...)
			}
			slow := read(t.Context(), c[0], "k")
			<-s.loads
			if err := c[writer].Update(t.Context(), "k", func(context.Context) error { truth.Store("new"); return nil }); err != nil {
				t.Fatal(err)
			}
			s.goOn <- struct{}{}
			if a := <-slow; a.err != nil || a.value != "old" {
				t.Fatalf("the reader before the write got %q, %v", a.value, a.err)
			}
			eventually(t, "DONE has taken the intent away", 10*time.Second, func() bool {
				w, err := rdb.Get(t.Context(), key("k")).Result()
				if w != "" && w[0] != 'I' {
					t.Fatalf("Redis holds %q, want nothing", w)
				}
				return errors.Is(err, redis.Nil)
			})
			if v, ok := c[0].Peek("k"); ok {
				t.Errorf("memory holds %q, want nothing", v)
			}
			if n := c[0].Stats().FillsRefused; n != 1 {
				t.Errorf("got %d fills refused, want 1", n)
			}
			s.goOn <- struct{}{}
			mustGet(t, c[1-writer], "k", "new")
			mustGet(t, c[writer], "k", "new")
		})
	}
}

// However many processes miss at once, one loads; the others are woken when it has filled.
func TestOneLoadAcrossProcesses(t *testing.T) {
	var loads atomic.Int64
	c, _, _ := processes(t, 4, tiered.Config[string, string]{Load: func(_ context.Context, k string) (string, error) {
		loads.Add(1)
		<-time.After(2500 * time.Millisecond) // outlives the lease, which is renewed
		return k, nil
	}})
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() { mustGet(t, c[i%4], "k", "k") })
	}
	all.Wait()
	if loads.Load() != 1 {
		t.Errorf("got %d loads, want 1", loads.Load())
	}
}

// A loader that fails is not asked by one process after the other: two leases that ended without a value are enough.
func TestFailingLoadAcrossProcesses(t *testing.T) {
	c, _, _ := processes(t, 4, tiered.Config[string, string]{Load: func(_ context.Context, k string) (string, error) {
		<-time.After(300 * time.Millisecond)
		return "", fmt.Errorf("no")
	}})
	begun := time.Now()
	var all sync.WaitGroup
	for i := range c {
		all.Go(func() {
			if _, err := c[i].Get(t.Context(), "k"); err == nil {
				t.Error("got no error")
			}
		})
	}
	all.Wait()
	if took := time.Since(begun); took > 4*300*time.Millisecond {
		t.Errorf("took %v: longer than two leases and a load of one's own", took)
	}
}

// An entry whose tag changed is a miss, in every process, and is cached again by the next load.
func TestTagChanges(t *testing.T) {
	var loads atomic.Int64
	user := coherence.Tag("user", "ada")
	c, _, _ := processes(t, 2, tiered.Config[string, string]{
		Load: loading(&loads), Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("all"), user} },
	})
	for round := range int64(3) {
		for _, k := range []string{"a", "b"} {
			mustGet(t, c[0], k, k+"!")
			mustGet(t, c[1], k, k+"!")
		}
		if want := 2 * (round + 1); loads.Load() != want {
			t.Fatalf("round %d: got %d loads, want %d", round, loads.Load(), want)
		}
		for _, cache := range c {
			for _, k := range []string{"a", "b"} { // the message of the last round may be late: read again
				eventually(t, "it is in memory", time.Second, func() bool { mustGet(t, cache, k, k+"!"); _, ok := cache.Peek(k); return ok })
			}
		}
		if err := tiered.BusOf(c[0]).Invalidate(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		if _, ok := c[0].Peek("a"); ok {
			t.Fatal("the process that invalidated still holds the entry")
		}
		eventually(t, "the peer forgets", time.Second, func() bool { _, ok := c[1].Peek("b"); return !ok })
	}
}

// Whatever stands at an entry's key, a read is answered from the source at once, and the load repairs the word.
func TestGarbageWords(t *testing.T) {
	var loads atomic.Int64
	config := tiered.Config[string, string]{Load: loading(&loads)}
	tagged := config
	tagged.Tags = func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("t")} }
	for kind, config := range map[string]tiered.Config[string, string]{"plain": config, "tagged": tagged} {
		c, key, rdb := processes(t, 2, config)
		ctx := t.Context()
		mustGet(t, c[0], "whole", "whole!")
		whole, err := rdb.Get(ctx, key("whole")).Result()
		if err != nil {
			t.Fatal(err)
		}
		words := map[string]func(k string){
			"text":               func(k string) { rdb.Set(ctx, k, "hello", 0) },
			"empty":              func(k string) { rdb.Set(ctx, k, "", 0) },
			"a lone V":           func(k string) { rdb.Set(ctx, k, "V", 0) },
			"a list":             func(k string) { rdb.RPush(ctx, k, "x") },
			"a hash":             func(k string) { rdb.HSet(ctx, k, "f", "v") },
			"lease, no expiry":   func(k string) { rdb.Set(ctx, k, "L0123456789abcdef", 0) },
			"lease, long expiry": func(k string) { rdb.Set(ctx, k, "L0123456789abcdef", time.Hour) },
			"lease, odd token":   func(k string) { rdb.Set(ctx, k, "Lxyz", time.Second) },
			"intent, odd":        func(k string) { rdb.Set(ctx, k, "I am no intent", 0) },
			"intent, odd token":  func(k string) { rdb.Set(ctx, k, "I9999999999999:zz;", 0) },
			"intent, past":       func(k string) { rdb.Set(ctx, k, "I1000:abc;", 0) },
		}
		for _, cut := range []int{1, 8, 9, 10, 14, 30, len(whole) - 1} {
			words[fmt.Sprint("cut at ", cut)] = func(k string) { rdb.Set(ctx, k, whole[:cut], time.Minute) }
		}
		for at := 9; at < len(whole); at++ {
			flipped := []byte(whole)
			flipped[at] ^= 1 << (at % 8)
			words[fmt.Sprint("flipped at ", at)] = func(k string) { rdb.Set(ctx, k, flipped, time.Minute) }
		}
		for name, put := range words {
			t.Run(kind+" "+name, func(t *testing.T) {
				put(key(name))
				before, begun := c[0].Stats().Garbage, time.Now()
				mustGet(t, c[0], name, name+"!")
				if took := time.Since(begun); took > 300*time.Millisecond {
					t.Errorf("the read took %v", took)
				}
				if c[0].Stats().Garbage != before+1 {
					t.Error("it was not counted as garbage")
				}
				ctx, origin := tiered.WithOrigin(t.Context())
				if v, err := c[1].Get(ctx, name); err != nil || v != name+"!" || origin.Tier() != tiered.Redis {
					t.Errorf("the peer got %q, %v from %v: the load did not repair the word", v, err, origin.Tier())
				}
			})
		}
	}
}

// A word of another schema or codec is left alone, answered from the source and kept in memory.
func TestForeignWords(t *testing.T) {
	var loads atomic.Int64
	config := tiered.Config[string, string]{Load: loading(&loads)}
	rdb, namespace := client(t), rand.Text()
	join := func(config tiered.Config[string, string]) *tiered.Cache[string, string] {
		return newCache(t, newBus(t, coherence.Config{Redis: rdb, Namespace: namespace, Timeout: 5 * time.Second, MaxStaleness: 15 * time.Second}), config)
	}
	first := join(config)
	config.Schema = 1
	schema := join(config)
	config.Schema, config.Codec = 0, l2.JSON[string]()
	codec := join(config)
	mustGet(t, first, "k", "k!")
	word := rdb.Get(t.Context(), namespace+"/test:k").Val()
	for name, c := range map[string]*tiered.Cache[string, string]{"schema": schema, "codec": codec} {
		mustGet(t, c, "k", "k!")
		eventually(t, name+": in memory", time.Second, func() bool { _, ok := c.Peek("k"); return ok })
		if n := c.Stats().Foreign; n != 1 {
			t.Errorf("%s: got %d foreign words, want 1", name, n)
		}
	}
	if got := rdb.Get(t.Context(), namespace+"/test:k").Val(); got != word {
		t.Errorf("the word was changed: %s", hex.EncodeToString([]byte(got)))
	}
	if err := first.Update(t.Context(), "k", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what memory kept beside a foreign word obeys the epoch", time.Second, func() bool { _, ok := codec.Peek("k"); return !ok })
}

// Clear ends what another release has left: its own processes would not read it any more either.
func TestClearEndsForeignWords(t *testing.T) {
	var loads atomic.Int64
	first, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: loading(&loads)})
	mustGet(t, first[0], "k", "k!")
	if err := first[0].Close(); err != nil {
		t.Fatal(err)
	}
	second := newCache(t, tiered.BusOf(first[0]), tiered.Config[string, string]{Schema: 1, Load: loading(&loads)})
	mustGet(t, second, "k", "k!")
	if n := second.Stats(); n.Foreign != 1 || loads.Load() != 2 {
		t.Fatalf("got %+v, %d loads", n, loads.Load())
	}
	if err := second.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustGet(t, second, "k", "k!")
	another := patient
	another.Redis, another.Namespace = rdb, strings.TrimSuffix(key(""), "/test:")
	third := newCache(t, newBus(t, another), tiered.Config[string, string]{Schema: 1, Load: loading(&loads)})
	mustGet(t, third, "k", "k!")
	if n := third.Stats(); n.RedisHits != 1 || loads.Load() != 3 {
		t.Errorf("got %+v, %d loads: Redis does not serve the second release", n, loads.Load())
	}
}

// Somebody's intent sends reads to the source, and nothing is stored until it is gone.
func TestIntentSendsReadsToTheSource(t *testing.T) {
	var loads atomic.Int64
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: loading(&loads)})
	mustIntend(t, rdb, key("k"))
	for range 3 {
		mustGet(t, c[0], "k", "k!")
	}
	if loads.Load() != 3 || c[0].Stats().Bypasses != 3 {
		t.Errorf("got %d loads, %+v, want 3 of each", loads.Load(), c[0].Stats())
	}
	none := newCache(t, tiered.BusOf(c[0]), tiered.Config[string, string]{Name: "none"})
	mustIntend(t, rdb, strings.TrimSuffix(key("k"), "test:k")+"none:k")
	_, err := none.Get(t.Context(), "k")
	wantIs(t, "Get without a Load", err, tiered.ErrCoherence)
	wantIs(t, "Set", none.Set(t.Context(), "k", "v"), tiered.ErrCoherence)
}
