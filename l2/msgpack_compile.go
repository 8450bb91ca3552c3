package l2

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/tinylib/msgp/msgp"
)

// maxDepth bounds what recursion and any can nest; types without them end by themselves.
const maxDepth = 1000

// An op writes and reads the values of one type. Values are addressable, and zero before dec.
type op struct {
	enc func(dst []byte, v reflect.Value, depth int) ([]byte, error)
	dec func(src []byte, v reflect.Value, depth int) ([]byte, error)
	min int // the fewest bytes of one value: it bounds the lengths that an input can claim
	id  int

	inner *op // for a value of the type inside one: counts the depth
}

// A compiler turns types into ops, writes down their shape, and remembers the first type that it cannot encode.
type compiler struct {
	dynamic bool
	exts    []Extension
	byType  map[reflect.Type]*Extension
	byTag   map[int8]*Extension
	ops     map[reflect.Type]*op
	shape   strings.Builder
	zones   zones
	sorters sync.Pool
	problem error
}

func newCompiler(dynamic bool, exts []Extension) *compiler {
	c := &compiler{
		dynamic: dynamic,
		byType:  map[reflect.Type]*Extension{},
		byTag:   map[int8]*Extension{},
		ops:     map[reflect.Type]*op{},
	}
	c.sorters.New = func() any { return new(sorter) }
	c.addExtensions(exts)
	return c
}

func (c *compiler) refuse(path, reason string) {
	if c.problem == nil {
		c.problem = at(path, errors.New(reason))
	}
}

// compile returns the op of t. Its closures reach the ops of parts through pointers, so a type may hold itself; a step
// from a type back to itself counts the depth.
func (c *compiler) compile(t reflect.Type, path string) *op {
	if o, ok := c.ops[t]; ok {
		fmt.Fprintf(&c.shape, "#%d", o.id)
		if o.enc != nil {
			return o
		}
		if o.inner == nil {
			o.inner = recursive(o)
		}
		return o.inner
	}
	o := &op{min: 1, id: len(c.ops)}
	c.ops[t] = o
	built := c.build(t, path)
	o.enc, o.dec, o.min = built.enc, built.dec, built.min
	if o.inner != nil {
		o.inner.min = o.min
	}
	return o
}

func recursive(o *op) *op {
	return &op{
		min: 1,
		enc: func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
			if depth >= maxDepth {
				return dst, errTooDeep
			}
			if len(dst) > maxEncoded { // shared pointers can make a small value an endless encoding
				return dst, errTooLong
			}
			return o.enc(dst, v, depth+1)
		},
		dec: func(src []byte, v reflect.Value, depth int) ([]byte, error) {
			if depth >= maxDepth {
				return src, errTooDeep
			}
			return o.dec(src, v, depth+1)
		},
	}
}

func (c *compiler) build(t reflect.Type, path string) op {
	ext := c.byType[t]
	switch {
	case ext != nil && ext.encode != nil:
		return c.extension(ext)
	case isTime(t):
		return c.time(t)
	case ext != nil: // by its fields, whatever methods it has
	case hasMsgp(t):
		return c.msgpMethods(t, path)
	case hasBinary(t):
		return c.binaryMethods(t)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.structure(t, path)
	case reflect.Pointer:
		return c.pointer(t, path)
	case reflect.Slice:
		return c.slice(t, path)
	case reflect.Array:
		return c.array(t, path)
	case reflect.Map:
		return c.mapping(t, path)
	case reflect.Interface:
		return c.iface(t, path)
	default:
		return c.scalar(t, path)
	}
}

// special reports whether t is written in a way of its own, not by its kind.
func (c *compiler) special(t reflect.Type) bool {
	ext := c.byType[t]
	switch {
	case ext != nil && ext.encode != nil, isTime(t):
		return true
	case ext != nil:
		return false
	}
	return hasMsgp(t) || hasBinary(t)
}

// nilable reports whether a value of t may be written as nil, so that a pointer to it needs a mark of its own.
func (c *compiler) nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return !c.special(t)
	}
	return false
}

// length reads the header of a list and checks its claim against the bytes that are there.
func length(src []byte, least int) (int, []byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(src)
	if err != nil {
		return 0, src, err
	}
	return bounded(n, rest, least)
}

func bounded(n uint32, rest []byte, least int) (int, []byte, error) {
	if uint64(n) > uint64(len(rest)/least) {
		return 0, rest, fmt.Errorf("%d elements claimed in %d bytes", n, len(rest))
	}
	return int(n), rest, nil
}

// reserve returns what the next element may read of src when n more of them follow. Without it, lists nested in lists
// could each claim the same bytes, and be allocated.
func reserve(src []byte, n, least int) []byte { return src[:len(src)-n*least] }
