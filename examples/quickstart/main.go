// Command quickstart is the README's example: a cache in front of a source, coherent with every other process that runs
// it on the same Redis (REDIS_URL).
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

func main() {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal("REDIS_URL is not of the form redis://user:password@host:port/db") // err quotes it, password and all
	}
	rdb := redis.NewClient(options)
	if err := errors.Join(run(context.Background(), rdb), rdb.Close()); err != nil {
		log.Fatal(err)
	}
}

// run prints "grey, then blue"; within five minutes of that "blue, then blue": Redis remembers.
func run(ctx context.Context, rdb *redis.Client) error {
	colours := map[string]string{"sky": "grey"} // stands for a database

	bus, err := coherence.New(coherence.Config{Redis: rdb}) // one per process
	if err != nil {
		return err
	}
	defer bus.Close()
	cache, err := tiered.New(tiered.Config[string, string]{
		Name: "colours", // what the Redis keys begin with
		Bus:  bus,
		TTL:  5 * time.Minute,
		Load: func(_ context.Context, key string) (string, error) { return colours[key], nil },
	})
	if err != nil {
		return err
	}
	defer cache.Close()

	before, err := cache.Get(ctx, "sky") // from memory, else from Redis, else one load however many wait
	if err != nil {
		return err
	}
	err = cache.Update(ctx, "sky", func(context.Context) error { // every process forgets what it knew
		colours["sky"] = "blue"
		return nil
	})
	if err != nil {
		return err
	}
	after, err := cache.Get(ctx, "sky")
	fmt.Printf("%s, then %s\n", before, after)
	return err
}
