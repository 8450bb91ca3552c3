package replica

import (
	"context"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

type getter = func(context.Context, string) (source.Row, error)

// Crowd is many readers of one key, all at one moment.
type Crowd struct {
	Key     string
	Readers int
	At      time.Duration
}

// Crowded is what they got.
type Crowded struct {
	Values, Errors int
	Slowest        time.Duration // from the moment
}

// Crowd reads a key with many readers at once.
func (r *Replica) Crowd(c Crowd, out *Crowded) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range c.Readers {
		all.Go(func() {
			time.Sleep(mono.Until(c.At))
			_, err := r.cache.Get(context.Background(), c.Key)
			took := mono.Now() - c.At
			mu.Lock()
			defer mu.Unlock()
			out.Slowest = max(out.Slowest, took)
			if err != nil {
				out.Errors++
			} else {
				out.Values++
			}
		})
	}
	all.Wait()
	return nil
}
