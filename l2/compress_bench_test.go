package l2_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

// prose has the redundancy of text, and no more.
func prose(n int) string {
	words := strings.Fields(`the of and to in is you that it he was for on are as with his they at be this have from or one had by
		word but not what all were we when your can said there use an each which she do how their if will up other about out many
		then them these so some her would make like him into time has look two more write go see number no way could people my than
		first water been call who oil its now find long down day did get come made may part vegetarian coffee restaurant window`)
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %d ", words[r.IntN(len(words))], r.IntN(100))
	}
	return b.String()[:n]
}

// BenchmarkCompression reads and fills words of text that are compressed and words that are not, in turn, and reports the
// medians of the ratios: below 1 it pays. It is why CompressAbove is zero by default.
func BenchmarkCompression(b *testing.B) {
	r := newRig(b)
	config := l2.Config[string]{
		Redis: r.Client, Codec: plain{}, Generation: r.generation(),
		Sequence: r.layout.Sequence(), Journal: r.layout.Journal(), Channel: r.layout.Channel(),
	}
	as, err := l2.New(config)
	check(b, err)
	config.CompressAbove = 1
	small, err := l2.New(config)
	check(b, err)
	ctx := b.Context()
	check(b, r.Set(ctx, r.generation(), "7", 0).Err())
	for size := 1 << 10; size <= 1<<20; size *= 4 {
		v := l2.Value[string]{Value: prose(size), Generation: 7, TTL: time.Minute}
		b.Run(fmt.Sprintf("%dkB", size>>10), func(b *testing.B) {
			stores := []*l2.Store[string]{as, small}
			entries := []l2.Entry{r.entry("as it is"), r.entry("compressed")}
			var get, set [2]time.Duration
			var gets, sets []float64
			for n := 0; b.Loop(); n++ {
				for k := range 2 {
					i := (n + k) % 2
					set[i] = repeat(8, func() {
						if stored, _, err := stores[i].Set(ctx, entries[i], v, [8]byte{1}); err != nil || !stored {
							b.Fatal(stored, err)
						}
					})
					get[i] = repeat(8, func() {
						if w, err := stores[i].Get(ctx, entries[i], 7, 0); err != nil || w.Kind != l2.Found {
							b.Fatal(w.Kind, err)
						}
					})
				}
				gets, sets = append(gets, float64(get[1])/float64(get[0])), append(sets, float64(set[1])/float64(set[0]))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(gets), "read-x")
			b.ReportMetric(median(sets), "set-x")
			b.ReportMetric(float64(r.StrLen(ctx, entries[1].Key).Val())/float64(r.StrLen(ctx, entries[0].Key).Val()), "size-x")
		})
	}
}

func repeat(n int, call func()) time.Duration {
	start := time.Now()
	for range n {
		call()
	}
	return time.Since(start)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
