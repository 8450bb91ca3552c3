package neo4jstore_test

import (
	"context"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// Person stands for an application's type.
type Person struct {
	Name string
	Born neo4j.Date
}

func decodePerson(r *neo4j.Record) (p Person, err error) {
	if p.Name, _, err = neo4j.GetRecordValue[string](r, "name"); err == nil {
		p.Born, _, err = neo4j.GetRecordValue[neo4j.Date](r, "born")
	}
	return p, err
}

// The README's block: a cache of Cypher results.
func ExampleQuery() {
	_ = func(driver neo4j.DriverWithContext, bus *coherence.Bus) error {
		source := neo4jstore.Source{Driver: driver, Database: "neo4j"}
		people, err := tiered.New(tiered.Config[string, []Person]{
			Name:  "people",
			Bus:   bus,
			Codec: neo4jstore.Codec[[]Person](), // every value of a record, to the nanosecond and its zone
			Load: neo4jstore.Query(source,
				"MATCH (p:Person)-[:LIVES_IN]->(:City {name: $city}) RETURN p.name AS name, p.born AS born",
				func(city string) map[string]any { return map[string]any{"city": city} },
				decodePerson),
		})
		if err != nil {
			return err
		}
		return people.Close()
	}
	// Output:
}

// A transaction that invalidates what it changes.
func ExampleWrite() {
	_ = func(ctx context.Context, source neo4jstore.Source, bus *coherence.Bus, people *tiered.Cache[string, []Person]) error {
		_, err := neo4jstore.Write(ctx, source, bus, []coherence.Ref{people.Ref("Zürich")},
			func(tx neo4j.ManagedTransaction) (any, error) {
				_, err := tx.Run(ctx, "MATCH (p:Person {name: $name})-[r:LIVES_IN]->() DELETE r", map[string]any{"name": "Ada"})
				return nil, err
			})
		return err
	}
	// Output:
}
