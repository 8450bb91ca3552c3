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

// The mixture: of a hundred operations five write.
const (
	mixers      = 3 // processes
	mixWorkers  = 4 // goroutines in each
	mixWrites   = 5 // in a hundred
	sourceDelay = time.Millisecond
)

// mixed has three processes read and write keys of a zipf distribution; a load takes a millisecond, as Neo4j does. Every
// 32nd read is compared with the source: one that returns what had been overtaken before it began is stale. The floor
// is go-redis alone, which deletes after a write.
func mixed(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	keys := pick(env, 10_000, 1000, 100)
	// Three processes take turns on the machine's cores: a short slice tells whose turn it was.
	o.Time, o.Rounds = pick(env, 500*time.Millisecond, 300*time.Millisecond, o.Time), min(o.Rounds, pick(env, 7, 3))
	return onStand(ctx, env, func(s *stand) (rows []measure.Row, err error) {
		floor := &mixture{stand: s, rival: rival.Bare(), keys: keys}
		defer func() { err = errors.Join(err, floor.stop()) }()
		row := measure.Row{}
		for _, r := range twoTier(env) {
			m := &mixture{stand: s, rival: r, keys: keys}
			one, err := measure.Paired(ctx, o, floor.op(ctx), m.op(ctx))
			if err = errors.Join(err, m.stop()); err != nil {
				return nil, err
			}
			figure := one.Subjects[0]
			figure.Note, figure.Allocs = m.told(), 0 // those of this process say nothing
			row.Subjects = append(row.Subjects, figure)
			if row.Floor.Name == "" {
				row.Floor = one.Floor
			}
		}
		row.Floor.Note, row.Floor.Allocs = floor.told(), 0
		row.Scenario, row.Unit = "mixed", "ns/op, of all processes together"
		return []measure.Row{row}, nil
	})
}

// mixture is the mixture with one rival.
type mixture struct {
	stand *stand
	rival rival.Rival
	keys  int

	cluster *cluster
	seed    int64
	sum     peer.Mixed
}

func (m *mixture) op(ctx context.Context) measure.Op {
	if err := m.start(ctx); err != nil {
		return measure.Op{Name: m.rival.Name, Run: func(context.Context, int) error { return err }}
	}
	return measure.Op{Name: m.rival.Name, Run: m.run}
}

// start starts the processes and has each read every key.
func (m *mixture) start(ctx context.Context) (err error) {
	if m.cluster != nil {
		return nil
	}
	if m.cluster, err = m.stand.cluster(ctx, m.rival, mixers, 2*m.keys); err != nil {
		return err
	}
	keys := source.Keys(m.cluster.prefix, m.keys)
	if _, err = each[struct{}](ctx, m.cluster, "Keep", func(int) any { return keys }); err != nil {
		return err
	}
	m.cluster.source.SetDelay(sourceDelay)
	return nil
}

func (m *mixture) run(ctx context.Context, n int) error {
	m.seed++
	all, err := each[peer.Mixed](ctx, m.cluster, "Mix", func(i int) any {
		return peer.Mix{
			Prefix: m.cluster.prefix, Keys: m.keys, Workers: mixWorkers, Writes: mixWrites,
			Ops: n*(i+1)/mixers - n*i/mixers, Seed: m.seed*mixers + int64(i),
		}
	})
	if err != nil {
		return err
	}
	for _, one := range all {
		m.sum.Checked, m.sum.Stale, m.sum.Errs = m.sum.Checked+one.Checked, m.sum.Stale+one.Stale, m.sum.Errs+one.Errs
		m.sum.Oldest = max(m.sum.Oldest, one.Oldest)
		if one.Err != "" {
			m.sum.Err = one.Err
		}
	}
	return nil
}

// told says how right the reads were.
func (m *mixture) told() string {
	text := fmt.Sprintf("%d of %d checked reads stale", m.sum.Stale, m.sum.Checked)
	if m.sum.Stale > 0 {
		text += fmt.Sprintf(", by %v at most", m.sum.Oldest.Round(100*time.Microsecond))
	}
	if m.sum.Errs > 0 {
		text += fmt.Sprintf(", %d operations failed: %s", m.sum.Errs, m.sum.Err)
	}
	return text
}

func (m *mixture) stop() error {
	if m.cluster == nil {
		return nil
	}
	return m.cluster.stop()
}
