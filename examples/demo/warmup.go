package main

import (
	"context"
	"fmt"
)

// warm is how many lists are for warming up.
const warm = 5

// warmUp reads lists that are not measured, on every replica: connections are made, scripts are loaded into Redis, and a
// database plans its query and compiles it.
func (c *cluster) warmUp(ctx context.Context, out *table) error {
	keys := numbers(0, warm)
	for r := 1; r <= replicas; r++ {
		if err := c.call(ctx, r, "WarmUp", keys, new(struct{})); err != nil {
			return err
		}
	}
	out.note(fmt.Sprintf("warmed up with %s; then %d lists are measured", c.warmed, c.sample))
	return nil
}
