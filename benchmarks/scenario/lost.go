package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

const (
	lostWrites = 50
	cutFor     = 500 * time.Millisecond
	bound      = 2 * time.Second // tieredcache's MaxStaleness, which is the only one that is stated
)

// lostMessage cuts the connections that bring one process its invalidations for half a second, in which another process
// writes fifty keys that the first one holds. What is still old there when two seconds have passed is stale. It measures
// no time, so all rivals do it at once.
func lostMessage(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "lost-message", Unit: fmt.Sprintf("stale keys of %d", lostWrites), Floor: exactly("none", 0)}
		all := twoTier(env)
		row.Subjects = make([]measure.Figure, len(all))
		var ready, done sync.WaitGroup
		ready.Add(len(all))
		for i, r := range all {
			c, proxy, err := s.cutable(ctx, r)
			done.Go(func() {
				f := &row.Subjects[i]
				ready.Done()
				ready.Wait()
				if err == nil {
					*f, err = c.cut(ctx, proxy)
					err = errors.Join(err, c.stop())
					proxy.Close()
				}
				if f.Name = r.Name; err != nil {
					f.Err = err.Error()
				}
			})
		}
		done.Wait()
		return []measure.Row{row}, ctx.Err()
	})
}

// cutable returns two processes, the second of which reaches Redis by a proxy; both hold the keys.
func (s *stand) cutable(ctx context.Context, r rival.Rival) (*cluster, *peer.Proxy, error) {
	proxy, err := peer.NewProxy(s.addr)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.cluster(ctx, r, 2, 0, "", proxy.Addr())
	if err == nil {
		if _, err = each[struct{}](ctx, c, "Keep", func(int) any { return source.Keys(c.prefix, lostWrites) }); err != nil {
			err = errors.Join(err, c.stop())
		}
	}
	if err != nil {
		proxy.Close()
	}
	return c, proxy, err
}

func (c *cluster) cut(ctx context.Context, proxy *peer.Proxy) (f measure.Figure, err error) {
	writer, reader := c.processes[0], c.processes[1]
	keys := source.Keys(c.prefix, lostWrites)
	closed := proxy.Cut(true)
	end := time.Now().Add(cutFor)
	for _, k := range keys {
		w, err := peer.Call[peer.Reading](ctx, writer, "Update", k)
		if err == nil && w.Err != "" {
			err = errors.New(w.Err)
		}
		if err != nil {
			return f, err
		}
	}
	failed, asked := 0, 0
	for ; time.Now().Before(end); asked++ {
		began := time.Now()
		if _, err := get(ctx, reader, keys[asked%len(keys)]); err != nil || time.Since(began) > cutFor/5 {
			failed++
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return f, err
		}
	}
	proxy.Cut(false)
	if err := pause(ctx, bound); err != nil {
		return f, err
	}
	stale := 0
	for _, k := range keys {
		r, err := get(ctx, reader, k)
		if err != nil {
			return f, err
		}
		stale += count(r.Version < 1)
	}
	f.Value = float64(stale)
	f.Note = fmt.Sprintf("%d connections cut, %d of %d reads meanwhile failed or took over %v", closed, failed, asked, cutFor/5)
	return f, nil
}
