package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// stampedeOf is how many processes with how many readers each run at one key.
func stampedeOf(env Env) (processes, readers int) { return pick(env, 8, 8, 3), pick(env, 100, 100, 10) }

// stampedeLoad is how long a load takes.
const stampedeLoad = 50 * time.Millisecond

// stampede counts the loads of one key that all readers of all processes miss at once.
func stampede(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	return onStand(ctx, env, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "stampede", Unit: "loads", Floor: exactly("one load", 1)}
		processes, readers := stampedeOf(env)
		var err error
		row.Subjects, err = s.clustered(ctx, twoTier(env), processes, 0, func(c *cluster) (measure.Figure, error) {
			if _, err := c.stampede(ctx, readers, 0); err != nil { // connections are made
				return measure.Figure{}, err
			}
			var loads []float64
			slowest := time.Duration(0)
			for i := range pick(env, min(o.Rounds, 7), 3, 1) {
				before := c.source.Loads()
				took, err := c.stampede(ctx, readers, i+1)
				if err != nil {
					return measure.Figure{}, err
				}
				loads, slowest = append(loads, float64(c.source.Loads()-before)), max(slowest, took)
			}
			f := spreadOf(loads, 1)
			f.Note = fmt.Sprintf("of %d readers in %d processes the slowest took %v; a load takes %v",
				processes*readers, processes, slowest.Round(time.Millisecond), stampedeLoad)
			return f, nil
		})
		return []measure.Row{row}, err
	})
}

// stampede has everybody read the i-th key at one moment, and returns how long the slowest took.
func (c *cluster) stampede(ctx context.Context, readers, i int) (slowest time.Duration, err error) {
	c.source.SetDelay(stampedeLoad)
	crowd := peer.Crowd{Key: source.Key(c.prefix, i), Readers: readers, At: source.Clock() + 300*time.Millisecond}
	all, err := each[peer.Crowded](ctx, c, "Crowd", func(int) any { return crowd })
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if one.Values != readers {
			return 0, fmt.Errorf("%d of %d readers have a value, the others: %s", one.Values, readers, one.Err)
		}
		slowest = max(slowest, one.Slowest)
	}
	return slowest, nil
}

// exactly is the figure of what is known beforehand.
func exactly(name string, value float64) measure.Figure {
	return measure.Figure{Name: name, Value: value, Ratio: 1, Low: 1, High: 1}
}

// spreadOf is the figure of some values, whose ratios are to a floor.
func spreadOf(values []float64, floor float64) measure.Figure {
	f := measure.Figure{Value: measure.Median(values)}
	if floor > 0 {
		f.Ratio, f.Low, f.High = f.Value/floor, measure.Quantile(values, 0.25)/floor, measure.Quantile(values, 0.75)/floor
	}
	return f
}
