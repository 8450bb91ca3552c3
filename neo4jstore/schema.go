package neo4jstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/tiered"
)

// index is one that the store needs.
type index struct {
	name, label string
	properties  []string
	unique      bool // as that of a constraint
}

// schema is what the graph asks of the database. The indexes also make it refuse longer texts than input.go allows.
var schema = []index{
	{"preference_id", "Preference", []string{"id"}, true},
	{"situation_id", "Situation", []string{"id"}, true},
	{"preference_owner", "Preference", []string{"tenant_id", "user_id"}, false},
	{"situation_owner", "Situation", []string{"tenant_id", "user_id"}, false},
	{"preference_key", "Preference", []string{"key"}, false},
}

// create is the statement that makes what has neither the index's name nor its shape yet.
func (i index) create() string {
	properties := "n." + strings.Join(i.properties, ", n.")
	if i.unique {
		return fmt.Sprintf("CREATE CONSTRAINT %s IF NOT EXISTS FOR (n:%s) REQUIRE %s IS UNIQUE", i.name, i.label, properties)
	}
	return fmt.Sprintf("CREATE INDEX %s IF NOT EXISTS FOR (n:%s) ON (%s)", i.name, i.label, properties)
}

const showIndexes = `
SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, owningConstraint
WHERE type = 'RANGE' AND entityType = 'NODE'
RETURN name, labelsOrTypes[0] AS label, properties, owningConstraint IS NOT NULL AS unique`

// The caller's context ends the wait: a day stands for ever, as the server would give up after five minutes of its own.
const awaitIndexes = `
UNWIND $names AS name
CALL db.awaitIndex(name, 24 * 60 * 60)
RETURN count(*) AS n`

// EnsureSchema makes the constraints and indexes that are missing: ids are unique, and a user's preferences and
// situations are found by index. It returns when they are online: in a large graph that was not indexed before this takes
// minutes, and ctx bounds it. Call it at every start; processes may do so at once. Its user may create and show indexes.
//
// Errors: the driver's; one that names an index that cannot be made, because something else has its name.
func (s *PreferenceStore) EnsureSchema(ctx context.Context) error {
	if s.closed.Load() {
		return tiered.ErrClosed
	}
	return failed("ensure schema", s.ensureSchema(ctx))
}

func (s *PreferenceStore) ensureSchema(ctx context.Context) error {
	for _, wanted := range schema { // a transaction each: Neo4j changes its schema in no other way
		_, err := transaction(ctx, s.source, func(tx neo4j.ManagedTransaction) (neo4j.ResultSummary, error) {
			result, err := tx.Run(ctx, wanted.create(), nil)
			if err != nil {
				return nil, err
			}
			return result.Consume(ctx)
		})
		if err != nil && !madeMeanwhile(err) {
			return err
		}
	}
	there, err := read(ctx, s.source, showIndexes, nil, decodeIndex)
	if err != nil {
		return err
	}
	names := make([]string, len(schema))
	for i, wanted := range schema {
		at := slices.IndexFunc(there, wanted.served)
		if at < 0 {
			return fmt.Errorf("the index on (:%s {%s}) is not there: something else is called %s: drop that, or give it another name", wanted.label, strings.Join(wanted.properties, ", "), wanted.name)
		}
		names[i] = there[at].name
	}
	_, err = read(ctx, s.source, awaitIndexes, map[string]any{"names": names}, decodeCount)
	return err
}

// served says whether another index does what is wanted of this one, whatever its name.
func (i index) served(by index) bool {
	return by.label == i.label && slices.Equal(by.properties, i.properties) && (by.unique || !i.unique)
}

func decodeIndex(record *neo4j.Record) (i index, err error) {
	values := record.AsMap()
	i.name, _ = values["name"].(string)
	i.label, _ = values["label"].(string)
	i.unique, _ = values["unique"].(bool)
	list, _ := values["properties"].([]any)
	for _, value := range list {
		property, _ := value.(string)
		i.properties = append(i.properties, property)
	}
	return i, nil
}

// madeMeanwhile says whether another process was quicker: IF NOT EXISTS looks before it takes its lock.
func madeMeanwhile(err error) bool {
	answer, ok := errors.AsType[*neo4j.Neo4jError](err)
	return ok && answer.Code == "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"
}
