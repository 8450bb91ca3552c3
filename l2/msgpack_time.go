package l2

import (
	"encoding/binary"
	"errors"
	"reflect"
	"time"
)

// A time is an ext of tagTime: one byte for the form of its location, seconds since 1970 (8 bytes) and nanoseconds (4).
// Unless the form is UTC there follow the offset in seconds (varint), the length of the location's name (uvarint, named
// forms alone), that name, and the name of the zone.
const (
	formUTC byte = iota
	formLocal
	formFixed       // a location of one zone, and their names are the same
	formNamed       // a location to be loaded by its name
	formNamedSaving // the same, in daylight saving time
)

const timeMin = 1 + 8 + 4

var (
	timeType    = reflect.TypeFor[time.Time]()
	errBadTime  = errors.New("not a time")
	errBadNanos = errors.New("a time with more than a second of nanoseconds")
)

// isTime reports whether t is time.Time or defined as one.
func isTime(t reflect.Type) bool { return t.Kind() == reflect.Struct && t.ConvertibleTo(timeType) }

func (c *compiler) time(t reflect.Type) op {
	c.shape.WriteString("time")
	pointer := pointerTo[time.Time](t)
	return op{
		min: extSmall + timeMin,
		enc: func(dst []byte, v reflect.Value, _ int) ([]byte, error) {
			if x, ok := reflect.TypeAssert[time.Time](v); ok { // faster than by its address
				return appendTime(dst, x)
			}
			return appendTime(dst, *pointer(v))
		},
		dec: func(src []byte, v reflect.Value, _ int) ([]byte, error) {
			payload, rest, err := readExt(src, tagTime)
			if err != nil {
				return src, err
			}
			*pointer(v), err = c.zones.decode(payload)
			return rest, err
		},
	}
}

func appendTime(dst []byte, t time.Time) ([]byte, error) {
	start := len(dst)
	form := formOf(t)
	dst = append(beginExt(dst), form)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	if form != formUTC {
		zone, offset := t.Zone()
		dst = binary.AppendVarint(dst, int64(offset))
		if form == formNamed || form == formNamedSaving {
			name := t.Location().String()
			dst = binary.AppendUvarint(dst, uint64(len(name)))
			dst = append(dst, name...)
		}
		dst = append(dst, zone...)
	}
	return endExt(dst, start, tagTime)
}

func formOf(t time.Time) byte {
	switch t.Location() {
	case time.UTC:
		return formUTC
	case time.Local:
		return formLocal
	}
	if zone, _ := t.Zone(); zone == t.Location().String() {
		// CET is the name of a location and of its winter; only a location that never changes is a fixed zone.
		if start, end := t.ZoneBounds(); start.IsZero() && end.IsZero() {
			return formFixed
		}
	}
	if t.IsDST() {
		return formNamedSaving
	}
	return formNamed
}

// decode reads the payload of a time.
func (z *zones) decode(src []byte) (time.Time, error) {
	if len(src) < timeMin {
		return time.Time{}, errBadTime
	}
	form := src[0]
	nanos := binary.BigEndian.Uint32(src[9:])
	if nanos >= 1e9 {
		return time.Time{}, errBadNanos
	}
	t := time.Unix(int64(binary.BigEndian.Uint64(src[1:])), int64(nanos)).UTC()
	if src = src[timeMin:]; form == formUTC {
		if len(src) > 0 {
			return time.Time{}, errBadTime
		}
		return t, nil
	}
	offset, n := binary.Varint(src)
	if n <= 0 || int64(int(offset)) != offset {
		return time.Time{}, errBadTime
	}
	zone := src[n:]
	switch form {
	case formLocal:
		return z.local(t, zone, int(offset)), nil
	case formFixed:
		return t.In(z.fixed(zone, int(offset))), nil
	case formNamed, formNamedSaving:
		size, n := binary.Uvarint(zone)
		if n <= 0 || size > uint64(len(zone)-n) {
			return time.Time{}, errBadTime
		}
		name := zone[n : n+int(size)]
		return z.named(t, form, name, zone[n+int(size):], int(offset)), nil
	}
	return time.Time{}, errBadTime
}
