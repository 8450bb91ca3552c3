package l2

import (
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"
	"sync"
)

// maxEncoded is what one Redis string can hold beside the longest head of a word.
const maxEncoded = 512<<20 - maxHead

// MessagePack returns the default codec: MessagePack, written and read by functions that are compiled once from V.
//
// # What survives
//
// Everything a caller can see: nil and empty slices, maps and pointers, every width and sign of integers, the bits of
// floats, strings that are not UTF-8, arrays, embedded structs, named types, maps with keys of any comparable data.
// A [time.Time], and a type that is defined as one, keeps its instant to the nanosecond, its offset and the names of its
// location and zone; UTC stays UTC and an IANA location is loaded by its name. A location that the zone database here
// does not have, or sees otherwise at that instant, comes back with the one offset that the time was written with.
// [time.Local] comes back as Local where that has the same offset and zone name at that instant, else as a fixed zone. A
// time in a map key is compared with its location, by ==: Append refuses one whose key would not be found again.
//
// Not kept, because they are no part of a value: a time's monotonic reading, a slice's capacity, and that two
// pointers are the same one.
//
// Equal values give equal bytes: maps are written in the order of their encoded keys.
//
// # Types with an encoding of their own
//
// In this order: an [Extension]; the encoding of times; MarshalMsg and UnmarshalMsg ([github.com/tinylib/msgp]);
// AppendBinary or MarshalBinary, and UnmarshalBinary (package encoding); the exported fields. Methods that an embedded
// field may have brought are not used, as they know nothing of the other fields. MarshalBinary is taken at its word.
// MarshalMsg is mostly generated, and generated code loses the zone of a time, whether an empty slice or map was nil,
// and fields that are unexported, tagged "-" or unknown to it, and a negative zero under omitempty, so Check refuses a
// type with these methods that holds one. For that it gives MarshalMsg values of which one field is set, and refuses
// the type where no byte says so. Extend it without functions, and its fields are written instead.
//
// # Limits
//
// Check refuses interfaces, functions, channels, uintptr, unsafe pointers, unexported fields that hold data, and
// pointers in map keys. Recursive types are written to a depth of 1000 values, so a cyclic value is an error of Append,
// as is an encoding above the 512 MB that a Redis string can hold. Decode allocates a small multiple of its input, and
// what its type takes for each element that is really there, which may be far more than its bytes where that has blank
// fields, arrays or encodings of its own. An Extension and methods of V allocate what they like.
func MessagePack[V any](ext ...Extension) Codec[V] { return newMessagePack[V](false, ext) }

// MessagePackAny is [MessagePack] for types that hold any (not other interfaces). An any may hold, and comes back as
// exactly: nil, bool, int64, float64, string, []byte, [time.Time], []any, map[string]any, and the types of ext, none of them
// by pointer. Another type, int32 say, is an error of Append that names its place, because it would come back as
// something else.
func MessagePackAny[V any](ext ...Extension) Codec[V] { return newMessagePack[V](true, ext) }

type messagePack[V any] struct {
	root    *op
	name    string
	id      uint32
	problem error
	holders sync.Pool // of *V: reflection needs an address, and this saves allocating it
}

func newMessagePack[V any](dynamic bool, ext []Extension) Codec[V] {
	c := newCompiler(dynamic, ext)
	t := reflect.TypeFor[V]()
	m := &messagePack[V]{name: typeName(t)}
	m.holders.New = func() any { return new(V) }
	m.root = c.compile(t, m.name)
	c.compileExtensions()
	if c.problem != nil {
		m.problem = fmt.Errorf("MessagePack: %w", c.problem)
	}
	m.id = fingerprint("msgpack/1 ", c.shape.String())
	return m
}

// ID implements [Codec].
func (m *messagePack[V]) ID() uint32 { return m.id }

// Check implements [Codec].
func (m *messagePack[V]) Check() error { return m.problem }

// Append implements [Codec].
func (m *messagePack[V]) Append(dst []byte, v V) ([]byte, error) {
	if m.problem != nil {
		return dst, fmt.Errorf("l2: %w", m.problem)
	}
	p := m.holders.Get().(*V)
	*p = v
	out, err := m.root.enc(dst, reflect.ValueOf(p).Elem(), 0)
	*p = *new(V)
	m.holders.Put(p)
	if err == nil && len(out)-len(dst) > maxEncoded {
		err = errTooLong
	}
	if err != nil {
		return dst, fmt.Errorf("l2: encode %w", at(m.name, err))
	}
	return out, nil
}

// Decode implements [Codec].
func (m *messagePack[V]) Decode(src []byte) (V, error) {
	var zero V
	if m.problem != nil {
		return zero, fmt.Errorf("l2: %w", m.problem)
	}
	p := m.holders.Get().(*V)
	rest, err := m.root.dec(src, reflect.ValueOf(p).Elem(), 0)
	v := *p
	*p = zero
	m.holders.Put(p)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	if err != nil {
		return zero, fmt.Errorf("l2: decode %w", at(m.name, err))
	}
	return v, nil
}

func fingerprint(parts ...string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(strings.Join(parts, "")))
	return h.Sum32()
}

var (
	errTooLong = errors.New("more than the 512 MB that a Redis string can hold")
	errTooDeep = fmt.Errorf("nested deeper than %d, or cyclic", maxDepth)
)
