package l1

import (
	"reflect"
	"sync"
	"time"
)

// A walk measures what values of one type refer to, their own bytes not included.
type walk struct {
	measure func(v reflect.Value, s seen) int64 // nil: they refer to nothing
	refs    int                                 // the most pointers, slices and maps in one value; 2: or more
}

// walks are the walks of the types that one Sizer has met: its own, and those in interfaces.
type walks struct{ known sync.Map }

// The words that an entry of a map costs beside its key and value: control byte, slack of the table.
const mapSlack = 2

// Time zones are shared by every time that is in them.
var location = reflect.TypeFor[*time.Location]()

func (w *walks) of(t reflect.Type) *walk {
	if known, ok := w.known.Load(t); ok {
		return known.(*walk)
	}
	known, _ := w.known.LoadOrStore(t, w.compile(t, map[reflect.Type]*walk{}))
	return known.(*walk)
}

// whole measures a value whose type was not known before, its own bytes included.
func (w *walks) whole(v reflect.Value, s seen) int64 {
	n := int64(v.Type().Size())
	if beyond := w.of(v.Type()); beyond.measure != nil {
		n += beyond.measure(v, s)
	}
	return n
}

// compile returns the walk of t. A type that holds itself meets its own walk in begun: it measures something, and is
// complete when it is used.
func (w *walks) compile(t reflect.Type, begun map[reflect.Type]*walk) *walk {
	if known, ok := begun[t]; ok {
		return known
	}
	self := &walk{refs: 2, measure: func(reflect.Value, seen) int64 { return 0 }}
	begun[t] = self
	*self = w.build(t, func(t reflect.Type) *walk { return w.compile(t, begun) })
	return self
}

func (w *walks) build(t reflect.Type, compile func(reflect.Type) *walk) walk {
	switch t.Kind() {
	case reflect.String:
		return walk{measure: func(v reflect.Value, _ seen) int64 { return int64(v.Len()) }}
	case reflect.Pointer:
		if t == location {
			return walk{}
		}
		return pointer(int64(t.Elem().Size()), compile(t.Elem()))
	case reflect.Slice:
		return slice(int64(t.Elem().Size()), compile(t.Elem()))
	case reflect.Array:
		return array(t.Len(), compile(t.Elem()))
	case reflect.Struct:
		return structure(t, compile)
	case reflect.Map:
		return mapping(int64(t.Key().Size()+t.Elem().Size())+mapSlack*8, compile(t.Key()), compile(t.Elem()))
	case reflect.Interface:
		return walk{refs: 2, measure: func(v reflect.Value, s seen) int64 {
			if v.IsNil() {
				return 0
			}
			return w.whole(v.Elem(), s)
		}}
	}
	return walk{}
}

func pointer(size int64, elem *walk) walk {
	return walk{refs: min(1+elem.refs, 2), measure: func(v reflect.Value, s seen) int64 {
		switch {
		case v.IsNil() || s.met(v.Pointer()):
			return 0
		case elem.measure == nil:
			return size
		}
		return size + elem.measure(v.Elem(), s)
	}}
}

func slice(size int64, elem *walk) walk {
	return walk{refs: min(1+elem.refs, 2), measure: func(v reflect.Value, s seen) int64 {
		if v.Cap() == 0 || s.met(v.Pointer()) {
			return 0
		}
		return int64(v.Cap())*size + elements(v, elem, s)
	}}
}

func array(length int, elem *walk) walk {
	if length == 0 || elem.measure == nil {
		return walk{}
	}
	return walk{refs: min(length*elem.refs, 2), measure: func(v reflect.Value, s seen) int64 { return elements(v, elem, s) }}
}

func elements(v reflect.Value, elem *walk, s seen) (n int64) {
	if elem.measure != nil {
		for i := range v.Len() {
			n += elem.measure(v.Index(i), s)
		}
	}
	return n
}

func structure(t reflect.Type, compile func(reflect.Type) *walk) walk {
	type field struct {
		index int
		*walk
	}
	var fields []field
	refs := 0
	for i := range t.NumField() {
		if f := compile(t.Field(i).Type); f.measure != nil {
			fields = append(fields, field{i, f})
			refs = min(refs+f.refs, 2)
		}
	}
	if fields == nil {
		return walk{}
	}
	return walk{refs: refs, measure: func(v reflect.Value, s seen) (n int64) {
		for i := range fields {
			n += fields[i].measure(v.Field(fields[i].index), s)
		}
		return n
	}}
}

func mapping(per int64, key, elem *walk) walk {
	return walk{refs: 2, measure: func(v reflect.Value, s seen) int64 {
		if v.IsNil() || s.met(v.Pointer()) {
			return 0
		}
		n := int64(v.Len()) * per
		if key.measure == nil && elem.measure == nil {
			return n
		}
		for it := v.MapRange(); it.Next(); {
			if key.measure != nil {
				n += key.measure(it.Key(), s)
			}
			if elem.measure != nil {
				n += elem.measure(it.Value(), s)
			}
		}
		return n
	}}
}
