package tiered_test

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// A hit in memory, with and without tags, in one goroutine and in as many as there are cores.
func BenchmarkMemoryHit(b *testing.B) {
	type userKey struct{ Tenant, User string }
	config := tiered.Config[userKey, []string]{Load: func(context.Context, userKey) ([]string, error) { return []string{"v"}, nil }}
	tagged := config
	tagged.Tags = func(k userKey) []coherence.Ref { return []coherence.Ref{coherence.Tag("user", k.Tenant, k.User)} }
	for name, config := range map[string]tiered.Config[userKey, []string]{"plain": config, "tagged": tagged} {
		c := newCache(b, newBus(b, coherence.Config{}), config)
		keys := make([]userKey, 1000)
		for i := range keys {
			keys[i] = userKey{"acme", strconv.Itoa(i)}
			if _, err := c.Get(b.Context(), keys[i]); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = c.Get(b.Context(), keys[i%len(keys)])
			}
		})
		b.Run(name+"/all", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					_, _ = c.Get(b.Context(), keys[i%len(keys)])
				}
			})
		})
	}
}

// A hit allocates nothing.
func TestMemoryHitAllocatesNothing(t *testing.T) {
	c := newCache(t, newBus(t, coherence.Config{}), tiered.Config[string, string]{
		Load: func(_ context.Context, k string) (string, error) { return k, nil },
		Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("t")} },
	})
	// Allocations of the whole process are counted: between two SYNCs there are none but ours.
	eventually(t, "1000 hits without an allocation", 5*time.Second, func() bool {
		return testing.AllocsPerRun(1000, func() { mustGet(t, c, "k", "k") }) == 0
	})
}

// A hit in Redis, of keys that another process has filled and this one reads for the first time, beside the same
// commands of a bare client.
func BenchmarkRedisHit(b *testing.B) {
	const keys = 20_000
	namespace, value := rand.Text(), strings.Repeat("v", 1000)
	for name, tags := range map[string][]coherence.Ref{"plain": nil, "tagged": {coherence.Tag("user", "acme", "ada")}} {
		config := tiered.Config[int, string]{
			Name: name, Load: func(context.Context, int) (string, error) { return value, nil },
			Tags: func(int) []coherence.Ref { return tags },
		}
		bus := newBus(b, coherence.Config{Namespace: namespace})
		filler := newCache(b, bus, config)
		all := make([]int, keys)
		for i := range all {
			all[i] = i
		}
		if _, err := filler.GetMany(b.Context(), all); err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			var words []string
			for i := 0; b.Loop(); i++ {
				words = append(words[:0], bus.Key(filler.Ref(i%keys).String()))
				for _, t := range tags {
					words = append(words, bus.Key(t.String()))
				}
				if err := bus.Redis().MGet(b.Context(), words...).Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/cache", func(b *testing.B) {
			reader := newCache(b, newBus(b, coherence.Config{Namespace: namespace}), config)
			_, _ = reader.Get(b.Context(), 0)
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				if i%keys == 0 {
					b.StopTimer()
					reader = newCache(b, newBus(b, coherence.Config{Namespace: namespace}), config)
					_, _ = reader.Get(b.Context(), 0)
					b.StartTimer()
				}
				if _, err := reader.Get(b.Context(), i%keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
