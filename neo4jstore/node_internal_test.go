package neo4jstore

import (
	"errors"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// What Neo4j returns of a node that was deleted meanwhile is told from one whose properties are wrong.
func TestNodeThatIsGone(t *testing.T) {
	t.Parallel()
	record := &neo4j.Record{Keys: []string{"p", "s"}, Values: []any{neo4j.Node{}, neo4j.Node{}}}
	if p, err := decodePreference(record); !errors.Is(err, errGone) {
		t.Errorf("a preference: got %v, %v", p, err)
	}
	if s, err := decodeSituation(record); !errors.Is(err, errGone) {
		t.Errorf("a situation: got %v, %v", s, err)
	}
	wrong := &neo4j.Record{Keys: []string{"p"}, Values: []any{neo4j.Node{Props: map[string]any{"id": 1}}}}
	if _, err := decodePreference(wrong); err == nil || errors.Is(err, errGone) || isTorn(err) {
		t.Errorf("a preference whose properties are wrong: got %v", err)
	}
	part := &neo4j.Record{Keys: []string{"p"}, Values: []any{neo4j.Node{Props: map[string]any{"id": "1"}}}}
	if _, err := decodePreference(part); !isTorn(err) {
		t.Errorf("a preference of which a part is gone: got %v", err)
	}
}
