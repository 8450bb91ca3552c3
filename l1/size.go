package l1

import (
	"reflect"
	"sync"
	"unsafe"
)

// Sizer returns a function that measures the bytes that a value of V keeps alive: itself and what it points to, each
// once, but texts as often as they are met. Channels, functions and what they hold count as a word. The walk is compiled
// from V and looks only at what refers to something. It allocates nothing unless V holds maps.
//
// Of maps it knows the length, and takes the table that they would have grown to: one that was made larger, or has lost
// entries, takes more. A value that is nested deeper than 10,000 is measured to that depth.
//
// The function never fails and is safe for concurrent use; a value that another goroutine changes meanwhile is a data
// race.
func Sizer[V any]() func(V) int64 {
	t := reflect.TypeFor[V]()
	own, beyond := int64(t.Size()), new(walks).of(t)
	if beyond.measure == nil {
		return func(V) int64 { return own }
	}
	type measured struct { // a walk needs an address, and a pool saves allocating it
		value V
		seen  *seen
	}
	pool := sync.Pool{New: func() any {
		if beyond.refs < 2 {
			return &measured{}
		}
		return &measured{seen: newSeen()}
	}}
	return func(v V) int64 {
		m := pool.Get().(*measured)
		m.value = v
		n := own + beyond.measure(unsafe.Pointer(&m.value), m.seen)
		if m.value = *new(V); m.seen.clear() {
			pool.Put(m)
		}
		return n
	}
}

// Size measures any value as the Sizer of its type does, but compiles the walk each time.
func Size(v any) int64 {
	if v == nil {
		return 0
	}
	return new(walks).held(reflect.TypeOf(v), (*iface)(unsafe.Pointer(&v)), newSeen())
}

// seen is what a walk has counted. nil: nothing can be met twice.
type seen struct {
	places map[place]span
	depth  int
}

// A place is where something of a type stands; a list stands where its first element does.
type place struct {
	at unsafe.Pointer
	of typeID
}

type typeID unsafe.Pointer

func idOf(t reflect.Type) typeID { return typeID((*iface)(unsafe.Pointer(&t))[1]) }

// span is how much of a place has been counted: values, and the room for them.
type span struct{ values, room int }

func newSeen() *seen { return &seen{places: map[place]span{}} }

// count counts values at a place, and room for them. It says how many had been counted before, and how much room had not.
func (s *seen) count(at unsafe.Pointer, of typeID, values, room int) (before, more int) {
	if s == nil {
		return 0, room
	}
	had := s.places[place{at, of}]
	s.places[place{at, of}] = span{max(had.values, values), max(had.room, room)}
	return had.values, max(room-had.room, 0)
}

// clear forgets what was counted, and says whether s may be used again: a large map must not be kept for ever.
func (s *seen) clear() bool {
	if s == nil {
		return true
	}
	small := len(s.places) < 1000
	clear(s.places)
	return small
}
