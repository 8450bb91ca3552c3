package l2

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// maxJSONDepth is how deep encoding/json reads. It writes what is deeper.
const maxJSONDepth = 10_000

var (
	errNotUTC   = errors.New("a time that is not in UTC; JSON would lose its zone")
	errNotUTF8  = errors.New("a string that is not UTF-8; JSON would change it")
	errMinus0   = errors.New("a negative zero that would be left out")
	errNull     = errors.New("a pointer to what MarshalJSON writes as null; JSON would make it nil")
	errDeepJSON = fmt.Errorf("nested deeper than the %d that encoding/json reads, or cyclic", maxJSONDepth)
)

// lossless looks for what encoding/json writes without an error and reads back as something else, or not at all. It
// ends, whatever v shares: a cycle by its depth, and what is no cycle by the length, of which most is allowed.
func lossless(v reflect.Value, most int) error {
	w := jsonWalk{left: most}
	return w.value(v, 0)
}

// A jsonWalk counts how many bytes are left: each part takes the fewest that it may be written in.
type jsonWalk struct{ left int }

func (w *jsonWalk) spend(n int) error {
	w.left -= n
	if w.left < 0 {
		return errTooLong
	}
	return nil
}

// begin counts what a list, map or struct of n parts has round them. depth is how many it is in.
func (w *jsonWalk) begin(n, depth int) error {
	if depth >= maxJSONDepth {
		return errDeepJSON
	}
	w.left -= len("[]")
	return w.spend(max(n-1, 0))
}

func (w *jsonWalk) value(v reflect.Value, depth int) (err error) {
	t := v.Type()
	if t == timeType {
		if v.Addr().Interface().(*time.Time).Location() != time.UTC {
			return errNotUTC
		}
		return w.spend(len(`"2006-01-02T15:04:05Z"`))
	}
	switch own := t.Kind() != reflect.Pointer; {
	case own && t.Implements(marshalerJSON):
		return w.spend(1)
	case own && t.Implements(marshalerText):
		return w.ownText(v)
	}
	switch t.Kind() {
	case reflect.String:
		return w.text(bytesOf(v.String()))
	case reflect.Pointer:
		if v.IsNil() {
			return w.spend(len("null"))
		}
		if err = notNull(v); err != nil {
			return err
		}
		return w.value(v.Elem(), depth)
	case reflect.Slice:
		switch {
		case v.IsNil():
			return w.spend(len("null"))
		case t.Elem().Kind() == reflect.Uint8 && !methodOf(t.Elem(), marshalerJSON) && !methodOf(t.Elem(), marshalerText):
			return w.spend(len(`""`) + base64.StdEncoding.EncodedLen(v.Len()))
		}
		err = w.list(v, depth)
	case reflect.Array:
		err = w.list(v, depth)
	case reflect.Map:
		if v.IsNil() {
			return w.spend(len("null"))
		}
		err = w.mapping(v, depth)
	case reflect.Struct:
		if err = w.begin(0, depth); err == nil {
			err = w.fields(v, depth)
		}
	default:
		return w.spend(1)
	}
	if e, ok := err.(*pathError); ok && depth > maxDepth { //nolint:errorlint // one that was made here
		return e.err // a path of ten thousand steps would take a second to write, and nobody would read it
	}
	return err
}

func (w *jsonWalk) list(v reflect.Value, depth int) error {
	if err := w.begin(v.Len(), depth); err != nil {
		return err
	}
	for i := range v.Len() {
		if err := w.value(v.Index(i), depth+1); err != nil {
			return atIndex(i, err)
		}
	}
	return nil
}

func (w *jsonWalk) mapping(v reflect.Value, depth int) error {
	if err := w.begin(v.Len(), depth); err != nil {
		return err
	}
	k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for i := v.MapRange(); i.Next(); {
		k.SetIterKey(i)
		e.SetIterValue(i)
		if err := w.key(k); err != nil {
			return at("[key]", err)
		}
		if err := w.value(e, depth+1); err != nil {
			return atKey(k, err)
		}
	}
	return nil
}

// key looks at the key of a map. encoding/json asks it for no JSON method.
func (w *jsonWalk) key(k reflect.Value) error {
	if k.Kind() == reflect.String {
		return w.text(bytesOf(k.String()))
	}
	return w.spend(len(`"0"`))
}

// ownText looks at what MarshalText writes.
func (w *jsonWalk) ownText(v reflect.Value) error {
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err
	}
	return w.text(text)
}

// notNull looks at a pointer to what has a MarshalJSON. null is read as a nil pointer: UnmarshalJSON is not asked.
func notNull(v reflect.Value) error {
	if t := v.Type().Elem(); t == timeType || !t.Implements(marshalerJSON) {
		return nil
	}
	b, err := v.Elem().Interface().(json.Marshaler).MarshalJSON()
	if err == nil && string(bytes.TrimSpace(b)) == "null" {
		return errNull
	}
	return err
}

// text looks at what is written as a string.
func (w *jsonWalk) text(text []byte) error {
	if err := w.spend(len(`""`) + len(text)); err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	return nil
}

// fields looks at those of an embedded struct too, which are written as if they were v's own.
func (w *jsonWalk) fields(v reflect.Value, depth int) error {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Anonymous && f.Type.Kind() == reflect.Struct && name == ""
		var err error
		switch {
		case embedded:
			err = w.fields(v.Field(i), depth)
		case !f.IsExported():
			continue // there is nothing in it
		case options != "" && leftOut(v.Field(i), options):
			err = minusZero(v.Field(i))
		default:
			err = w.spend(len(`"":`) + len(cmp.Or(name, f.Name)))
			if err == nil {
				err = w.value(v.Field(i), depth+1)
			}
		}
		if err != nil {
			return at("."+f.Name, err)
		}
	}
	return nil
}

// leftOut reports whether a field of these options is not written. The options change nothing for most structs and
// arrays.
func leftOut(v reflect.Value, options string) bool {
	empty, zero := omits(options)
	if k := v.Kind(); (k == reflect.Struct || k == reflect.Array) && v.Type() != timeType {
		return false
	}
	return (empty || zero) && v.IsZero()
}

func minusZero(v reflect.Value) error {
	if v.CanFloat() && math.Signbit(v.Float()) {
		return errMinus0
	}
	return nil
}

// deepest returns how deep the JSON in b nests.
func deepest(b []byte) (most int) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}
