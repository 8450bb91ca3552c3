package l1

import (
	"math/bits"
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// A walk measures what values of one type refer to, their own bytes not included.
type walk struct {
	measure func(p unsafe.Pointer, s *seen) int64 // of the value at p. nil: they refer to nothing
	refs    int                                   // the most pointers, slices and maps in one value; 2: or more

	built bool
	inner *walk // for a value of the type inside one: counts the depth
}

// deepest is how far a walk follows a type into itself, or an interface into what it holds: the stack has an end.
const deepest = 10_000

// walks are the walks of the types that one Sizer has met: its own, and those in interfaces.
type walks struct{ known sync.Map }

// boxed is the walk of a type in an interface.
type boxed struct {
	*walk
	id     typeID
	size   int64
	direct bool // the interface is the value, a pointer or the like; others it points to
}

// Time zones are shared by every time that is in them.
var location = reflect.TypeFor[*time.Location]()

func (w *walks) of(t reflect.Type) *boxed {
	if known, ok := w.known.Load(t); ok {
		return known.(*boxed)
	}
	zero := reflect.Zero(t).Interface()
	known, _ := w.known.LoadOrStore(t, &boxed{
		walk: w.compile(t, map[reflect.Type]*walk{}), id: idOf(t), size: int64(t.Size()), direct: (*iface)(unsafe.Pointer(&zero))[1] == nil,
	})
	return known.(*boxed)
}

// An iface is an interface, of any type, in memory: what it holds, and that or where it is.
type iface [2]unsafe.Pointer

// held measures what an interface holds, its own bytes included.
func (w *walks) held(t reflect.Type, v *iface, s *seen) int64 {
	box := w.of(t)
	at := unsafe.Pointer(&v[1])
	if !box.direct {
		at = v[1]
		if before, _ := s.count(at, box.id, 1, 1); before > 0 {
			return 0
		}
	}
	if box.measure == nil {
		return box.size
	}
	return box.size + box.nested(at, s)
}

// nested is measure, as far as deepest.
func (w *walk) nested(p unsafe.Pointer, s *seen) int64 {
	if w.measure == nil || s.depth == deepest {
		return 0
	}
	s.depth++
	n := w.measure(p, s)
	s.depth--
	return n
}

// compile returns the walk of t. A type that holds itself meets its own walk in begun: it measures something, and is
// complete when it is used.
func (w *walks) compile(t reflect.Type, begun map[reflect.Type]*walk) *walk {
	if known, ok := begun[t]; ok {
		if !known.built && known.inner == nil {
			known.inner = &walk{refs: 2, measure: known.nested}
		}
		if !known.built {
			return known.inner
		}
		return known
	}
	self := new(walk)
	begun[t] = self
	self.measure, self.refs = w.build(t, func(t reflect.Type) *walk { return w.compile(t, begun) })
	self.built = true
	return self
}

func (w *walks) build(t reflect.Type, compile func(reflect.Type) *walk) (measure func(unsafe.Pointer, *seen) int64, refs int) {
	switch t.Kind() {
	case reflect.String:
		return func(p unsafe.Pointer, _ *seen) int64 { return int64(len(*(*string)(p))) }, 0
	case reflect.Pointer:
		if t == location {
			return nil, 0
		}
		elem := compile(t.Elem())
		return pointer(t.Elem(), elem), min(1+elem.refs, 2)
	case reflect.Slice:
		elem := compile(t.Elem())
		return slice(t.Elem(), elem), min(1+elem.refs, 2)
	case reflect.Array:
		elem := compile(t.Elem())
		if t.Len() == 0 || elem.measure == nil {
			return nil, 0
		}
		return func(p unsafe.Pointer, s *seen) int64 { return elements(p, 0, t.Len(), t.Elem().Size(), elem, s) }, min(t.Len()*elem.refs, 2)
	case reflect.Struct:
		return structure(t, compile)
	case reflect.Map:
		return mapping(t, compile(t.Key()), compile(t.Elem())), 2
	case reflect.Interface:
		return func(p unsafe.Pointer, s *seen) int64 {
			v := reflect.NewAt(t, p).Elem()
			if v.IsNil() {
				return 0
			}
			return w.held(v.Elem().Type(), (*iface)(p), s)
		}, 2
	}
	return nil, 0
}

func pointer(t reflect.Type, elem *walk) func(unsafe.Pointer, *seen) int64 {
	id, size := idOf(t), int64(t.Size())
	return func(p unsafe.Pointer, s *seen) (n int64) {
		to := *(*unsafe.Pointer)(p)
		if to == nil {
			return 0
		}
		before, more := s.count(to, id, 1, 1)
		if n = int64(more) * size; before == 0 && elem.measure != nil {
			n += elem.measure(to, s)
		}
		return n
	}
}

func slice(t reflect.Type, elem *walk) func(unsafe.Pointer, *seen) int64 {
	id, size := idOf(t), t.Size()
	return func(p unsafe.Pointer, s *seen) int64 {
		list := *(*[]byte)(p) // whatever the elements are, len and cap count them
		if cap(list) == 0 {
			return 0
		}
		data := unsafe.Pointer(unsafe.SliceData(list))
		before, more := s.count(data, id, len(list), cap(list))
		return int64(more)*int64(size) + elements(data, before, len(list), size, elem, s)
	}
}

func elements(p unsafe.Pointer, from, to int, size uintptr, elem *walk, s *seen) (n int64) {
	if elem.measure != nil {
		for i := from; i < to; i++ {
			n += elem.measure(unsafe.Add(p, uintptr(i)*size), s)
		}
	}
	return n
}

func structure(t reflect.Type, compile func(reflect.Type) *walk) (measure func(unsafe.Pointer, *seen) int64, refs int) {
	type field struct {
		offset uintptr
		*walk
	}
	var fields []field
	var texts []uintptr // the usual field, so without a call
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
		return nil, 0
	}
	return func(p unsafe.Pointer, s *seen) (n int64) {
		for _, offset := range texts {
			n += int64(len(*(*string)(unsafe.Add(p, offset))))
		}
		for i := range fields {
			n += fields[i].measure(unsafe.Add(p, fields[i].offset), s)
		}
		return n
	}, refs
}

func mapping(t reflect.Type, key, elem *walk) func(unsafe.Pointer, *seen) int64 {
	id, table := idOf(t), tableOf(t)
	return func(p unsafe.Pointer, s *seen) int64 {
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return 0
		}
		if before, _ := s.count(v.UnsafePointer(), id, 1, 1); before > 0 {
			return 0
		}
		n := table.size(v.Len())
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
	}
}

// A mapTable is what a map of Go takes, https://go.dev/blog/swisstable: slots in groups of eight, each with a control byte;
// beyond one group, at most seven of eight are used, and they double. A slot points to keys and values above 128 bytes.
type mapTable struct{ slot, apart int64 }

func tableOf(t reflect.Type) mapTable {
	var m mapTable
	inSlot := func(t reflect.Type) reflect.Type {
		if t.Size() <= 128 {
			return t
		}
		m.apart += int64(t.Size())
		return reflect.TypeFor[unsafe.Pointer]()
	}
	key, elem := inSlot(t.Key()), inSlot(t.Elem())
	upTo := func(n uintptr, align int) uintptr { return (n + uintptr(align) - 1) &^ (uintptr(align) - 1) }
	m.slot = 1 + int64(upTo(upTo(key.Size(), elem.Align())+elem.Size(), max(key.Align(), elem.Align())))
	return m
}

func (m mapTable) size(entries int) int64 {
	const head, group = 48, 8
	slots := int64(0)
	switch {
	case entries > group:
		slots = 1 << bits.Len(uint((8*entries+6)/7-1))
	case entries > 0:
		slots = group
	}
	return head + slots*m.slot + int64(entries)*m.apart
}
