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

// invalidation measures how long it takes from the call of Invalidate in one process until another one's memory has
// dropped the key, in turn with how long a PUBLISH takes to the go-redis subscription of that same process.
func invalidation(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error) {
	const key = 1
	rounds := pick(env, 20*o.Rounds, 40, 5)
	return onStand(ctx, func(s *stand) ([]measure.Row, error) {
		row := measure.Row{Scenario: "invalidation", Unit: "µs"}
		var floors []float64
		var err error
		row.Subjects, err = s.clustered(ctx, twoTier(env), 2, 0, func(c *cluster) (measure.Figure, error) {
			f := measure.Figure{}
			if !c.rival.Tells {
				return f, errors.New("never: it tells other processes nothing, they keep what they have until its TTL")
			}
			var floor, took, ratios []float64
			for i := range rounds {
				raw, err := c.told(ctx, "Subscribe", "Publish", fmt.Sprintf("%sraw:%d", c.prefix, i))
				if err != nil {
					return f, err
				}
				one, err := c.told(ctx, "Expect", "Invalidate", source.Key(c.prefix, key))
				if err != nil {
					return f, err
				}
				floor, took = append(floor, raw), append(took, one)
				ratios = append(ratios, one/raw)
			}
			floors = append(floors, floor...)
			f.Value = measure.Median(took)
			f.Ratio, f.Low, f.High = measure.Median(ratios), measure.Quantile(ratios, 0.25), measure.Quantile(ratios, 0.75)
			f.Note = fmt.Sprintf("p99 %.0f µs", measure.Quantile(took, 0.99))
			return f, nil
		})
		if err != nil {
			return nil, err
		}
		value := measure.Median(floors)
		row.Floor = spreadOf(floors, value)
		row.Floor.Name, row.Floor.Note = "PUBLISH to receive", fmt.Sprintf("p99 %.0f µs", measure.Quantile(floors, 0.99))
		return []measure.Row{row}, nil
	})
}

// told has the second process wait for something and the first one do it, and returns the µs between.
func (c *cluster) told(ctx context.Context, wait, do, what string) (float64, error) {
	writer, reader := c.processes[0], c.processes[1]
	if _, err := peer.Call[struct{}](ctx, reader, wait, what); err != nil {
		return 0, err
	}
	began, err := peer.Call[time.Duration](ctx, writer, do, what)
	if err != nil {
		return 0, err
	}
	came, err := peer.Call[time.Duration](ctx, reader, "Came", what)
	return float64((came - began).Nanoseconds()) / 1000, err
}
