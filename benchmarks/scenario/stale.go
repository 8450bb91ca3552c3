package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

const (
	slowLoad = 100 * time.Millisecond
	settled  = 50 * time.Millisecond // after which whatever is stored in the background is stored
)

// staleFill has one process load a key slowly while another writes and invalidates it, and then reads it again, there
// and in a third process: what was overtaken before it was stored must not be read.
func staleFill(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	trials := pick(env, min(o.Rounds, 10), 3, 1)
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "stale-fill", Unit: "% of slow loads leave the old value", Floor: exactly("none", 0)}
		var err error
		row.Subjects, err = s.clustered(ctx, twoTier(env), 3, 0, func(c *cluster) (measure.Figure, error) {
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
