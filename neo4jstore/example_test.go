package neo4jstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// City is what the examples cache.
type City struct {
	Name       string
	Population int64
	Founded    neo4j.Date
}

func decodeCity(record *neo4j.Record) (City, error) {
	name, _, err := neo4j.GetRecordValue[string](record, "name")
	if err != nil {
		return City{}, err
	}
	population, _, err := neo4j.GetRecordValue[int64](record, "population")
	if err != nil {
		return City{}, err
	}
	founded, _, err := neo4j.GetRecordValue[neo4j.Date](record, "founded")
	return City{name, population, founded}, err
}

// What a query returns is cached under the key that its parameters are made of.
func ExampleQuery() {
	show := func(ctx context.Context, driver neo4j.DriverWithContext, bus *coherence.Bus) error {
		cities, err := tiered.New(tiered.Config[string, []City]{
			Name: "cities",
			Bus:  bus,
			TTL:  time.Hour,
			Load: neo4jstore.Query(
				neo4jstore.Source{Driver: driver, Database: "neo4j"},
				`MATCH (c:City)-[:IN]->(:Country {code: $code})
				RETURN c.name AS name, c.population AS population, c.founded AS founded ORDER BY name`,
				func(code string) map[string]any { return map[string]any{"code": code} },
				decodeCity,
			),
			Codec: neo4jstore.Codec[[]City](), // for the types of Neo4j: Founded
		})
		if err != nil {
			return err
		}
		defer cities.Close()

		list, err := cities.Get(ctx, "fr") // memory, else Redis, else one query however many wait
		if err != nil {
			return err
		}
		fmt.Println(len(list), "cities")
		return nil
	}
	_ = show // it needs a Neo4j
	// Output:
}

// Many keys are one query: UNWIND.
func ExampleQueryMany() {
	open := func(source neo4jstore.Source, bus *coherence.Bus) (*tiered.Cache[string, City], error) {
		return tiered.New(tiered.Config[string, City]{
			Name: "city",
			Bus:  bus,
			LoadMany: neo4jstore.QueryMany(source,
				`UNWIND $keys AS key
				MATCH (c:City {name: key.name})
				RETURN key.index AS index, c.name AS name, c.population AS population, c.founded AS founded`,
				func(name string) map[string]any { return map[string]any{"name": name} },
				decodeCity,
			),
			Codec: neo4jstore.Codec[City](),
		})
	}
	_ = open // it needs a Neo4j
	// Output:
}

// A write is a transaction, and what it changes is forgotten by every process.
func ExampleWrite() {
	grow := func(ctx context.Context, source neo4jstore.Source, bus *coherence.Bus, cities *tiered.Cache[string, []City]) (int64, error) {
		return neo4jstore.Write(ctx, source, bus, []coherence.Ref{cities.Ref("fr")}, func(tx neo4j.ManagedTransaction) (int64, error) {
			result, err := tx.Run(ctx, "MATCH (c:City {name: $name}) SET c.population = c.population + 1 RETURN c.population", map[string]any{"name": "Nice"})
			if err != nil {
				return 0, err
			}
			record, err := result.Single(ctx)
			if err != nil {
				return 0, err // rolled back: the cache stays as it is
			}
			population, _ := record.Values[0].(int64)
			return population, nil
		})
	}
	_ = grow // it needs a Neo4j
	// Output:
}

// A store of preferences, with a cache. With Bus nil it answers the same, from Neo4j.
func ExamplePreferenceStore() {
	serve := func(ctx context.Context, driver neo4j.DriverWithContext, bus *coherence.Bus) error {
		store, err := neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{
			Source: neo4jstore.Source{Driver: driver, Database: "neo4j"},
			Bus:    bus,
		})
		if err != nil {
			return err
		}
		defer store.Close()
		if err := store.EnsureSchema(ctx); err != nil {
			return err
		}

		ada := neo4jstore.UserKey{Tenant: "acme", User: "ada"}
		espresso, err := store.Create(ctx, ada, neo4jstore.NewPreference{Key: "food.coffee", Value: "espresso", Sentiment: neo4jstore.Positive})
		if errors.Is(err, neo4jstore.ErrInvalid) {
			return fmt.Errorf("the user's mistake: %w", err)
		}
		if err != nil {
			return err
		}
		if _, err := store.AddSituation(ctx, ada, map[string]string{"time": "morning", "place": "home"}, espresso.ID); err != nil {
			return err
		}
		liked, err := store.ForContext(ctx, ada, map[string]string{"time": "morning"})
		if err != nil {
			return err
		}
		fmt.Println(len(liked), "for this morning")
		return nil
	}
	_ = serve // it needs a Neo4j
	// Output:
}
