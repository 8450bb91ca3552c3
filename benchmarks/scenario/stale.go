package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

const (
	slowLoad = 100 * time.Millisecond
	settled  = 50 * time.Millisecond // after which whatever is stored in the background is stored
)

// staleFill has one process load a key slowly while another writes and invalidates it, and then reads it again, there
// and in a third process: what was overtaken before it was stored must not be read.
func staleFill(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	trials := pick(env, min(o.Rounds, 10), 3)
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "stale-fill", Unit: "% of slow loads leave the old value", Floor: exactly("none", 0)}
		var err error
		row.Subjects, err = s.clustered(ctx, twoTier(), 3, 0, func(c *cluster) (measure.Figure, error) {
			near, far, either := 0, 0, 0
			for i := range trials {
				inMemory, inRedis, err := c.slowFill(ctx, source.Key(c.prefix, i))
				if err != nil {
					return measure.Figure{}, err
				}
				near, far, either = near+count(inMemory), far+count(inRedis), either+count(inMemory || inRedis)
			}
			return measure.Figure{
				Value: 100 * float64(either) / float64(trials),
				Note:  fmt.Sprintf("old for the loader %d of %d, for a third process, from Redis, %d", near, trials, far),
			}, nil
		})
		return []measure.Row{row}, err
	})
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// slowFill is one trial.
func (c *cluster) slowFill(ctx context.Context, key string) (inMemory, inRedis bool, err error) {
	loader, writer, third := c.processes[0], c.processes[1], c.processes[2]
	c.source.SetDelay(slowLoad)
	before := c.source.Loads()
	first := make(chan error, 1)
	go func() {
		_, err := get(ctx, loader, key)
		first <- err
	}()
	if err := until(ctx, "the load begins", func() (bool, error) { return c.source.Loads() > before, nil }); err != nil {
		return false, false, err
	}
	c.source.SetDelay(0)
	written, err := peer.Call[peer.Reading](ctx, writer, "Update", key)
	if err == nil && written.Err != "" {
		err = errors.New(written.Err)
	}
	if err = errors.Join(err, <-first); err != nil {
		return false, false, err
	}
	if err := pause(ctx, settled); err != nil {
		return false, false, err
	}
	again, err := get(ctx, loader, key)
	if err != nil {
		return false, false, err
	}
	elsewhere, err := get(ctx, third, key)
	return again.Version < written.Version, elsewhere.Version < written.Version, err
}

func get(ctx context.Context, p *peer.Process, key string) (peer.Reading, error) {
	r, err := peer.Call[peer.Reading](ctx, p, "Get", key)
	if err == nil && r.Err != "" {
		err = errors.New(r.Err)
	}
	return r, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

const (
	lostWrites = 50
	cutFor     = 500 * time.Millisecond
	bound      = 2 * time.Second // tieredcache's MaxStaleness, which is the only one that is stated
)

// lostMessage cuts the connections that bring one process its invalidations for half a second, in which another process
// writes fifty keys that the first one holds. What is still old there when two seconds have passed is stale.
func lostMessage(ctx context.Context, _ Env, _ measure.Options) ([]measure.Row, error) {
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "lost-message", Unit: fmt.Sprintf("stale keys of %d", lostWrites), Floor: exactly("none", 0)}
		for _, r := range twoTier() {
			f, err := s.cut(ctx, r)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			f.Name = r.Name
			if err != nil {
				f.Err = err.Error()
			}
			row.Subjects = append(row.Subjects, f)
		}
		return []measure.Row{row}, nil
	})
}

func (s *stand) cut(ctx context.Context, r rival.Rival) (f measure.Figure, err error) {
	proxy, err := peer.NewProxy(s.addr)
	if err != nil {
		return f, err
	}
	defer proxy.Close()
	c, err := s.cluster(ctx, r, 2, 0, "", proxy.Addr())
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	writer, reader := c.processes[0], c.processes[1]
	keys := source.Keys(c.prefix, lostWrites)
	if _, err := each[struct{}](ctx, c, "Keep", func(int) any { return keys }); err != nil {
		return f, err
	}

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
