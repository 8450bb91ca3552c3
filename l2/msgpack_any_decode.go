package l2

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

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
