package l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// The tags that this package uses itself: MessagePack leaves 0 to 127 to applications.
const (
	tagLast  = 119 // the last one for Extensions
	tagOwn   = 125 // what MarshalMsg or MarshalBinary wrote
	tagNil   = 126 // a nil []byte, []any or map[string]any inside an any
	tagTime  = 127
	extSmall = 3 // bytes of the header of a short ext
)

// An Extension teaches a codec one more type; make it with [Extend]. The zero value is refused by Check.
type Extension struct {
	typ    reflect.Type
	tag    int8
	encode func(dst []byte, v reflect.Value) ([]byte, error)
	decode func(src []byte, v reflect.Value) error
	odd    bool // one function without the other
}

// Extend teaches the type T, which must not be an interface. Its values are written as a MessagePack ext of the given tag,
// 0 to 119, which must stay with T as long as Redis holds values. encode appends the payload to dst; decode reads what
// encode wrote, must not keep src, and returns an error for other bytes. Both are called concurrently. When encode
// changes what it writes, T needs another tag.
//
// Both nil: T is written by its fields, and its MarshalMsg or MarshalBinary is not used; the tag names it inside an any.
func Extend[T any](tag int8, encode func(dst []byte, v T) ([]byte, error), decode func(src []byte) (T, error)) Extension {
	e := Extension{typ: reflect.TypeFor[T](), tag: tag, odd: (encode == nil) != (decode == nil)}
	if encode != nil && decode != nil {
		e.encode = func(dst []byte, v reflect.Value) ([]byte, error) {
			return encode(dst, *v.Addr().Interface().(*T))
		}
		e.decode = func(src []byte, v reflect.Value) error {
			x, err := decode(src)
			*v.Addr().Interface().(*T) = x
			return err
		}
	}
	return e
}

func (c *compiler) addExtensions(exts []Extension) {
	c.exts = slices.Clone(exts)
	slices.SortStableFunc(c.exts, func(a, b Extension) int { return int(a.tag) - int(b.tag) })
	for i := range c.exts {
		e := &c.exts[i]
		switch {
		case e.typ == nil || e.typ.Kind() == reflect.Interface:
			c.refuse(fmt.Sprintf("Extension %d", e.tag), "is not for a concrete type; make it with Extend")
		case e.odd:
			c.refuse("Extension "+typeName(e.typ), "has one function of two; give both or none")
		case e.tag < 0 || e.tag > tagLast:
			c.refuse("Extension "+typeName(e.typ), fmt.Sprintf("has tag %d; use 0 to %d", e.tag, tagLast))
		case c.byTag[e.tag] != nil:
			c.refuse("Extension "+typeName(e.typ),
				fmt.Sprintf("has tag %d, as %s has; give it its own", e.tag, typeName(c.byTag[e.tag].typ)))
		case c.byType[e.typ] != nil:
			c.refuse("Extension "+typeName(e.typ), "is given twice")
		default:
			c.byType[e.typ], c.byTag[e.tag] = e, e
		}
	}
}

// compileExtensions prepares what an any may hold, and makes it a part of the shape.
func (c *compiler) compileExtensions() {
	if !c.dynamic {
		return
	}
	for _, e := range c.exts {
		if c.problem != nil {
			return
		}
		fmt.Fprintf(&c.shape, " %d=", e.tag)
		c.compile(e.typ, typeName(e.typ))
	}
}

func (c *compiler) extension(e *Extension) op {
	fmt.Fprintf(&c.shape, "ext %d %s", e.tag, e.typ)
	return own(e.tag, e.encode, e.decode)
}

// own makes an op of foreign functions that write and read the payload of an ext. A panic of theirs while reading is an
// error: bytes can be anything.
func own(tag int8, write func([]byte, reflect.Value) ([]byte, error), read func([]byte, reflect.Value) error) op {
	return op{
		min: extSmall,
		enc: func(dst []byte, v reflect.Value, _ int) ([]byte, error) {
			start := len(dst)
			out, err := write(beginExt(dst), v)
			if err == nil && len(out) < start+extSmall {
				err = errors.New("its encoder did not append")
			}
			if err != nil {
				return dst, err
			}
			return endExt(out, start, tag)
		},
		dec: func(src []byte, v reflect.Value, _ int) (rest []byte, err error) {
			payload, rest, err := readExt(src, tag)
			if err != nil {
				return src, err
			}
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("its decoder panicked: %v", p)
				}
			}()
			return rest, read(payload, v)
		},
	}
}

// beginExt leaves room for the header of a short ext, and endExt fills it in, or makes it longer, after the payload.
func beginExt(dst []byte) []byte { return append(dst, 0, 0, 0) }

func endExt(dst []byte, start int, tag int8) ([]byte, error) {
	n := len(dst) - start - extSmall
	switch {
	case n <= math.MaxUint8:
		dst[start], dst[start+1], dst[start+2] = 0xc7, byte(n), byte(tag)
	case n <= math.MaxUint16:
		dst = slices.Insert(dst, start, 0xc8)
		binary.BigEndian.PutUint16(dst[start+1:], uint16(n))
		dst[start+3] = byte(tag)
	case n <= maxEncoded:
		dst = slices.Insert(dst, start, 0xc9, 0, 0)
		binary.BigEndian.PutUint32(dst[start+1:], uint32(n))
		dst[start+5] = byte(tag)
	default:
		return dst, errTooLong
	}
	return dst, nil
}

// readExt returns the payload of an ext that must have the given tag.
func readExt(src []byte, tag int8) (payload, rest []byte, err error) {
	got, payload, rest, err := nextExt(src)
	if err == nil && got != tag {
		err = fmt.Errorf("ext of tag %d, want %d", got, tag)
	}
	return payload, rest, err
}

func nextExt(src []byte) (tag int8, payload, rest []byte, err error) {
	if len(src) == 0 {
		return 0, nil, src, msgp.ErrShortBytes
	}
	head := 0
	switch src[0] {
	case 0xc7:
		head = 3
	case 0xc8:
		head = 4
	case 0xc9:
		head = 6
	default:
		return 0, nil, src, msgp.TypeError{Method: msgp.ExtensionType, Encoded: msgp.NextType(src)}
	}
	if len(src) < head {
		return 0, nil, src, msgp.ErrShortBytes
	}
	n := uint64(0)
	for _, b := range src[1 : head-1] {
		n = n<<8 | uint64(b)
	}
	if uint64(len(src)-head) < n {
		return 0, nil, src, msgp.ErrShortBytes
	}
	end := head + int(n)
	return int8(src[head-1]), src[head:end:end], src[end:], nil
}
