package tiered

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/tieredcache/tieredcache/internal/word"
)

// keyText returns the function that makes the text of a key, or an error that names the part of K that has none.
func keyText[K comparable](custom func(K) string) (func(K) string, error) {
	t := reflect.TypeFor[K]()
	if err := noInterface(t, t.String()); err != nil {
		return nil, err
	}
	if custom != nil {
		return func(k K) string { return word.Path(custom(k)) }, nil
	}
	parts, err := partsOf(t, t.String(), nil)
	if err != nil {
		return nil, err
	}
	return func(k K) string {
		v := reflect.ValueOf(&k).Elem() // not ValueOf(k): no copy on the heap
		texts := make([]string, len(parts))
		for i, path := range parts {
			part := v
			for _, field := range path {
				part = part.Field(field)
			}
			texts[i] = text(part)
		}
		return word.Join(texts...)
	}, nil
}

// partsOf returns the way to each part of a key: a string or an integer, inside of structs.
func partsOf(t reflect.Type, name string, at []int) ([][]int, error) {
	switch {
	case t.Kind() == reflect.String, isInt(t.Kind()), isUint(t.Kind()):
		return [][]int{at}, nil
	case t.Kind() != reflect.Struct:
		return nil, fmt.Errorf("key type %s is %s: use strings, integers and structs of them, or give Key", name, t)
	}
	var parts [][]int
	for i := range t.NumField() {
		f := t.Field(i)
		inner, err := partsOf(f.Type, name+"."+f.Name, append(slices.Clip(at), i))
		if err != nil {
			return nil, err
		}
		parts = append(parts, inner...)
	}
	return parts, nil
}

// noInterface refuses keys whose comparison can panic.
func noInterface(t reflect.Type, name string) error {
	switch t.Kind() {
	case reflect.Interface:
		return fmt.Errorf("key type %s is the interface %s: use a type whose values can always be compared", name, t)
	case reflect.Array:
		return noInterface(t.Elem(), name+"[]")
	case reflect.Struct:
		for f := range t.Fields() {
			if err := noInterface(f.Type, name+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func text(v reflect.Value) string {
	switch k := v.Kind(); {
	case k == reflect.String:
		return v.String()
	case isInt(k):
		return strconv.FormatInt(v.Int(), 10)
	default:
		return strconv.FormatUint(v.Uint(), 10)
	}
}

func isInt(k reflect.Kind) bool  { return reflect.Int <= k && k <= reflect.Int64 }
func isUint(k reflect.Kind) bool { return reflect.Uint <= k && k <= reflect.Uintptr }
