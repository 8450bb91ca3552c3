package scenario

import (
	"testing"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// These are the scenarios that take a time, as go test -bench has them: each rival by itself, on a Redis of its own that
// is started for it. What the program of this module prints is measured in turn with a floor, and is worth more.

// A hit in memory, with one goroutine.
func BenchmarkMemoryHit(b *testing.B) {
	eachRival(b, rival.Memory, func(b *testing.B, s *stand, j *subject) {
		keys := near(b, s, j)
		for i := 0; b.Loop(); i++ {
			must(b, j.read(b.Context(), keys[i%len(keys)]))
		}
	})
}

// A hit in memory, with a goroutine for each core.
func BenchmarkMemoryHitParallel(b *testing.B) {
	eachRival(b, rival.Memory, func(b *testing.B, s *stand, j *subject) {
		keys := near(b, s, j)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if err := j.read(b.Context(), keys[i%len(keys)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func near(b *testing.B, s *stand, j *subject) []string {
	b.Helper()
	keys := source.Keys(j.prefix, 1000)
	j.config.Entries = 2 * len(keys)
	must(b, j.open(b.Context()))
	must(b, s.warm(b.Context(), j, keys))
	return keys
}

// A hit in Redis: keys that another instance has stored, and that this one reads for the first time.
func BenchmarkRedisHit(b *testing.B) {
	eachRival(b, rival.Redis, func(b *testing.B, s *stand, j *subject) {
		const slice = 256
		f := j.far(16*slice + connections)
		must(b, s.fill(b.Context(), j, f.keys))
		var keys []string
		for i := 0; b.Loop(); i++ {
			if i%slice == 0 {
				b.StopTimer()
				var err error
				keys, err = f.next(b.Context(), slice)
				must(b, err)
				b.StartTimer()
			}
			must(b, j.read(b.Context(), keys[i%slice]))
		}
	})
}

// A miss, from a source that takes no time.
func BenchmarkMiss(b *testing.B) {
	eachRival(b, rival.Redis, func(b *testing.B, _ *stand, j *subject) {
		must(b, j.open(b.Context()))
		u := unread{prefix: j.prefix}
		for b.Loop() {
			must(b, j.read(b.Context(), u.next(1)[0]))
		}
	})
}

// A hundred keys at once, all of them in Redis.
func BenchmarkBatch(b *testing.B) {
	eachRival(b, rival.Redis, func(b *testing.B, s *stand, j *subject) {
		f := j.far(32*batchSize + connections)
		must(b, s.fill(b.Context(), j, f.keys))
		for b.Loop() {
			b.StopTimer()
			keys, err := f.next(b.Context(), batchSize)
			must(b, err)
			b.StartTimer()
			found, err := rival.GetMany(b.Context(), j.cache, keys)
			must(b, err)
			if len(found) != batchSize {
				b.Fatalf("a batch of %d answers %d", batchSize, len(found))
			}
		}
	})
}

// eachRival runs a benchmark of each rival that has the tier, and of go-redis alone where that is Redis.
func eachRival(b *testing.B, t rival.Tiers, f func(*testing.B, *stand, *subject)) {
	b.Helper()
	all := rival.With(t)
	if t.Has(rival.Redis) {
		all = append(all, rival.Bare())
	}
	for _, r := range all {
		b.Run(r.Name, func(b *testing.B) {
			_, err := onStand(b.Context(), Env{}, func(s *stand) ([]measure.Row, error) {
				j := s.subject(r, 0)
				b.Cleanup(func() { must(b, j.close()) })
				b.ReportAllocs()
				f(b, s, j)
				return nil, nil
			})
			must(b, err)
		})
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
