package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// subject is a rival with a source of its own, and a prefix that keeps its keys apart on the stand.
type subject struct {
	rival.Rival
	source *source.Source
	prefix string
	config rival.Config
	cache  rival.Cache // nil while it is not open
}

// subject returns a rival that is not open yet. Without a stand it has memory alone.
func (s *stand) subject(r rival.Rival, entries int) *subject {
	j := &subject{Rival: r, source: source.New(0)}
	j.config = rival.Config{Load: j.source.Load, LoadMany: j.source.LoadMany, Entries: entries}
	if s != nil {
		j.config.Redis, j.config.Calm = s.addr, s.calm
		j.prefix = string(rune('a'+s.opened)) + ":"
		s.opened++
	}
	return j
}

// rivals are those that have the tiers; for a test, a few: package rival tests each.
func rivals(env Env, t rival.Tiers) []rival.Rival {
	all := rival.With(t)
	if env.Tiny {
		some := []string{rival.Ours, rival.Tagged, "go-redis/cache"}
		all = slices.DeleteFunc(all, func(r rival.Rival) bool { return !slices.Contains(some, r.Name) })
	}
	return all
}

// missing adds this library's other way to fill, which only what misses can tell from the first.
func missing(all []rival.Rival) []rival.Rival { return slices.Insert(all, 2, rival.InBackground()) }

// subjects returns those of a rival's list, less the floor.
func (s *stand) subjects(all []rival.Rival, floor string, entries int) []*subject {
	var list []*subject
	for _, r := range all {
		if r.Name != floor {
			list = append(list, s.subject(r, entries))
		}
	}
	return list
}

func (j *subject) open(ctx context.Context) (err error) {
	if err = j.close(); err != nil {
		return err
	}
	j.cache, err = j.Open(ctx, j.config)
	return err
}

// close closes the subject, if it is open.
func (j *subject) close() error {
	if j.cache == nil {
		return nil
	}
	c := j.cache
	j.cache = nil
	return c.Close()
}

func closeAll(list []*subject) {
	for _, j := range list {
		_ = j.close() // what was measured stays
	}
}

// failing is the op of a subject that cannot take part: its figure says why.
func (j *subject) failing(err error) measure.Op {
	return measure.Op{Name: j.Name, Run: func(context.Context, int) error { return err }}
}

// op times what run does with the open subject. loads is how often each operation asks the source: if one in a hundred
// does otherwise, what was meant to be a hit was none, and that is an error.
func (j *subject) op(prepare, run func(ctx context.Context, n int) error, loads int, notes ...string) measure.Op {
	return measure.Op{
		Name: j.Name, Note: note(notes...), Prepare: prepare,
		Run: func(ctx context.Context, n int) error {
			before := j.source.Loads()
			if err := run(ctx, n); err != nil {
				return err
			}
			got, stray := j.source.Loads()-before, int64(1+max(n, loads*n)/100) // a busy machine makes some late
			if got < int64(loads*n)-stray || got > int64(loads*n)+stray {
				return fmt.Errorf("%d operations asked the source %d times, want %d", n, got, loads*n)
			}
			return nil
		},
	}
}

func note(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, "; ")
}

// read reads the i-th key and fails where the answer is none.
func (j *subject) read(ctx context.Context, key string) error {
	list, err := j.cache.Get(ctx, key)
	if err != nil {
		return err
	}
	return whole(list)
}

func whole(list sample.List) error {
	if len(list) != sample.Size {
		return fmt.Errorf("a list of %d, want %d", len(list), sample.Size)
	}
	return nil
}

// spread has workers do f for each i below n, in shares of one block each.
func spread(n, workers int, f func(i int) error) error {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				if errs[w] = f(i); errs[w] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
