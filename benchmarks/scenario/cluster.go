package scenario

import (
	"context"
	"errors"
	"sync"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// cluster is processes with one cache each, on one stand and one source.
type cluster struct {
	rival     rival.Rival
	prefix    string
	source    *source.Source
	server    *source.Server
	processes []*peer.Process
}

// cluster starts processes, each with the stand's Redis or, where via says so, with another address.
func (s *stand) cluster(ctx context.Context, r rival.Rival, processes, entries int, via ...string) (*cluster, error) {
	c := &cluster{rival: r, prefix: string(rune('a'+s.opened)) + ":", source: source.New(0)}
	s.opened++
	var err error
	if c.server, err = source.Serve(c.source); err != nil {
		return nil, err
	}
	for i := range processes {
		o := peer.Options{Rival: r.Name, Redis: s.addr, Source: c.server.Addr(), Entries: entries}
		if i < len(via) && via[i] != "" {
			o.Redis = via[i]
		}
		p, err := peer.Start(ctx, o)
		if err != nil {
			return nil, errors.Join(err, c.stop())
		}
		c.processes = append(c.processes, p)
	}
	return c, nil
}

// stop ends all processes at once.
func (c *cluster) stop() error {
	errs := make([]error, len(c.processes))
	var all sync.WaitGroup
	for i, p := range c.processes {
		all.Go(func() { errs[i] = p.Stop() })
	}
	all.Wait()
	c.server.Close()
	return errors.Join(errs...)
}

// each calls a method of all processes at once.
func each[T any](ctx context.Context, c *cluster, method string, args func(i int) any) ([]T, error) {
	replies, errs := make([]T, len(c.processes)), make([]error, len(c.processes))
	var all sync.WaitGroup
	for i, p := range c.processes {
		all.Go(func() { replies[i], errs[i] = peer.Call[T](ctx, p, method, args(i)) })
	}
	all.Wait()
	return replies, errors.Join(errs...)
}

// clustered measures each of the rivals with a cluster of its own, one after the other. A cluster that fails is a figure
// that says so.
func (s *stand) clustered(ctx context.Context, all []rival.Rival, processes, entries int, f func(*cluster) (measure.Figure, error)) ([]measure.Figure, error) {
	var figures []measure.Figure
	for _, r := range all {
		figure, err := func() (figure measure.Figure, err error) {
			c, err := s.cluster(ctx, r, processes, entries)
			if err != nil {
				return figure, err
			}
			defer func() { err = errors.Join(err, c.stop()) }()
			return f(c)
		}()
		if ctx.Err() != nil {
			return figures, ctx.Err()
		}
		figure.Name = r.Name
		if err != nil {
			figure.Err = err.Error()
		}
		figures = append(figures, figure)
	}
	return figures, nil
}

// twoTier are the rivals that share a Redis, tieredcache first: those that can be wrong in more than one process.
func twoTier(env Env) []rival.Rival { return rivals(env, rival.Redis) }
