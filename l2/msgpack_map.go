package l2

import (
	"bytes"
	"errors"
	"reflect"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// mapping writes a map in the order of its encoded keys.
func (c *compiler) mapping(t reflect.Type, path string) op {
	if c.dynamic && t == reflect.TypeFor[map[string]any]() {
		return c.anyMap()
	}
	c.shape.WriteString("map[")
	key := c.compile(t.Key(), path+"[key]")
	c.shape.WriteByte(']')
	if what := c.identity(t.Key()); what != "" {
		c.refuse(path+"[key]", what+" in a map key loses its identity; use plain data as the key")
	}
	elem := c.compile(t.Elem(), path+"[]")
	if c.holdsSpecial(t.Key()) {
		key = findable(t.Key(), key)
	}
	return op{min: 1, enc: c.encMap(t, key, elem), dec: decMap(t, key, elem)}
}

// findable refuses keys that nobody would find again under what they came from: a time equals only those of the same
// *time.Location, and has its monotonic reading.
func findable(t reflect.Type, key *op) *op {
	checked := *key
	checked.enc = func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		start := len(dst)
		dst, err := key.enc(dst, v, depth)
		if err != nil {
			return dst, err
		}
		back := reflect.New(t).Elem()
		if _, err := key.dec(dst[start:], back, depth); err != nil || !back.Equal(v) {
			return dst, errNotFoundAgain
		}
		return dst, nil
	}
	return &checked
}

// holdsSpecial reports whether a part of t is written in a way of its own.
func (c *compiler) holdsSpecial(t reflect.Type) bool {
	if c.special(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Array:
		return c.holdsSpecial(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if c.holdsSpecial(f.Type) {
				return true
			}
		}
	}
	return false
}

// identity names what makes a key equal to itself alone. Only data survives as a key.
func (c *compiler) identity(t reflect.Type) string {
	if c.special(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Chan:
		return t.Kind().String()
	case reflect.Array:
		return c.identity(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if what := c.identity(f.Type); what != "" {
				return what
			}
		}
	}
	return ""
}

func (c *compiler) encMap(t reflect.Type, key, elem *op) func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	return func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return msgp.AppendNil(dst), nil
		}
		dst = msgp.AppendMapHeader(dst, uint32(v.Len()))
		if v.Len() == 0 {
			return dst, nil
		}
		s := c.sorters.Get().(*sorter)
		defer c.sorters.Put(s)
		s.begin()
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		var err error
		for i := v.MapRange(); i.Next(); {
			k.SetIterKey(i)
			e.SetIterValue(i)
			start := len(dst)
			if dst, err = key.enc(dst, k, depth); err != nil {
				return dst, at("[key]", err)
			}
			middle := len(dst)
			if dst, err = elem.enc(dst, e, depth); err != nil {
				return dst, atKey(k, err)
			}
			if len(dst) > maxEncoded {
				return dst, errTooLong
			}
			s.add(start, middle, len(dst))
		}
		return dst, s.sort(dst)
	}
}

func decMap(t reflect.Type, key, elem *op) func(src []byte, v reflect.Value, depth int) ([]byte, error) {
	return func(src []byte, v reflect.Value, depth int) ([]byte, error) {
		if msgp.IsNil(src) {
			return src[1:], nil
		}
		n, src, err := pairs(src, key.min+elem.min)
		if err != nil {
			return src, err
		}
		v.Set(reflect.MakeMapWithSize(t, n))
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for i := range n {
			k.SetZero()
			e.SetZero()
			mine := reserve(src, n-1-i, key.min+elem.min)
			rest, err := key.dec(mine, k, depth)
			if err != nil {
				return rest, at("[key]", err)
			}
			if rest, err = elem.dec(rest, e, depth); err != nil {
				return rest, atKey(k, err)
			}
			v.SetMapIndex(k, e)
			src = src[len(mine)-len(rest):]
		}
		if v.Len() != n {
			return src, errSameKey
		}
		return src, nil
	}
}

func pairs(src []byte, least int) (int, []byte, error) {
	n, rest, err := msgp.ReadMapHeaderBytes(src)
	if err != nil {
		return 0, src, err
	}
	return bounded(n, rest, least)
}

// A sorter puts the entries of one map, which were written one after the other, in the order of their keys.
type sorter struct {
	entries []entry
	copied  []byte
}

type entry struct{ start, middle, end int }

func (s *sorter) begin() { s.entries = s.entries[:0] }

func (s *sorter) add(start, middle, end int) {
	s.entries = append(s.entries, entry{start, middle, end})
}

// sort fails where two keys have one encoding, as NaNs may.
func (s *sorter) sort(dst []byte) error {
	compare := func(a, b entry) int { return bytes.Compare(dst[a.start:a.middle], dst[b.start:b.middle]) }
	base := s.entries[0].start
	slices.SortFunc(s.entries, compare)
	for i := 1; i < len(s.entries); i++ {
		if compare(s.entries[i-1], s.entries[i]) == 0 {
			return errSameKey
		}
	}
	s.copied = append(s.copied[:0], dst[base:]...)
	to := base
	for _, e := range s.entries {
		to += copy(dst[to:], s.copied[e.start-base:e.end-base])
	}
	if cap(s.copied) > 64<<10 { // one large map must not be remembered for ever
		*s = sorter{}
	}
	return nil
}

var (
	errSameKey       = errors.New("two keys are written the same")
	errNotFoundAgain = errors.New("a key that is decoded equals no longer what was encoded: make a time UTC, without its monotonic reading")
)
