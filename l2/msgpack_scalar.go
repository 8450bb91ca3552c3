package l2

import (
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

func (c *compiler) scalar(t reflect.Type, path string) op {
	c.shape.WriteString(t.Kind().String())
	switch t.Kind() {
	case reflect.Bool:
		return op{enc: encBool, dec: decBool, min: 1}
	case reflect.String:
		return op{enc: encString, dec: decString, min: 1}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return op{enc: encInt, dec: decInt, min: 1}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return op{enc: encUint, dec: decUint, min: 1}
	case reflect.Float64:
		return op{enc: encFloat64, dec: decFloat64, min: 9}
	case reflect.Float32:
		return exact(t, msgp.AppendFloat32, msgp.ReadFloat32Bytes, 5)
	case reflect.Complex64:
		return exact(t, msgp.AppendComplex64, msgp.ReadComplex64Bytes, 10)
	case reflect.Complex128:
		return exact(t, msgp.AppendComplex128, msgp.ReadComplex128Bytes, 18)
	}
	c.refuse(path, t.Kind().String()+" cannot be stored; remove it from the cached type")
	return op{}
}

// exact works on the memory of the value: reflection would pass a float32 through a float64, which changes the bits of
// a signalling NaN.
func exact[T any](t reflect.Type, write func([]byte, T) []byte, read func([]byte) (T, []byte, error), least int) op {
	pointer := pointerTo[T](t)
	return op{
		min: least,
		enc: func(dst []byte, v reflect.Value, _ int) ([]byte, error) { return write(dst, *pointer(v)), nil },
		dec: func(src []byte, v reflect.Value, _ int) ([]byte, error) {
			x, rest, err := read(src)
			*pointer(v) = x
			return rest, err
		},
	}
}

// pointerTo returns the way to the memory of values of t, whose underlying type is that of T.
func pointerTo[T any](t reflect.Type) func(v reflect.Value) *T {
	if t == reflect.TypeFor[T]() {
		return func(v reflect.Value) *T { return v.Addr().Interface().(*T) }
	}
	plain := reflect.TypeFor[*T]()
	return func(v reflect.Value) *T { return v.Addr().Convert(plain).Interface().(*T) }
}

func encBool(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	return msgp.AppendBool(dst, v.Bool()), nil
}

func decBool(src []byte, v reflect.Value, _ int) ([]byte, error) {
	x, rest, err := msgp.ReadBoolBytes(src)
	v.SetBool(x)
	return rest, err
}

func encString(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	return msgp.AppendString(dst, v.String()), nil
}

func decString(src []byte, v reflect.Value, _ int) ([]byte, error) {
	x, rest, err := msgp.ReadStringBytes(src)
	v.SetString(x)
	return rest, err
}

func encInt(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	return msgp.AppendInt64(dst, v.Int()), nil
}

func decInt(src []byte, v reflect.Value, _ int) ([]byte, error) {
	x, rest, err := msgp.ReadInt64Bytes(src)
	if err == nil && v.OverflowInt(x) {
		err = fmt.Errorf("%d does not fit in %s", x, v.Kind())
	}
	v.SetInt(x)
	return rest, err
}

func encUint(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	return msgp.AppendUint64(dst, v.Uint()), nil
}

func decUint(src []byte, v reflect.Value, _ int) ([]byte, error) {
	x, rest, err := msgp.ReadUint64Bytes(src)
	if err == nil && v.OverflowUint(x) {
		err = fmt.Errorf("%d does not fit in %s", x, v.Kind())
	}
	v.SetUint(x)
	return rest, err
}

func encFloat64(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	return msgp.AppendFloat64(dst, v.Float()), nil
}

func decFloat64(src []byte, v reflect.Value, _ int) ([]byte, error) {
	// msgp also reads a float32 here, which is never written for a float64.
	if t := msgp.NextType(src); t != msgp.Float64Type && len(src) > 0 {
		return src, msgp.TypeError{Method: msgp.Float64Type, Encoded: t}
	}
	x, rest, err := msgp.ReadFloat64Bytes(src)
	v.SetFloat(x)
	return rest, err
}
