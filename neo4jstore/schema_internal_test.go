package neo4jstore

import (
	"errors"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// An index serves what was wanted by any name, but one that lets two nodes have one id is no constraint.
func TestIndexServes(t *testing.T) {
	t.Parallel()
	constraint := index{"theirs", "Preference", []string{"id"}, true}
	plain := index{"theirs", "Preference", []string{"id"}, false}
	other := index{"theirs", "Situation", []string{"id"}, true}
	for _, c := range []struct {
		wanted, there index
		want          bool
	}{
		{index{"ours", "Preference", []string{"id"}, true}, constraint, true},
		{index{"ours", "Preference", []string{"id"}, true}, plain, false},
		{index{"ours", "Preference", []string{"id"}, true}, other, false},
		{index{"ours", "Preference", []string{"id"}, false}, constraint, true},
		{index{"ours", "Preference", []string{"id"}, false}, plain, true},
		{index{"ours", "Preference", []string{"id", "key"}, false}, plain, false},
	} {
		if got := c.wanted.served(c.there); got != c.want {
			t.Errorf("%v is served by %v: got %v, want %v", c.wanted, c.there, got, c.want)
		}
	}
}

// What another process has made at the same time is there; any other refusal is an error.
func TestMadeMeanwhile(t *testing.T) {
	t.Parallel()
	const there, another = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", "Neo.ClientError.Schema.IndexWithNameAlreadyExists"
	for _, c := range []struct {
		err  error
		want bool
	}{{&neo4j.Neo4jError{Code: there}, true}, {&neo4j.Neo4jError{Code: another}, false}, {errors.New(there), false}} {
		if got := madeMeanwhile(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}
