package l1

import (
	"reflect"
	"sync"
	"unsafe"
)

// Sizer returns a function that measures the bytes that a value of V keeps alive: itself and what it points to, each
// once, but texts as often as they are met. Channels, functions and what they hold count as a word. The walk is compiled
// from V and looks only at what refers to something. It allocates nothing unless V holds maps or interfaces.
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
		seen  seen
	}
	pool := sync.Pool{New: func() any {
		if beyond.refs < 2 {
			return &measured{}
		}
		return &measured{seen: seen{}}
	}}
	return func(v V) int64 {
		m := pool.Get().(*measured)
		m.value = v
		n := own + beyond.measure(unsafe.Pointer(&m.value), m.seen)
		if m.value = *new(V); len(m.seen) < 1000 { // a large map must not be kept for ever
			clear(m.seen)
			pool.Put(m)
		}
		return n
	}
}

// Size measures any value as the Sizer of its type does, but compiles the walk each time.
func Size(v any) int64 {
	return new(walks).whole(reflect.ValueOf(v), seen{})
}

// seen are the places of what has been counted. nil: nothing can be met twice.
type seen map[unsafe.Pointer]struct{}

// met says whether what stands at p has been counted.
func (s seen) met(p unsafe.Pointer) bool {
	if s == nil {
		return false
	}
	n := len(s)
	s[p] = struct{}{}
	return len(s) == n
}
