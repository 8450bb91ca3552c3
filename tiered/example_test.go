package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// UserKey and Preference stand for an application's types.
type (
	UserKey    struct{ Tenant, User string }
	Preference struct{ Key, Value string }
)

func loadPreferences(context.Context, UserKey) ([]Preference, error) {
	return []Preference{{"food", "no nuts"}}, nil
}

func savePreferences(context.Context, []Preference) error { return nil }

// The README's first block: a cache that every replica shares.
func Example() {
	_ = func(ctx context.Context) error {
		rdb := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
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
		return err
	}
	// Output:
}

// In memory alone, without Redis.
func ExampleNew() {
	loads := 0
	squares, err := tiered.New(tiered.Config[int, int]{
		Name: "squares",
		Load: func(_ context.Context, n int) (int, error) {
			loads++
			return n * n, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer squares.Close()
	for range 3 {
		n, err := squares.Get(context.Background(), 12)
		fmt.Println(n, err)
	}
	// Output:
	// 144 <nil>
	// 144 <nil>
	// 144 <nil>
}

// What the source does not have is an answer, and is cached like one.
func ExampleCache_Get_notFound() {
	users, err := tiered.New(tiered.Config[string, string]{
		Name: "users",
		Load: func(context.Context, string) (string, error) { return "", tiered.ErrNotFound },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer users.Close()
	_, err = users.Get(context.Background(), "nobody")
	fmt.Println(err, errors.Is(err, tiered.ErrNotFound))
	// Output: tiered: get users:nobody: not found true
}

// A write that changes several things names them all; a tag stands for every entry that carries it.
func ExampleCache_Ref() {
	bus, err := coherence.New(coherence.Config{}) // without Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bus.Close()
	ada := coherence.Tag("user", "acme", "ada")
	contexts, err := tiered.New(tiered.Config[string, string]{
		Name: "contexts", Bus: bus,
		Load: func(_ context.Context, k string) (string, error) { return "loaded " + k, nil },
		Tags: func(string) []coherence.Ref { return []coherence.Ref{ada} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer contexts.Close()
	err = bus.Update(context.Background(), []coherence.Ref{contexts.Ref("evening"), ada}, func(context.Context) error {
		return nil // one transaction
	})
	fmt.Println(err)
	// Output: <nil>
}

// What was found is returned also where some keys could not be had: the error names those, and why.
func ExampleCache_GetMany() {
	users, err := tiered.New(tiered.Config[string, string]{
		Name: "users",
		LoadMany: func(context.Context, []string) (map[string]string, error) { // of all that memory does not hold
			return map[string]string{"ada": "Ada", "bob": "Bob"}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer users.Close()
	found, err := users.GetMany(context.Background(), []string{"ada", "bob", "nobody"})
	fmt.Println(found)
	if failed, ok := errors.AsType[*tiered.BatchError[string]](err); ok {
		for key, err := range failed.Failed {
			fmt.Println(key, errors.Is(err, tiered.ErrNotFound))
		}
	}
	// Output:
	// map[ada:Ada bob:Bob]
	// nobody true
}

// A cache whose source is its caller: without Load, what was not Set is not found.
func ExampleCache_Set() {
	sessions, err := tiered.New(tiered.Config[string, string]{Name: "sessions", TTL: 20 * time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sessions.Close()
	ctx := context.Background()
	if err := sessions.Set(ctx, "4711", "ada"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sessions.Get(ctx, "4711"))
	_, err = sessions.Get(ctx, "4712")
	fmt.Println(errors.Is(err, tiered.ErrNotFound))
	// Output:
	// ada <nil>
	// true
}
