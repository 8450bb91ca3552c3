package l2_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

// gate is a hook that holds what reads until it is opened, and knows the readers.
type gate struct {
	closed chan struct{}
	open   func()
	fail   error // in place of sending what was held
	panics bool  // who shares
	all    sync.WaitGroup

	mu   sync.Mutex
	held [][]redis.Cmder
	ends []time.Time // of their contexts
}

func newGate(t *testing.T, r *rig) *gate {
	t.Helper()
	g := &gate{closed: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.closed) })
	r.AddHook(g)
	t.Cleanup(func() { g.open(); g.all.Wait() })
	return g
}

func (g *gate) hold(ctx context.Context, cmds []redis.Cmder) error {
	if name := cmds[0].Name(); name != "get" && name != "mget" && name != "set" {
		return nil
	}
	g.mu.Lock()
	end, _ := ctx.Deadline()
	g.held, g.ends = append(g.held, cmds), append(g.ends, end)
	shared := len(g.held) > 1
	g.mu.Unlock()
	<-g.closed
	if g.panics && shared {
		panic("a hook of the user's")
	}
	return g.fail
}

func (g *gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := g.hold(ctx, []redis.Cmder{cmd}); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := g.hold(ctx, cmds); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// trips are what was held so far, in the order in which it was sent.
func (g *gate) trips() [][]redis.Cmder {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *gate) holds(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d round trips under way", n), func() bool { return len(g.trips()) == n })
}

// alone keeps the one place of a reader that does not share.
func (g *gate) alone(t *testing.T, s *l2.Store[string], r *rig) {
	t.Helper()
	e := r.entry("alone")
	g.all.Go(func() {
		if w, err := s.Get(t.Context(), e, 1, 0); !errors.Is(err, g.fail) || w.Kind != l2.Absent {
			t.Errorf("who is alone: got %+v, %v", w, err)
		}
	})
	g.holds(t, 1)
}

// carries waits until n readers wait or are under way.
func (g *gate) carries(t *testing.T, s *l2.Store[string], r *rig, n int) {
	t.Helper()
	eventually(t, "all on their way", func() bool {
		waiting, underway := s.Crowd()
		sent := 0
		for _, cmds := range g.trips() {
			sent += readersOf(cmds, r)
		}
		return waiting+sent == n && underway == len(g.trips())-1
	})
}

// readersOf is how many readers a round trip is for.
func readersOf(cmds []redis.Cmder, r *rig) (n int) {
	entry := r.layout.Key("test:")
	for _, cmd := range cmds {
		for _, arg := range cmd.Args() {
			key, _ := arg.(string)
			if p, ok := arg.(*string); ok {
				key = *p
			}
			if strings.HasPrefix(key, entry) {
				n++
			}
		}
	}
	return n
}
