package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// A stampede is eight processes with a hundred readers each, and a load that takes 50 ms.
const (
	stampeders   = 8
	stampedeSize = 100
	stampedeLoad = 50 * time.Millisecond
)

// stampede counts the loads of one key that all readers of all processes miss at once.
func stampede(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "stampede", Unit: "loads", Floor: exactly("one load", 1)}
		var err error
		row.Subjects, err = s.clustered(ctx, twoTier(env), stampeders, 0, func(c *cluster) (measure.Figure, error) {
			if _, err := c.stampede(ctx, 0); err != nil { // connections are made
				return measure.Figure{}, err
			}
			var loads []float64
			slowest := time.Duration(0)
			for i := range pick(env, min(o.Rounds, 7), 3, 1) {
				before := c.source.Loads()
				took, err := c.stampede(ctx, i+1)
				if err != nil {
					return measure.Figure{}, err
				}
				loads, slowest = append(loads, float64(c.source.Loads()-before)), max(slowest, took)
			}
			f := spreadOf(loads, 1)
			f.Note = fmt.Sprintf("of %d readers in %d processes the slowest took %v; a load takes %v",
				stampeders*stampedeSize, stampeders, slowest.Round(time.Millisecond), stampedeLoad)
			return f, nil
		})
		return []measure.Row{row}, err
	})
}

// stampede has everybody read the i-th key at one moment, and returns how long the slowest took.
func (c *cluster) stampede(ctx context.Context, i int) (slowest time.Duration, err error) {
	c.source.SetDelay(stampedeLoad)
	crowd := peer.Crowd{Key: source.Key(c.prefix, i), Readers: stampedeSize, At: source.Clock() + 300*time.Millisecond}
	all, err := each[peer.Crowded](ctx, c, "Crowd", func(int) any { return crowd })
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		if one.Values != stampedeSize {
			return 0, fmt.Errorf("%d of %d readers have a value, the others: %s", one.Values, stampedeSize, one.Err)
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
