package l2

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

var (
	marshalerJSON   = reflect.TypeFor[json.Marshaler]()
	unmarshalerJSON = reflect.TypeFor[json.Unmarshaler]()
	marshalerText   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerText = reflect.TypeFor[encoding.TextUnmarshaler]()
	isZeroer        = reflect.TypeFor[interface{ IsZero() bool }]() // what omitzero asks
)

// jsonCheck walks a type, writes down its shape, and stops at the first thing that encoding/json would lose.
type jsonCheck struct {
	seen    map[reflect.Type]int
	shape   strings.Builder
	foreign bool // a type has JSON methods
	problem error
}

func (c *jsonCheck) refuse(path, reason string) {
	if c.problem == nil {
		c.problem = at(path, errors.New(reason))
	}
}

func (c *jsonCheck) check(t reflect.Type, path string) {
	if id, ok := c.seen[t]; ok {
		fmt.Fprintf(&c.shape, "#%d", id)
		return
	}
	c.seen[t] = len(c.seen)
	if t == timeType {
		c.shape.WriteString("time")
		return
	}
	if c.methods(t, path) {
		return
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.shape.WriteString(t.Kind().String())
		if t == reflect.TypeFor[json.Number]() {
			c.refuse(path, "an empty json.Number comes back as 0; use a string or a number")
		}
	case reflect.Pointer:
		c.shape.WriteByte('*')
		if jsonNil(t.Elem()) {
			c.refuse(path, "pointer to what may be null itself; point to a struct")
		}
		if t.Name() != "" && (methodOf(t.Elem(), unmarshalerJSON) || methodOf(t.Elem(), unmarshalerText)) {
			c.refuse(path, "pointer type with a name, which does without the methods of what it points to; use a plain pointer")
		}
		c.check(t.Elem(), path)
	case reflect.Slice:
		c.shape.WriteString("[]")
		c.check(t.Elem(), path+"[]")
	case reflect.Array:
		fmt.Fprintf(&c.shape, "[%d]", t.Len())
		c.check(t.Elem(), path+"[]")
	case reflect.Map:
		c.shape.WriteString("map[")
		c.key(t.Key(), path+"[key]")
		c.shape.WriteByte(']')
		c.check(t.Elem(), path+"[]")
	case reflect.Struct:
		c.shape.WriteByte('{')
		c.fields(t, path, map[string]bool{})
		c.shape.WriteByte('}')
	case reflect.Interface:
		c.refuse(path, "interface type "+typeName(t)+"; name a concrete type")
	default:
		c.refuse(path, t.Kind().String()+" cannot be stored; remove it from the cached type")
	}
}

func jsonNil(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

func (c *jsonCheck) key(t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if !methodOf(t, marshalerText) && !methodOf(t, unmarshalerText) {
			c.shape.WriteString(t.Kind().String())
			return
		}
	}
	c.refuse(path, typeName(t)+" is no JSON key; use a string or an integer")
}

func methodOf(t, i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) }

// methods handles a type with JSON or text methods and reports whether there is nothing more to check.
func (c *jsonCheck) methods(t reflect.Type, path string) bool {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false
	}
	for _, m := range []struct {
		name      string
		out, back reflect.Type
	}{{"JSON", marshalerJSON, unmarshalerJSON}, {"Text", marshalerText, unmarshalerText}} {
		if !methodOf(t, m.out) && !methodOf(t, m.back) {
			continue
		}
		c.foreign = c.foreign || m.out == marshalerJSON
		c.shape.WriteString(m.name + " " + t.PkgPath() + "." + t.Name())
		base := promotedFrom(t, "Marshal"+m.name, "Unmarshal"+m.name)
		switch {
		case base != nil:
			c.refuse(path, "embedded "+typeName(base)+" may bring its Marshal"+m.name+", which leaves the other fields out; give the field a name")
		case !t.Implements(m.out) || !methodOf(t, m.back):
			c.refuse(path, "needs Marshal"+m.name+" on the value and Unmarshal"+m.name+"; one alone reads back something else")
		case t == reflect.TypeFor[json.RawMessage]():
			c.refuse(path, "json.RawMessage loses its white space, and nil; use the type of its content, or a string")
		}
		return true
	}
	return false
}

func (c *jsonCheck) fields(t reflect.Type, path string, names map[string]bool) {
	for f := range t.Fields() {
		here := path + "." + f.Name
		tag, _ := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Type.Size() == 0 && !f.IsExported(), f.Name == "_":
			continue
		case tag == "-":
			c.refuse(here, `tagged "-", so it would be lost; remove it from the cached type`)
			continue
		case strings.ContainsFunc(name, notInName):
			c.refuse(here, fmt.Sprintf("the name %q is none that encoding/json takes; use letters, digits and plain punctuation", name))
			continue
		case f.Anonymous && f.Type.Kind() == reflect.Pointer:
			c.refuse(here, "embedded pointer, whose nil is lost; give the field a name")
			continue
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			c.fields(f.Type, here, names) // encoding/json writes its fields as if they were here
			continue
		case !f.IsExported():
			c.refuse(here, "unexported field would be lost; export it")
			continue
		}
		if name == "" {
			name = f.Name
		}
		if names[name] {
			c.refuse(here, fmt.Sprintf("a second field of the name %q hides it; rename one", name))
		}
		names[name] = true
		if option := lost(f.Type, options); option != "" {
			c.refuse(here, option+" does not bring every "+typeName(f.Type)+" back; remove the option")
		}
		fmt.Fprintf(&c.shape, "%q,%s ", name, options)
		c.check(f.Type, here)
		c.shape.WriteByte(';')
	}
}

// notInName says of what encoding/json ignores a name, without an error.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
}

// omits returns the options that leave a field out.
func omits(options string) (empty, zero bool) {
	for o := range strings.SplitSeq(options, ",") {
		empty = empty || o == "omitempty"
		zero = zero || o == "omitzero"
	}
	return empty, zero
}

// lost names the option under which something does not come back as it was, or "". The zeros of floats are lossless's.
func lost(t reflect.Type, options string) string {
	empty, zero := omits(options)
	switch t.Kind() {
	case reflect.Slice, reflect.Map: // empty is not nil
		if empty {
			return "omitempty"
		}
		zero = zero && methodOf(t, isZeroer)
	case reflect.Struct, reflect.Array:
		zero = zero && t != timeType
	default:
		zero = zero && methodOf(t, isZeroer)
	}
	if zero {
		return "omitzero"
	}
	if slices.Contains(strings.Split(options, ","), "string") && quotesOwn(t) {
		return "string"
	}
	return ""
}

// quotesOwn reports whether the option string makes encoding/json read t, or what it points to, without the quotes that
// its methods have written.
func quotesOwn(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		return false // the option changes nothing
	}
	return methodOf(t, marshalerJSON) || methodOf(t, marshalerText)
}
