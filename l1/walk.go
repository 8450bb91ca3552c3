package l1

import (
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// A walk measures what values of one type refer to, their own bytes not included.
type walk struct {
	measure func(p unsafe.Pointer, s seen) int64 // of the value at p. nil: they refer to nothing
	refs    int                                  // the most pointers, slices and maps in one value; 2: or more
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

// whole measures what an interface holds, its own bytes included.
func (w *walks) whole(v reflect.Value, s seen) int64 {
	if !v.IsValid() {
		return 0
	}
	n := int64(v.Type().Size())
	if beyond := w.of(v.Type()); beyond.measure != nil {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		n += beyond.measure(p.UnsafePointer(), s)
	}
	return n
}

// compile returns the walk of t. A type that holds itself meets its own walk in begun: it measures something, and is
// complete when it is used.
func (w *walks) compile(t reflect.Type, begun map[reflect.Type]*walk) *walk {
	if known, ok := begun[t]; ok {
		return known
	}
	self := &walk{refs: 2, measure: func(unsafe.Pointer, seen) int64 { return 0 }}
	begun[t] = self
	*self = w.build(t, func(t reflect.Type) *walk { return w.compile(t, begun) })
	return self
}

func (w *walks) build(t reflect.Type, compile func(reflect.Type) *walk) walk {
	switch t.Kind() {
	case reflect.String:
		return walk{measure: func(p unsafe.Pointer, _ seen) int64 { return int64(len(*(*string)(p))) }}
	case reflect.Pointer:
		if t == location {
			return walk{}
		}
		return pointer(int64(t.Elem().Size()), compile(t.Elem()))
	case reflect.Slice:
		return slice(t.Elem().Size(), compile(t.Elem()))
	case reflect.Array:
		return array(t.Len(), t.Elem().Size(), compile(t.Elem()))
	case reflect.Struct:
		return structure(t, compile)
	case reflect.Map:
		return mapping(t, compile(t.Key()), compile(t.Elem()))
	case reflect.Interface:
		return walk{refs: 2, measure: func(p unsafe.Pointer, s seen) int64 { return w.whole(reflect.NewAt(t, p).Elem().Elem(), s) }}
	}
	return walk{}
}

func pointer(size int64, elem *walk) walk {
	return walk{refs: min(1+elem.refs, 2), measure: func(p unsafe.Pointer, s seen) int64 {
		to := *(*unsafe.Pointer)(p)
		switch {
		case to == nil || s.met(to):
			return 0
		case elem.measure == nil:
			return size
		}
		return size + elem.measure(to, s)
	}}
}

func slice(size uintptr, elem *walk) walk {
	return walk{refs: min(1+elem.refs, 2), measure: func(p unsafe.Pointer, s seen) int64 {
		list := *(*[]byte)(p) // whatever the elements are, len and cap count them
		data := unsafe.Pointer(unsafe.SliceData(list))
		if cap(list) == 0 || s.met(data) {
			return 0
		}
		return int64(cap(list))*int64(size) + elements(data, len(list), size, elem, s)
	}}
}

func array(length int, size uintptr, elem *walk) walk {
	if length == 0 || elem.measure == nil {
		return walk{}
	}
	return walk{refs: min(length*elem.refs, 2), measure: func(p unsafe.Pointer, s seen) int64 { return elements(p, length, size, elem, s) }}
}

func elements(p unsafe.Pointer, length int, size uintptr, elem *walk, s seen) (n int64) {
	if elem.measure != nil {
		for i := range length {
			n += elem.measure(unsafe.Add(p, uintptr(i)*size), s)
		}
	}
	return n
}

func structure(t reflect.Type, compile func(reflect.Type) *walk) walk {
	type field struct {
		offset uintptr
		*walk
	}
	var fields []field
	var texts []uintptr // the usual field, so without a call
	refs := 0
	for f := range t.Fields() {
		switch w := compile(f.Type); {
		case f.Type.Kind() == reflect.String:
			texts = append(texts, f.Offset)
		case w.measure != nil:
			fields = append(fields, field{f.Offset, w})
			refs = min(refs+w.refs, 2)
		}
	}
	if fields == nil && texts == nil {
		return walk{}
	}
	return walk{refs: refs, measure: func(p unsafe.Pointer, s seen) (n int64) {
		for _, offset := range texts {
			n += int64(len(*(*string)(unsafe.Add(p, offset))))
		}
		for i := range fields {
			n += fields[i].measure(unsafe.Add(p, fields[i].offset), s)
		}
		return n
	}}
}

func mapping(t reflect.Type, key, elem *walk) walk {
	per := int64(t.Key().Size()+t.Elem().Size()) + mapSlack*8
	return walk{refs: 2, measure: func(p unsafe.Pointer, s seen) int64 {
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() || s.met(v.UnsafePointer()) {
			return 0
		}
		n := int64(v.Len()) * per
		if key.measure == nil && elem.measure == nil {
			return n
		}
		k, e := reflect.New(t.Key()), reflect.New(t.Elem())
		for it := v.MapRange(); it.Next(); {
			if key.measure != nil {
				k.Elem().SetIterKey(it)
				n += key.measure(k.UnsafePointer(), s)
			}
			if elem.measure != nil {
				e.Elem().SetIterValue(it)
				n += elem.measure(e.UnsafePointer(), s)
			}
		}
		return n
	}}
}
