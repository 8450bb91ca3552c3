package l2_test

import (
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/l2"
)

func TestMessagePackIDFollowsTheShape(t *testing.T) {
	type a struct {
		Name string
		At   time.Time
	}
	type renamed struct {
		Name string
		At   time.Time
	}
	type field struct {
		Title string
		At    time.Time
	}
	type order struct {
		At   time.Time
		Name string
	}
	type width struct {
		Name string
		At   int64
	}
	id := l2.MessagePack[a]().ID()
	if got := l2.MessagePack[renamed]().ID(); got != id {
		t.Errorf("the name of the type alone changed the ID: %x, was %x", got, id)
	}
	if got := l2.MessagePack[a](celsiusExt(1)).ID(); got != id {
		t.Errorf("an Extension for another type changed the ID: %x, was %x", got, id)
	}
	ids := map[uint32]string{id: "a"}
	for name, got := range map[string]uint32{
		"field": l2.MessagePack[field]().ID(), "order": l2.MessagePack[order]().ID(), "width": l2.MessagePack[width]().ID(),
		"slice": l2.MessagePack[[]a]().ID(), "pointer": l2.MessagePack[*a]().ID(), "array": l2.MessagePack[[2]a]().ID(),
		"array of 3": l2.MessagePack[[3]a]().ID(), "map": l2.MessagePack[map[string]a]().ID(), "any": l2.MessagePackAny[any]().ID(),
		"JSON":      l2.JSON[a]().ID(),
		"recursive": l2.MessagePack[shape]().ID(), "extended": l2.MessagePack[celsius](celsiusExt(1)).ID(),
		"extended by 2": l2.MessagePack[celsius](celsiusExt(2)).ID(), "any 1": l2.MessagePackAny[any](celsiusExt(1)).ID(),
	} {
		if other, ok := ids[got]; ok {
			t.Errorf("%s has the ID of %s", name, other)
		}
		ids[got] = name
	}
}

// The ID of a type with msgp methods follows its fields: code that was generated anew writes other bytes.
func TestMessagePackIDOfGenerated(t *testing.T) {
	type inner struct{ N int }
	type wider struct{ N int64 }
	shapes := map[string]string{}
	for name, shape := range map[string]string{
		"first": l2.MsgpShape[struct{ Name string }](),
		"more":  l2.MsgpShape[struct{ Name, Full string }](),
		"other": l2.MsgpShape[struct{ Full string }](),
		"tagged": l2.MsgpShape[struct {
			Name string `msg:"n"`
		}](),
		"tagged for another": l2.MsgpShape[struct {
			Name string `msgpack:"n"`
		}](),
		"tagged for JSON": l2.MsgpShape[struct {
			Name string `json:"n"`
		}](),
		"typed":   l2.MsgpShape[struct{ Name int }](),
		"pointer": l2.MsgpShape[struct{ Name *string }](),
		"nested":  l2.MsgpShape[struct{ Name inner }](),
		"twice":   l2.MsgpShape[struct{ Name, Other inner }](),
		"a first": l2.MsgpShape[struct {
			A inner
			B wider
			C inner
		}](),
		"a second": l2.MsgpShape[struct {
			A inner
			B wider
			C wider
		}](),
		"array":  l2.MsgpShape[struct{ Name [2]string }](),
		"longer": l2.MsgpShape[struct{ Name [3]string }](),
	} {
		if other, ok := shapes[shape]; ok {
			t.Errorf("%s and %s have one shape: %s", name, other, shape)
		}
		shapes[shape] = name
	}
}

// The ID of JSON follows names, types and options: what was written with others is not taken for a value of now.
func TestJSONIDFollowsTheShape(t *testing.T) {
	type a struct{ Name string }
	type renamed struct{ Name string }
	type named struct {
		Name string `json:"name"`
	}
	type option struct {
		Name string `json:",omitempty"`
	}
	type typed struct{ Name int }
	type more struct{ Name, Other string }
	id := l2.JSON[a]().ID()
	if got := l2.JSON[renamed]().ID(); got != id {
		t.Errorf("the name of the type alone changed the ID: %x, was %x", got, id)
	}
	ids := map[uint32]string{id: "a"}
	for name, got := range map[string]uint32{
		"named": l2.JSON[named]().ID(), "option": l2.JSON[option]().ID(), "typed": l2.JSON[typed]().ID(), "more": l2.JSON[more]().ID(),
		"slice": l2.JSON[[]a]().ID(), "pointer": l2.JSON[*a]().ID(), "array": l2.JSON[[2]a]().ID(), "array of 3": l2.JSON[[3]a]().ID(),
		"map": l2.JSON[map[string]a]().ID(), "map by number": l2.JSON[map[int]a]().ID(), "time": l2.JSON[time.Time]().ID(),
	} {
		if other, ok := ids[got]; ok {
			t.Errorf("%s has the ID of %s", name, other)
		}
		ids[got] = name
	}
}
