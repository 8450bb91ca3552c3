package l2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// JSON returns a codec on package encoding/json, for values that people or other languages read in Redis. It is slower
// and larger than [MessagePack], and takes fewer types.
//
// What JSON would lose is refused, by Check where the type says it and by Append where the value does:
//
//   - Check: interfaces, fields that are unexported, tagged "-" or hidden by another of their name, pointers to what
//     may itself be null, omitempty on slices and maps, the option string on what has methods, embedded pointers, names
//     that encoding/json ignores, map keys that are neither strings nor integers, methods that are promoted or on one
//     side only, [json.RawMessage] and [json.Number].
//   - Append: times that are not in UTC (JSON has an offset and no zone; call UTC first), strings that are not UTF-8,
//     those of MarshalText among them, NaN and infinities, a negative zero under omitempty or omitzero, and pointers to
//     what MarshalJSON writes as null; what is nested deeper than the 10,000 that encoding/json reads, cycles among it,
//     and what is longer than the 512 MB that a Redis string can hold.
//
// Beyond that, MarshalJSON and MarshalText are taken at their word. Unknown fields are an error of Decode. Names, types
// and tag options are a part of the ID.
func JSON[V any]() Codec[V] {
	t := reflect.TypeFor[V]()
	c := jsonCheck{seen: map[reflect.Type]int{}}
	c.check(t, typeName(t))
	j := jsonCodec[V]{name: typeName(t), id: fingerprint("json/1 ", c.shape.String()), foreign: c.foreign, most: maxEncoded}
	if c.problem != nil {
		j.problem = fmt.Errorf("JSON: %w", c.problem)
	}
	return j
}

type jsonCodec[V any] struct {
	name    string
	id      uint32
	foreign bool // V holds a type that has MarshalJSON, and may nest as it likes
	most    int  // bytes of an encoding
	problem error
}

// ID implements [Codec].
func (j jsonCodec[V]) ID() uint32 { return j.id }

// Check implements [Codec].
func (j jsonCodec[V]) Check() error { return j.problem }

// Append implements [Codec].
func (j jsonCodec[V]) Append(dst []byte, v V) ([]byte, error) {
	if j.problem != nil {
		return dst, fmt.Errorf("l2: %w", j.problem)
	}
	var b []byte
	err := lossless(reflect.ValueOf(&v).Elem(), j.most)
	if err == nil { // so v ends
		b, err = json.Marshal(v)
	}
	switch {
	case err != nil:
	case len(b) > j.most:
		err = errTooLong
	case j.foreign && len(b) > maxJSONDepth && deepest(b) > maxJSONDepth:
		err = errDeepJSON
	}
	if err != nil {
		return dst, fmt.Errorf("l2: encode %w", at(j.name, err))
	}
	return append(dst, b...), nil
}

// Decode implements [Codec].
func (j jsonCodec[V]) Decode(src []byte) (V, error) {
	var v, zero V
	if j.problem != nil {
		return zero, fmt.Errorf("l2: %w", j.problem)
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return v, nil
		}
		err = errors.New("bytes are left over")
	}
	return zero, fmt.Errorf("l2: decode %w", at(j.name, err))
}
