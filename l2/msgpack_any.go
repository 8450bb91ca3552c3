package l2

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tinylib/msgp/msgp"
)

func (c *compiler) iface(t reflect.Type, path string) op {
	if !c.dynamic || t.NumMethod() > 0 {
		c.refuse(path, "interface type "+typeName(t)+"; name a concrete type")
		return op{}
	}
	c.shape.WriteString("any")
	return op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			return c.appendAny(dst, v.Interface(), depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) ([]byte, error) {
			x, rest, err := c.decodeAny(src, depth)
			if err == nil && x != nil {
				v.Set(reflect.ValueOf(x))
			}
			return rest, err
		},
	}
}

func (c *compiler) anySlice() op {
	c.shape.WriteString("[]any")
	return op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			list := *v.Addr().Interface().(*[]any)
			if list == nil {
				return msgp.AppendNil(dst), nil
			}
			return c.appendList(dst, list, depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) (rest []byte, err error) {
			if msgp.IsNil(src) {
				return src[1:], nil
			}
			list := v.Addr().Interface().(*[]any)
			*list, rest, err = c.decodeList(src, depth)
			return rest, err
		},
	}
}

func (c *compiler) anyMap() op {
	c.shape.WriteString("map[string]any")
	return op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			m := v.Interface().(map[string]any)
			if m == nil {
				return msgp.AppendNil(dst), nil
			}
			return c.appendMap(dst, m, depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) (rest []byte, err error) {
			if msgp.IsNil(src) {
				return src[1:], nil
			}
			m := v.Addr().Interface().(*map[string]any)
			*m, rest, err = c.decodeMap(src, depth)
			return rest, err
		},
	}
}

// What a nil inside an any was. A nil of no type is MessagePack's own.
const (
	nilBytes byte = iota
	nilList
	nilMap
)

func appendNil(dst []byte, what byte) ([]byte, error) {
	return endExt(append(beginExt(dst), what), len(dst), tagNil)
}

func (c *compiler) appendAny(dst []byte, x any, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return dst, errTooDeep
	}
	if len(dst) > maxEncoded {
		return dst, errTooLong
	}
	switch x := x.(type) {
	case nil:
		return msgp.AppendNil(dst), nil
	case bool:
		return msgp.AppendBool(dst, x), nil
	case int64:
		return msgp.AppendInt64(dst, x), nil
	case float64:
		return msgp.AppendFloat64(dst, x), nil
	case string:
		return msgp.AppendString(dst, x), nil
	case []byte:
		if x == nil {
			return appendNil(dst, nilBytes)
		}
		return msgp.AppendBytes(dst, x), nil
	case time.Time:
		return appendTime(dst, x)
	case []any:
		if x == nil {
			return appendNil(dst, nilList)
		}
		return c.appendList(dst, x, depth+1)
	case map[string]any:
		if x == nil {
			return appendNil(dst, nilMap)
		}
		return c.appendMap(dst, x, depth+1)
	}
	return c.appendExtension(dst, x, depth+1)
}

func (c *compiler) appendExtension(dst []byte, x any, depth int) ([]byte, error) {
	e := c.byType[reflect.TypeOf(x)]
	if e == nil {
		return dst, fmt.Errorf("type %T cannot be inside an any; use a type that the codec names", x)
	}
	v := reflect.New(e.typ).Elem()
	v.Set(reflect.ValueOf(x))
	if e.encode != nil {
		return c.ops[e.typ].enc(dst, v, depth)
	}
	start := len(dst)
	out, err := c.ops[e.typ].enc(beginExt(dst), v, depth)
	if err != nil {
		return dst, err
	}
	return endExt(out, start, e.tag)
}

func (c *compiler) appendList(dst []byte, list []any, depth int) ([]byte, error) {
	dst = msgp.AppendArrayHeader(dst, uint32(len(list)))
	var err error
	for i, x := range list {
		if dst, err = c.appendAny(dst, x, depth); err != nil {
			return dst, atIndex(i, err)
		}
	}
	return dst, nil
}

func (c *compiler) appendMap(dst []byte, m map[string]any, depth int) ([]byte, error) {
	dst = msgp.AppendMapHeader(dst, uint32(len(m)))
	if len(m) == 0 {
		return dst, nil
	}
	s := c.sorters.Get().(*sorter)
	defer c.sorters.Put(s)
	s.begin()
	var err error
	for key, x := range m {
		start := len(dst)
		dst = msgp.AppendString(dst, key)
		middle := len(dst)
		if dst, err = c.appendAny(dst, x, depth); err != nil {
			return dst, atKey(reflect.ValueOf(key), err)
		}
		s.add(start, middle, len(dst))
	}
	return dst, s.sort(dst)
}

func (c *compiler) decodeAny(src []byte, depth int) (x any, rest []byte, err error) {
	if depth >= maxDepth {
		return nil, src, errTooDeep
	}
	if len(src) == 0 {
		return nil, src, msgp.ErrShortBytes
	}
	switch t := msgp.NextType(src); t {
	case msgp.NilType:
		return nil, src[1:], nil
	case msgp.BoolType:
		x, rest, err = boxed(msgp.ReadBoolBytes(src))
	case msgp.IntType, msgp.UintType:
		x, rest, err = boxed(msgp.ReadInt64Bytes(src))
	case msgp.Float64Type:
		x, rest, err = boxed(msgp.ReadFloat64Bytes(src))
	case msgp.StrType:
		x, rest, err = boxed(msgp.ReadStringBytes(src))
	case msgp.BinType:
		x, rest, err = boxed(readBytes(src))
	case msgp.ArrayType:
		x, rest, err = boxed(c.decodeList(src, depth+1))
	case msgp.MapType:
		x, rest, err = boxed(c.decodeMap(src, depth+1))
	default:
		return c.decodeExtension(src, depth+1)
	}
	return x, rest, err
}

func boxed[T any](x T, rest []byte, err error) (any, []byte, error) { return x, rest, err }

func (c *compiler) decodeExtension(src []byte, depth int) (any, []byte, error) {
	tag, payload, rest, err := nextExt(src)
	if err != nil {
		return nil, src, err
	}
	switch tag {
	case tagTime:
		t, err := c.zones.decode(payload)
		return t, rest, err
	case tagNil:
		x, err := decodeNil(payload)
		return x, rest, err
	}
	e := c.byTag[tag]
	if e == nil {
		return nil, src, fmt.Errorf("ext of tag %d is unknown", tag)
	}
	v, o := reflect.New(e.typ).Elem(), c.ops[e.typ]
	if e.encode != nil {
		rest, err = o.dec(src, v, depth)
		return v.Interface(), rest, err
	}
	left, err := o.dec(payload, v, depth)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d bytes are left over in ext of tag %d", len(left), tag)
	}
	return v.Interface(), rest, err
}

func decodeNil(payload []byte) (any, error) {
	if len(payload) == 1 {
		switch payload[0] {
		case nilBytes:
			return []byte(nil), nil
		case nilList:
			return []any(nil), nil
		case nilMap:
			return map[string]any(nil), nil
		}
	}
	return nil, errors.New("a nil of unknown type")
}

func (c *compiler) decodeList(src []byte, depth int) ([]any, []byte, error) {
	n, src, err := length(src, 1)
	if err != nil {
		return nil, src, err
	}
	list := make([]any, n)
	for i := range list {
		mine := reserve(src, n-1-i, 1)
		x, rest, err := c.decodeAny(mine, depth)
		if err != nil {
			return nil, rest, atIndex(i, err)
		}
		list[i] = x
		src = src[len(mine)-len(rest):]
	}
	return list, src, nil
}

func (c *compiler) decodeMap(src []byte, depth int) (map[string]any, []byte, error) {
	n, src, err := pairs(src, 2)
	if err != nil {
		return nil, src, err
	}
	m := make(map[string]any, n)
	for i := range n {
		mine := reserve(src, n-1-i, 2)
		key, rest, err := msgp.ReadStringBytes(mine)
		if err != nil {
			return nil, rest, at("[key]", err)
		}
		if m[key], rest, err = c.decodeAny(rest, depth); err != nil {
			return nil, rest, atKey(reflect.ValueOf(key), err)
		}
		src = src[len(mine)-len(rest):]
	}
	if len(m) != n {
		return nil, src, errSameKey
	}
	return m, src, nil
}
