package tiered

import (
	"fmt"
	"reflect"
	"strconv"
	"unsafe"

	"github.com/tieredcache/tieredcache/internal/word"
)

// keyer makes the text of a key.
type keyer[K comparable] struct {
	custom func(K) string
	parts  []part
}

// part is a string or an integer in a key.
type part struct {
	offset uintptr
	kind   reflect.Kind
}

// newKeyer returns an error that names the part of K that has no text.
func newKeyer[K comparable](custom func(K) string) (keyer[K], error) {
	t := reflect.TypeFor[K]()
	if err := compares(t, t.String()); err != nil {
		return keyer[K]{}, err
	}
	if custom != nil {
		return keyer[K]{custom: custom}, nil
	}
	parts, err := partsOf(t, t.String(), 0)
	return keyer[K]{parts: parts}, err
}

// append appends what word.Join makes of the parts, or word.Path of what the custom function says.
func (r *keyer[K]) append(dst []byte, k K) []byte {
	if r.custom != nil {
		return append(dst, word.Path(r.custom(k))...)
	}
	begin := len(dst)
	for i, p := range r.parts {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = p.append(dst, unsafe.Pointer(&k))
	}
	if len(r.parts) > 1 && len(dst)-begin > word.MaxJoin {
		dst = append(dst[:begin], word.Shorten(string(dst[begin:]))...)
	}
	return dst
}

func (p part) append(dst []byte, key unsafe.Pointer) []byte {
	switch at := unsafe.Add(key, p.offset); p.kind {
	case reflect.String:
		return word.AppendPart(dst, *(*string)(at))
	case reflect.Int:
		return strconv.AppendInt(dst, int64(*(*int)(at)), 10)
	case reflect.Int8:
		return strconv.AppendInt(dst, int64(*(*int8)(at)), 10)
	case reflect.Int16:
		return strconv.AppendInt(dst, int64(*(*int16)(at)), 10)
	case reflect.Int32:
		return strconv.AppendInt(dst, int64(*(*int32)(at)), 10)
	case reflect.Int64:
		return strconv.AppendInt(dst, *(*int64)(at), 10)
	case reflect.Uint8:
		return strconv.AppendUint(dst, uint64(*(*uint8)(at)), 10)
	case reflect.Uint16:
		return strconv.AppendUint(dst, uint64(*(*uint16)(at)), 10)
	case reflect.Uint32:
		return strconv.AppendUint(dst, uint64(*(*uint32)(at)), 10)
	case reflect.Uint64:
		return strconv.AppendUint(dst, *(*uint64)(at), 10)
	default: // uint and uintptr are as wide
		return strconv.AppendUint(dst, uint64(*(*uint)(at)), 10)
	}
}

// partsOf returns each part of a key: a string or an integer, inside of structs.
func partsOf(t reflect.Type, name string, offset uintptr) ([]part, error) {
	switch k := t.Kind(); {
	case k == reflect.String, reflect.Int <= k && k <= reflect.Uintptr:
		return []part{{offset, k}}, nil
	case k != reflect.Struct:
		return nil, fmt.Errorf("%s: use strings, integers and structs of them, or give Key", keyType(t, name))
	}
	var parts []part
	for f := range t.Fields() {
		inner, err := partsOf(f.Type, name+"."+f.Name, offset+f.Offset)
		if err != nil {
			return nil, err
		}
		parts = append(parts, inner...)
	}
	return parts, nil
}

// compares refuses keys whose comparison can panic, or finds two equal that have two texts: 0 and -0.
func compares(t reflect.Type, name string) error {
	switch t.Kind() {
	case reflect.Interface:
		return fmt.Errorf("%s, an interface: use a type whose values can always be compared", keyType(t, name))
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("%s, whose 0 and -0 are equal and have two texts: use an integer or a string", keyType(t, name))
	case reflect.Array:
		return compares(t.Elem(), name+"[]")
	case reflect.Struct:
		for f := range t.Fields() {
			if err := compares(f.Type, name+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyType says what a key, or the part of one that name says, is.
func keyType(t reflect.Type, name string) string {
	if name == t.String() {
		return "key type " + name
	}
	return fmt.Sprintf("key type %s is %s", name, t)
}
