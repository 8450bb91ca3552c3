package l2

import (
	"fmt"
	"reflect"
	"time"

	"github.com/tinylib/msgp/msgp"
)

func (c *compiler) iface(t reflect.Type, path string) op {
	switch {
	case t.NumMethod() > 0:
		c.refuse(path, "interface type "+typeName(t)+"; name a concrete type")
		return op{}
	case !c.dynamic:
		c.refuse(path, "interface type any; name a concrete type, or use MessagePackAny")
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
