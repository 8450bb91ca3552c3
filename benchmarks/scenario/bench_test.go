package scenario

import (
	"testing"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// These are the scenarios that take a time, as go test -bench has them: each rival by itself, on a Redis of its own that
// is started for it. What the program of this module prints is measured in turn with a floor, and is worth more.

// trial is a benchmark of one rival.
type trial struct {
	b       *testing.B
	stand   *stand
	subject *subject
}

// A hit in memory, with one goroutine.
func BenchmarkMemoryHit(b *testing.B) {
	eachRival(b, rival.Memory, func(t trial) {
		keys := t.near()
		for i := 0; t.b.Loop(); i++ {
			must(t.b, t.subject.read(t.b.Context(), keys[i%len(keys)]))
		}
	})
}

// A hit in memory, with a goroutine for each core.
func BenchmarkMemoryHitParallel(b *testing.B) {
	eachRival(b, rival.Memory, func(t trial) {
		keys := t.near()
		t.b.ResetTimer()
		t.b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if err := t.subject.read(t.b.Context(), keys[i%len(keys)]); err != nil {
					t.b.Error(err)
					return
				}
			}
		})
	})
}

// near has memory hold a thousand keys.
func (t trial) near() []string {
	keys := source.Keys(t.subject.prefix, 1000)
	t.subject.config.Entries = 2 * len(keys)
	must(t.b, t.subject.open(t.b.Context()))
	must(t.b, t.stand.warm(t.b.Context(), t.subject, keys))
	return keys
}

// A hit in Redis: keys that another instance has stored, and that this one reads for the first time.
func BenchmarkRedisHit(b *testing.B) {
	eachRival(b, rival.Redis, func(t trial) {
		const slice = 256
		f := t.subject.far(16*slice + connections)
		must(t.b, t.stand.fill(t.b.Context(), t.subject, f.keys))
		var keys []string
		for i := 0; t.b.Loop(); i++ {
			if i%slice == 0 {
				t.b.StopTimer()
				var err error
				keys, err = f.next(t.b.Context(), slice)
				must(t.b, err)
				t.b.StartTimer()
			}
			must(t.b, t.subject.read(t.b.Context(), keys[i%slice]))
		}
	})
}

// A miss, from a source that takes no time.
func BenchmarkMiss(b *testing.B) {
	eachRival(b, rival.Redis, func(t trial) {
		must(t.b, t.subject.open(t.b.Context()))
		u := unread{prefix: t.subject.prefix}
		for t.b.Loop() {
			must(t.b, t.subject.read(t.b.Context(), u.next(1)[0]))
		}
	})
}

// A hundred keys at once, all of them in Redis.
func BenchmarkBatch(b *testing.B) {
	eachRival(b, rival.Redis, func(t trial) {
		f := t.subject.far(32*batchSize + connections)
		must(t.b, t.stand.fill(t.b.Context(), t.subject, f.keys))
		for t.b.Loop() {
			t.b.StopTimer()
			keys, err := f.next(t.b.Context(), batchSize)
			must(t.b, err)
			t.b.StartTimer()
			found, err := rival.GetMany(t.b.Context(), t.subject.cache, keys)
			must(t.b, err)
			if len(found) != batchSize {
				t.b.Fatalf("a batch of %d answers %d", batchSize, len(found))
			}
		}
	})
}

// eachRival runs a benchmark of each rival that has the tier, and of go-redis alone where that is Redis.
func eachRival(b *testing.B, t rival.Tiers, f func(trial)) {
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
				f(trial{b, s, j})
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
