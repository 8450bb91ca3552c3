// Command quickstart is the README's example as a program: a cache in front of a source, coherent with every other
// process that runs it on the same Redis (REDIS_URL).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// UserKey says whose preferences are meant.
type UserKey struct{ Tenant, User string }

// Preference is one of them.
type Preference struct{ Key, Value string }

func main() {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal("REDIS_URL is not of the form redis://user:password@host:port/db") // err quotes it, password and all
	}
	if err := run(context.Background(), redis.NewClient(options)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, rdb *redis.Client) error {
	defer rdb.Close()
	bus, err := coherence.New(coherence.Config{ // one per process: one subscription, one SYNC
		Redis:   rdb,
		OnEvent: func(e coherence.Event) { log.Print(e) }, // all that a reader never sees
	})
	if err != nil {
		return err
	}
	defer bus.Close()

	prefs, err := tiered.New(tiered.Config[UserKey, []Preference]{
		Name: "prefs", // Redis keys prefs:acme:ada
		Bus:  bus,
		TTL:  5 * time.Minute,
		Load: loadPreferences, // asked once, however many wait
	})
	if err != nil {
		return err
	}
	defer prefs.Close()

	list, err := prefs.Get(ctx, UserKey{"acme", "ada"}) // memory, else Redis, else the database
	if err != nil {
		return err
	}
	err = prefs.Update(ctx, UserKey{"acme", "ada"}, func(ctx context.Context) error {
		return savePreferences(ctx, list) // your transaction; then every process forgets what it knew
	})
	fmt.Println(list)
	return err
}

// loadPreferences stands for a query.
func loadPreferences(_ context.Context, user UserKey) ([]Preference, error) {
	return []Preference{{Key: "food.spice", Value: "hot, says " + user.User}}, nil
}

// savePreferences stands for a transaction.
func savePreferences(context.Context, []Preference) error { return nil }
