package l2

import (
	"fmt"
	"math"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

// pointer writes nil or the element. An element that may itself be nil is put into an array of one.
func (c *compiler) pointer(t reflect.Type, path string) op {
	c.shape.WriteByte('*')
	elem, boxed := c.compile(t.Elem(), path), c.nilable(t.Elem())
	return op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			if v.IsNil() {
				return msgp.AppendNil(dst), nil
			}
			if boxed {
				dst = msgp.AppendArrayHeader(dst, 1)
			}
			return elem.enc(dst, v.Elem(), depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) ([]byte, error) {
			if msgp.IsNil(src) {
				return src[1:], nil
			}
			if boxed {
				n, rest, err := msgp.ReadArrayHeaderBytes(src)
				if err == nil && n != 1 {
					err = fmt.Errorf("%d values behind a pointer, want 1", n)
				}
				if err != nil {
					return src, err
				}
				src = rest
			}
			p := reflect.New(t.Elem())
			rest, err := elem.dec(src, p.Elem(), depth)
			v.Set(p)
			return rest, err
		},
	}
}

func (c *compiler) slice(t reflect.Type, path string) op {
	if t.Elem().Kind() == reflect.Uint8 && !c.special(t.Elem()) {
		c.shape.WriteString("bytes")
		return op{enc: encBytes, dec: decBytes, min: 1}
	}
	if c.dynamic && t == reflect.TypeFor[[]any]() {
		return c.anySlice()
	}
	c.shape.WriteString("[]")
	elem, empty := c.compile(t.Elem(), path+"[]"), reflect.MakeSlice(t, 0, 0)
	size := t.Elem().Size()
	return op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			if v.IsNil() {
				return msgp.AppendNil(dst), nil
			}
			n := v.Len()
			if n > maxEncoded { // each element is a byte, or more
				return dst, errTooLong
			}
			return encElems(msgp.AppendArrayHeader(dst, uint32(n)), v, n, elem, depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) ([]byte, error) {
			if msgp.IsNil(src) {
				return src[1:], nil
			}
			n, src, err := length(src, elem.min)
			if err != nil {
				return src, err
			}
			if n == 0 {
				v.Set(empty)
				return src, nil
			}
			first := atOnce(n, src, elem.min, size, depth)
			v.Grow(first)
			v.SetLen(first)
			return decElems(src, v, n, elem, depth)
		},
	}
}

func (c *compiler) array(t reflect.Type, path string) op {
	n := t.Len()
	fmt.Fprintf(&c.shape, "[%d]", n)
	if t.Elem().Kind() == reflect.Uint8 && !c.special(t.Elem()) {
		c.shape.WriteString("byte")
		return op{enc: encBytes, dec: decByteArray, min: 2 + n}
	}
	elem := c.compile(t.Elem(), path+"[]")
	if uint64(n) > math.MaxUint32 {
		c.refuse(path, "array is too long")
		return op{}
	}
	head := msgp.AppendArrayHeader(nil, uint32(n))
	return op{
		min: len(head) + n*elem.min,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			return encElems(append(dst, head...), v, n, elem, depth)
		},
		dec: func(src []byte, v reflect.Value, depth int) ([]byte, error) {
			got, src, err := length(src, elem.min)
			if err == nil && got != n {
				err = fmt.Errorf("%d elements, want %d", got, n)
			}
			if err != nil {
				return src, err
			}
			return decElems(src, v, n, elem, depth)
		},
	}
}

func encElems(dst []byte, v reflect.Value, n int, elem *op, depth int) ([]byte, error) {
	var err error
	for i := range n {
		if dst, err = elem.enc(dst, v.Index(i), depth); err != nil {
			return dst, atIndex(i, err)
		}
		if len(dst) > maxEncoded { // the elements may share one large value
			return dst, errTooLong
		}
	}
	return dst, nil
}

// atOnce returns for how many of n elements memory is taken before any is read: those that are paid for, 16 for 1, by
// the bytes that are reserved for them and by what there is to read. A list in a list has half of the latter, and so all
// lists that are begun have twice that together.
func atOnce(n int, src []byte, least int, size uintptr, depth int) int {
	if size == 0 {
		return n
	}
	paid := 16*uint64(n)*uint64(least) + (16*uint64(len(src))+4096)>>depth
	return max(1, int(min(uint64(n), paid/uint64(size))))
}

// decElems reads n elements into v. A slice grows, where it has not all of them, as they turn out to be there.
func decElems(src []byte, v reflect.Value, n int, elem *op, depth int) ([]byte, error) {
	for i := range n {
		if i == v.Len() {
			more := min(i, n-i)
			v.Grow(more)
			v.SetLen(i + more)
		}
		mine := reserve(src, n-1-i, elem.min)
		rest, err := elem.dec(mine, v.Index(i), depth)
		if err != nil {
			return rest, atIndex(i, err)
		}
		src = src[len(mine)-len(rest):]
	}
	return src, nil
}

func encBytes(dst []byte, v reflect.Value, _ int) ([]byte, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return msgp.AppendNil(dst), nil
	}
	return msgp.AppendBytes(dst, v.Bytes()), nil
}

func decBytes(src []byte, v reflect.Value, _ int) ([]byte, error) {
	if msgp.IsNil(src) {
		return src[1:], nil
	}
	b, rest, err := readBytes(src)
	if err == nil {
		v.SetBytes(b)
	}
	return rest, err
}

// readBytes never returns nil for an empty slice, as msgp.ReadBytesBytes does.
func readBytes(src []byte) (b, rest []byte, err error) {
	b, rest, err = msgp.ReadBytesZC(src)
	return append([]byte{}, b...), rest, err
}

func decByteArray(src []byte, v reflect.Value, _ int) ([]byte, error) {
	b, rest, err := msgp.ReadBytesZC(src)
	if err == nil && len(b) != v.Len() {
		err = fmt.Errorf("%d bytes, want %d", len(b), v.Len())
	}
	if err == nil {
		copy(v.Bytes(), b)
	}
	return rest, err
}
