// Command squares has an instance of Cache in a package that imports no other one of this module.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

func main() {
	c, err := tiered.New(tiered.Config[int, int]{
		Name: "squares", TTL: time.Hour,
		Load: func(_ context.Context, k int) (int, error) { return k * k, nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.Get(context.Background(), 12))
}
