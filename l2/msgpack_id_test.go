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
