package tiered_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// Several processes read and write the same few keys as fast as they can, and every single read is checked against the
// truth: a process never reads what was before its own write (C1), never goes backwards (C5), and no process reads what
// another overwrote more than the bound ago (C2).
func TestEveryReadUnderLoad(t *testing.T) {
	const (
		keys  = 8
		bound = 2 * time.Second
		run   = 3 * time.Second
	)
	var truth [keys]atomic.Int64 // what the source holds
	type write struct {
		version  int64
		returned time.Time
	}
	var latest [keys]atomic.Pointer[write] // the newest version whose Update has returned
	caches, _, _ := processes(t, 3, tiered.Config[string, string]{
		Tags: func(k string) []coherence.Ref { return []coherence.Ref{coherence.Tag("half", k[:1])} },
		Load: func(_ context.Context, k string) (string, error) {
			i, _ := strconv.Atoi(k)
			v := truth[i].Load()
			<-time.After(rand.N(2 * time.Millisecond))
			return strconv.FormatInt(v, 10), nil
		},
	})
	var reads, writes atomic.Int64
	end := time.Now().Add(run)
	var all sync.WaitGroup
	var writing [keys]sync.Mutex // the truth's versions are in the order of their writes
	for p, c := range caches {
		var own, seen [keys]atomic.Int64
		all.Go(func() {
			for time.Now().Before(end) {
				i := rand.IntN(keys)
				writing[i].Lock()
				var version int64
				err := c.Update(t.Context(), strconv.Itoa(i), func(context.Context) error { version = truth[i].Add(1); return nil })
				if err != nil {
					t.Error(err)
				}
				own[i].Store(version)
				latest[i].Store(&write{version, time.Now()})
				writing[i].Unlock()
				writes.Add(1)
				<-time.After(rand.N(5 * time.Millisecond))
			}
		})
		for range 4 {
			all.Go(func() {
				for time.Now().Before(end) && !t.Failed() {
					i := rand.IntN(keys)
					mine, before, newest, begun := own[i].Load(), seen[i].Load(), latest[i].Load(), time.Now()
					text, err := c.Get(t.Context(), strconv.Itoa(i))
					v, _ := strconv.ParseInt(text, 10, 64)
					switch {
					case err != nil:
						t.Errorf("process %d: %v", p, err)
					case v < mine:
						t.Errorf("process %d read %d of key %d after its own write of %d", p, v, i, mine)
					case v < before:
						t.Errorf("process %d read %d of key %d after %d", p, v, i, before)
					case newest != nil && v < newest.version && begun.Sub(newest.returned) > bound:
						t.Errorf("process %d read %d of key %d, %v after %d was written", p, v, i, begun.Sub(newest.returned), newest.version)
					}
					for old := seen[i].Load(); v > old && !seen[i].CompareAndSwap(old, v); {
						old = seen[i].Load()
					}
					reads.Add(1)
				}
			})
		}
	}
	all.Wait()
	s := fmt.Sprintf("%+v", caches[0].Stats())
	if reads.Load() < 1000 || writes.Load() < 100 || caches[0].Stats().MemoryHits == 0 || caches[0].Stats().RedisHits == 0 {
		t.Errorf("too little was done to show anything: %d reads, %d writes, %s", reads.Load(), writes.Load(), s)
	}
	t.Logf("%d reads, %d writes, %s", reads.Load(), writes.Load(), s)
}
