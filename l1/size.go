package l1

import (
	"reflect"
	"time"
)

// Size measures the bytes that a value keeps alive: itself and what it points to, each once. Channels, functions and
// what they hold count as a word. It never fails; a value that another goroutine changes meanwhile is a data race.
func Size(v any) int64 {
	if v == nil {
		return 0
	}
	s := sizer{seen: map[uintptr]bool{}}
	rv := reflect.ValueOf(v)
	return int64(rv.Type().Size()) + s.beyond(rv)
}

// The words that an entry of a map costs beside its key and value: control byte, slack of the table.
const mapSlack = 2

// Time zones are shared by every time that is in them.
var location = reflect.TypeFor[*time.Location]()

type sizer struct{ seen map[uintptr]bool }

// beyond returns the bytes that v refers to, its own not included.
func (s *sizer) beyond(v reflect.Value) int64 {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Pointer:
		if v.IsNil() || v.Type() == location || s.met(v.Pointer()) {
			return 0
		}
		return int64(v.Type().Elem().Size()) + s.beyond(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return int64(v.Elem().Type().Size()) + s.beyond(v.Elem())
	case reflect.Slice:
		if v.IsNil() || v.Cap() == 0 || s.met(v.Pointer()) {
			return 0
		}
		n := int64(v.Cap()) * int64(v.Type().Elem().Size())
		return n + s.elements(v)
	case reflect.Array:
		return s.elements(v)
	case reflect.Struct:
		var n int64
		for _, field := range v.Fields() {
			n += s.beyond(field)
		}
		return n
	case reflect.Map:
		if v.IsNil() || s.met(v.Pointer()) {
			return 0
		}
		var n int64
		per := int64(v.Type().Key().Size()+v.Type().Elem().Size()) + mapSlack*8
		for it := v.MapRange(); it.Next(); {
			n += per + s.beyond(it.Key()) + s.beyond(it.Value())
		}
		return n
	default:
		return 0
	}
}

func (s *sizer) elements(v reflect.Value) int64 {
	if flat(v.Type().Elem().Kind()) {
		return 0
	}
	var n int64
	for i := range v.Len() {
		n += s.beyond(v.Index(i))
	}
	return n
}

func flat(k reflect.Kind) bool { return k <= reflect.Complex128 && k != reflect.Invalid }

// met says whether what stands at p has been counted.
func (s *sizer) met(p uintptr) bool {
	if s.seen[p] {
		return true
	}
	s.seen[p] = true
	return false
}
