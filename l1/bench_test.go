package l1_test

import (
	"fmt"
	"testing"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/l1"
)

// A put into a memory that is full of what lives, in lots as package tiered puts.
func BenchmarkPutWhereFull(b *testing.B) {
	const lot = 32
	for _, size := range []int{256, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			r := newRig[int, []byte](b, 64<<20)
			value := make([]byte, 8)
			k := 0
			put := func() {
				for range lot {
					p := epoch.At(&r.member, uint32(k)*2654435761)
					r.Put(k, value, p, r.epochs.Now(), never, int64(size-l1.Overhead))
					k++
				}
				r.Wait()
			}
			for !r.Full() || k < 100_000 {
				put()
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%lot == 0 {
					put()
				}
			}
		})
	}
}
