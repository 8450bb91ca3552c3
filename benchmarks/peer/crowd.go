package peer

import (
	"context"
	"math/rand"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// Crowd is many readers of one key, all at one moment of source.Clock.
type Crowd struct {
	Key     string
	Readers int
	At      time.Duration
}

// Crowded is what they got.
type Crowded struct {
	Values  int
	Slowest time.Duration // from the moment
	Err     string        // of one that got none
}

// Crowd reads a key with many readers at once.
func (p *Peer) Crowd(c Crowd, out *Crowded) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience+time.Second)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range c.Readers {
		all.Go(func() {
			time.Sleep(c.At - source.Clock())
			list, err := p.cache.Get(ctx, c.Key)
			took := source.Clock() - c.At
			mu.Lock()
			defer mu.Unlock()
			out.Slowest = max(out.Slowest, took)
			switch {
			case err != nil:
				out.Err = err.Error()
			case len(list) > 0:
				out.Values++
			}
		})
	}
	all.Wait()
	return nil
}

// Mix is a mixture of reads and writes, keys of a zipf distribution.
type Mix struct {
	Prefix  string
	Keys    int
	Workers int
	Ops     int // of all workers together
	Writes  int // in a hundred
	Seed    int64
}

// Mixed is what came of it.
type Mixed struct {
	Checked, Stale int           // reads whose version was looked up in the source afterwards; those that were overtaken before they began
	Oldest         time.Duration // how long before, at most
	Errs           int
	Err            string // one of them
}

// checked is one in how many reads is checked: a check costs a call of the source.
const checked = 32

// Mix does a mixture.
func (p *Peer) Mix(m Mix, out *Mixed) error {
	keys := source.Keys(m.Prefix, m.Keys)
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range m.Workers {
		all.Go(func() {
			one := p.mix(m, keys, m.Ops*(w+1)/m.Workers-m.Ops*w/m.Workers, m.Seed*int64(m.Workers)+int64(w))
			mu.Lock()
			defer mu.Unlock()
			out.Checked, out.Stale, out.Errs = out.Checked+one.Checked, out.Stale+one.Stale, out.Errs+one.Errs
			out.Oldest = max(out.Oldest, one.Oldest)
			if one.Err != "" {
				out.Err = one.Err
			}
		})
	}
	all.Wait()
	return nil
}

func (p *Peer) mix(m Mix, keys []string, n int, seed int64) (out Mixed) {
	ctx := context.Background()
	random := rand.New(rand.NewSource(seed))
	z := rand.NewZipf(random, 1.01, 1, uint64(m.Keys-1))
	failed := func(err error) {
		if err != nil {
			out.Errs++
			out.Err = err.Error()
		}
	}
	for range n {
		key := keys[z.Uint64()]
		dice := random.Intn(100 * checked)
		if dice < m.Writes*checked {
			var version int64
			failed(p.update(ctx, key, &version))
			continue
		}
		began := time.Duration(0)
		check := dice%checked == 0
		if check {
			began = source.Clock()
		}
		list, err := p.cache.Get(ctx, key)
		failed(err)
		if !check || err != nil {
			continue
		}
		at, err := p.source.Overtaken(key, source.Version(list))
		failed(err)
		out.Checked++
		if at > 0 && at < began {
			out.Stale++
			out.Oldest = max(out.Oldest, began-at)
		}
	}
	return out
}
