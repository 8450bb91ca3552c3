package l2

import (
	"bytes"
	"math"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

// maxProbes bounds how many values are tried: types that hold each other have no end of fields.
const maxProbes = 1000

// probe asks a MarshalMsg, for each field, whether it writes two values alike that differ there: one of them would not
// come back. It sees what tags do not show: a //msgp:tag or //msgp:ignore, and code that is older than the field.
type probe struct {
	typ  reflect.Type
	left int
	in   map[reflect.Type]bool // the structs on the way
}

func newProbe(t reflect.Type) *probe {
	return &probe{typ: t, left: maxProbes, in: map[reflect.Type]bool{}}
}

// loses looks into what is of type t, at path, and where to leads in a value of the probe's own type.
func (p *probe) loses(t reflect.Type, path string, to func(reflect.Value) reflect.Value) (where, what string) {
	if p.left == 0 {
		return "", ""
	}
	switch t.Kind() {
	default:
		if p.alike(to, change) {
			return path, "what it holds"
		}
		if p.alike(to, negate) { // omitempty takes it for the other zero
			return path, "a negative zero"
		}
	case reflect.Pointer:
		if p.alike(to, change) {
			return path, "what it holds"
		}
		return p.loses(t.Elem(), path, func(v reflect.Value) reflect.Value {
			v = to(v)
			if v.IsNil() {
				v.Set(reflect.New(t.Elem()))
			}
			return v.Elem()
		})
	case reflect.Array:
		if t.Len() > 0 {
			return p.loses(t.Elem(), path, func(v reflect.Value) reflect.Value { return to(v).Index(0) })
		}
	case reflect.Struct:
		if p.in[t] {
			break
		}
		p.in[t] = true
		defer delete(p.in, t)
		for f := range t.Fields() {
			if !f.IsExported() && (!f.Anonymous || f.Type.Kind() != reflect.Struct) {
				continue // reflection cannot change it
			}
			inside := func(v reflect.Value) reflect.Value { return to(v).FieldByIndex(f.Index) }
			if where, what = p.loses(f.Type, path+"."+f.Name, inside); what != "" {
				return where, what
			}
		}
	}
	return "", ""
}

// alike reports whether a value is written as it would be after set. Methods that fail say nothing: they may take only
// what makes sense.
func (p *probe) alike(to func(reflect.Value) reflect.Value, set func(reflect.Value) bool) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	p.left--
	zero, other := reflect.New(p.typ), reflect.New(p.typ)
	to(zero.Elem()) // makes the pointers on the way
	if !set(to(other.Elem())) {
		return false
	}
	a, err := zero.Interface().(msgp.Marshaler).MarshalMsg(nil)
	if err != nil {
		return false
	}
	b, err := other.Interface().(msgp.Marshaler).MarshalMsg(nil)
	return err == nil && bytes.Equal(a, b)
}

// change makes a zero value another one, if that can be.
func change(v reflect.Value) bool {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.CanFloat():
		v.SetFloat(1)
	case v.CanComplex():
		v.SetComplex(1)
	default:
		return false
	}
	return true
}

// negate makes a zero the other one, if there is one.
func negate(v reflect.Value) bool {
	minus := math.Copysign(0, -1)
	switch {
	case v.CanFloat():
		v.SetFloat(minus)
	case v.CanComplex():
		v.SetComplex(complex(minus, minus))
	default:
		return false
	}
	return true
}
