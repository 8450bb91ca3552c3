package l2

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

var (
	marshalerMsg      = reflect.TypeFor[msgp.Marshaler]()
	unmarshalerMsg    = reflect.TypeFor[msgp.Unmarshaler]()
	marshalerBinary   = reflect.TypeFor[encoding.BinaryMarshaler]()
	appenderBinary    = reflect.TypeFor[encoding.BinaryAppender]()
	unmarshalerBinary = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// hasMethods reports whether t, or a pointer to it, has both methods, and from nothing that it embeds.
func hasMethods(t, marshaler, unmarshaler reflect.Type, names ...string) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer &&
		p.Implements(marshaler) && p.Implements(unmarshaler) && promotedFrom(t, names...) == nil
}

// promotedFrom returns the type of an embedded field of t that has one of the methods, or nil. Such a method may be
// t's only by promotion.
func promotedFrom(t reflect.Type, names ...string) reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if !f.Anonymous {
			continue
		}
		base := f.Type
		if base.Kind() != reflect.Pointer && base.Kind() != reflect.Interface {
			base = reflect.PointerTo(base)
		}
		for _, name := range names {
			if _, ok := base.MethodByName(name); ok {
				return f.Type
			}
		}
	}
	return nil
}

// hasMsgp and hasBinary say which methods of its own t is written with; AppendBinary saves the copy that MarshalBinary
// makes.
func hasMsgp(t reflect.Type) bool {
	return hasMethods(t, marshalerMsg, unmarshalerMsg, "MarshalMsg", "UnmarshalMsg")
}

func hasBinary(t reflect.Type) bool {
	return appendsBinary(t) || hasMethods(t, marshalerBinary, unmarshalerBinary, "MarshalBinary", "UnmarshalBinary")
}

func appendsBinary(t reflect.Type) bool {
	return hasMethods(t, appenderBinary, unmarshalerBinary, "AppendBinary", "UnmarshalBinary")
}

func (c *compiler) msgpMethods(t reflect.Type, path string) op {
	c.shape.WriteString("msgp " + t.PkgPath() + "." + t.Name())
	where, what := c.loses(t, path, map[reflect.Type]bool{})
	if what == "" {
		where, what = newProbe(t).loses(t, path, func(v reflect.Value) reflect.Value { return v })
	}
	if what != "" {
		c.refuse(where, what+" may not survive the MarshalMsg of "+typeName(t)+"; remove the method or teach "+typeName(t)+" with an Extension")
	}
	return own(tagOwn,
		func(dst []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(msgp.Marshaler).MarshalMsg(dst)
		},
		func(src []byte, v reflect.Value) error {
			// Generated code allocates what a length claims, so the lengths are checked first.
			for rest := src; len(rest) > 0; {
				var err error
				if rest, err = msgp.Skip(rest); err != nil {
					return err
				}
			}
			rest, err := v.Addr().Interface().(msgp.Unmarshaler).UnmarshalMsg(src)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("%d bytes are left over", len(rest))
			}
			return err
		})
}

// loses writes down the shape of a type with msgp code, and finds what generated code does not bring back as it was. A
// struct of nothing but unexported fields is none for a generator: its methods are taken at their word.
func (c *compiler) loses(t reflect.Type, path string, seen map[reflect.Type]bool) (where, what string) {
	c.shape.WriteString(" " + t.Kind().String())
	if seen[t] {
		c.shape.WriteString(" " + t.String())
		return "", ""
	}
	seen[t] = true
	switch {
	case isTime(t):
		return path, "the zone of a time"
	case t.Kind() == reflect.Interface:
		return path, "the type in an interface"
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		return path, "nil or empty"
	case t.Kind() == reflect.Func || t.Kind() == reflect.Chan || t.Kind() == reflect.UnsafePointer:
		return path, "a " + t.Kind().String()
	case t.Kind() == reflect.Array:
		fmt.Fprint(&c.shape, t.Len())
		return c.loses(t.Elem(), path, seen)
	case t.Kind() == reflect.Pointer:
		return c.loses(t.Elem(), path, seen)
	case t.Kind() != reflect.Struct:
		return "", ""
	}
	fields := reflect.VisibleFields(t)
	generated := slices.ContainsFunc(fields, reflect.StructField.IsExported)
	for f := range t.Fields() {
		here := path + "." + f.Name
		tag := cmp.Or(f.Tag.Get("msg"), f.Tag.Get("msgpack")) // as the generator reads them
		switch name, _, _ := strings.Cut(tag, ","); {
		case f.Name == "_" || f.Type.Size() == 0:
			continue
		case name == "-":
			return here, `what is tagged "-"`
		case generated && !f.IsExported() && !f.Anonymous:
			return here, "what is unexported"
		default:
			fmt.Fprintf(&c.shape, " %s %q", f.Name, f.Tag) // the generator may have read any of it
		}
		if where, what = c.loses(f.Type, here, seen); what != "" {
			return where, what
		}
	}
	return "", ""
}

func (c *compiler) binaryMethods(t reflect.Type) op {
	c.shape.WriteString("binary " + t.PkgPath() + "." + t.Name())
	write := func(dst []byte, v reflect.Value) ([]byte, error) {
		b, err := v.Addr().Interface().(encoding.BinaryMarshaler).MarshalBinary()
		return append(dst, b...), err
	}
	if appendsBinary(t) {
		write = func(dst []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(encoding.BinaryAppender).AppendBinary(dst)
		}
	}
	return own(tagOwn, write,
		func(src []byte, v reflect.Value) error {
			return v.Addr().Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(src)
		})
}
