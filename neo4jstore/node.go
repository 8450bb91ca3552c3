package neo4jstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// errGone says of a row that its node was deleted after MATCH had found it, which takes no lock: run leaves the row out.
var errGone = errors.New("neo4jstore: the node was deleted meanwhile")

// tornError says of a node that it lacks a property. MATCH takes no lock: where the node is being deleted, some of its
// properties may be gone already, and the next read does not find it.
type tornError struct{ error }

func (e tornError) Unwrap() error { return e.error }

func isTorn(err error) bool {
	_, torn := errors.AsType[tornError](err)
	return torn
}

// node reads the properties of a node; err is the first that is not what it should be. Others may write the graph too.
type node struct {
	props map[string]any
	err   error
}

func nodeOf(record *neo4j.Record, name string) (*node, error) {
	value, _ := record.Get(name)
	n, ok := value.(neo4j.Node)
	if !ok {
		return nil, fmt.Errorf("neo4jstore: %s is a %T, not a node", name, value)
	}
	if len(n.Props) == 0 { // MATCH went by some
		return nil, errGone
	}
	return &node{props: n.Props}, nil
}

func (n *node) text(property string) string {
	s, ok := n.props[property].(string)
	n.expect(ok, property, "a string")
	return s
}

func (n *node) count(property string) int64 {
	i, ok := n.props[property].(int64)
	n.expect(ok, property, "an integer")
	return i
}

// number also takes an integer: a 0 that was written by hand.
func (n *node) number(property string) float64 {
	if i, ok := n.props[property].(int64); ok {
		return float64(i)
	}
	f, ok := n.props[property].(float64)
	n.expect(ok, property, "a number")
	return f
}

// time is in UTC whatever zone the server wrote: the same value from every tier, in every process.
func (n *node) time(property string) time.Time {
	t, ok := n.props[property].(time.Time)
	n.expect(ok, property, "a DATETIME")
	return t.UTC()
}

func (n *node) expect(ok bool, property, what string) {
	if ok || n.err != nil {
		return
	}
	n.err = fmt.Errorf("neo4jstore: %s of node %.80q is a %T, not %s", property, fmt.Sprint(n.props["id"]), n.props[property], what)
	if n.props[property] == nil {
		n.err = tornError{n.err}
	}
}
