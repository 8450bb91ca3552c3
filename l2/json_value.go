package l2

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	errNotUTC  = errors.New("a time that is not in UTC; JSON would lose its zone")
	errNotUTF8 = errors.New("a string that is not UTF-8; JSON would change it")
	errMinus0  = errors.New("a negative zero that would be left out")
)

// lossless looks for what encoding/json writes without an error and reads back as something else.
func lossless(v reflect.Value, omit bool) error {
	t := v.Type()
	if t == timeType {
		if v.Addr().Interface().(*time.Time).Location() != time.UTC {
			return errNotUTC
		}
		return nil
	}
	if t.Kind() != reflect.Pointer && (t.Implements(marshalerJSON) || t.Implements(marshalerText)) {
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return errNotUTF8
		}
	case reflect.Float32, reflect.Float64:
		if omit && v.Float() == 0 && math.Signbit(v.Float()) {
			return errMinus0
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return lossless(v.Elem(), false)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := lossless(v.Index(i), false); err != nil {
				return atIndex(i, err)
			}
		}
	case reflect.Map:
		return losslessMap(v)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Name == "_" {
				continue
			}
			_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			empty, zero := omits(options)
			if err := lossless(v.Field(i), empty || zero); err != nil {
				return at("."+f.Name, err)
			}
		}
	}
	return nil
}

func losslessMap(v reflect.Value) error {
	k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for i := v.MapRange(); i.Next(); {
		k.SetIterKey(i)
		e.SetIterValue(i)
		if err := lossless(k, false); err != nil {
			return at("[key]", err)
		}
		if err := lossless(e, false); err != nil {
			return atKey(k, err)
		}
	}
	return nil
}
