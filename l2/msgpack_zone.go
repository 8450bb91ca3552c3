package l2

import (
	"encoding/binary"
	"maps"
	"math"
	"sync/atomic"
	"time"
)

// zones remembers the locations that one codec has loaded or made, and so many that every zone of the database fits
// and bytes from outside cannot fill the memory. That a name could not be loaded is not remembered.
type zones struct {
	known atomic.Pointer[map[zoneKey]*time.Location]
}

// A zoneKey has the form, offset and names of a time whose location was made, or the name of one that was loaded.
type zoneKey struct {
	form       byte
	name, zone string
	offset     int
}

const (
	loaded      = math.MaxUint8 // the form of a zoneKey, of no time
	maxZones    = 2000
	maxZoneName = 64 // the longest of the database has 32
)

// local keeps Local where it is what it was in the process that wrote the time.
func (z *zones) local(t time.Time, zone []byte, offset int) time.Time {
	if l := t.In(time.Local); agrees(l, zone, offset) {
		return l
	}
	return t.In(z.fixed(zone, offset))
}

func (z *zones) fixed(zone []byte, offset int) *time.Location {
	if l := z.all()[zoneKey{formFixed, "", string(zone), offset}]; l != nil {
		return l
	}
	l := time.FixedZone(string(zone), offset)
	z.remember(zoneKey{formFixed, "", string(zone), offset}, l)
	return l
}

// named loads the location, and where that fails or shows another zone at t, makes one of the same two names that has
// this one zone.
func (z *zones) named(t time.Time, form byte, name, zone []byte, offset int) time.Time {
	l := z.all()[zoneKey{loaded, string(name), "", 0}]
	made := z.all()[zoneKey{form, string(name), string(zone), offset}]
	if l == nil && made == nil && len(name) <= maxZoneName {
		var err error
		if l, err = time.LoadLocation(string(name)); err == nil {
			z.remember(zoneKey{loaded, string(name), "", 0}, l)
		}
	}
	if l != nil {
		if at := t.In(l); agrees(at, zone, offset) {
			return at
		}
	}
	if made == nil {
		made = single(string(name), string(zone), offset, form == formNamedSaving)
		z.remember(zoneKey{form, string(name), string(zone), offset}, made)
	}
	return t.In(made)
}

func agrees(t time.Time, zone []byte, offset int) bool {
	name, o := t.Zone()
	return o == offset && name == string(zone)
}

// single makes a location that has one zone for ever, by way of the format of the zone database (RFC 8536): nothing
// else of package time lets the two names differ.
func single(name, zone string, offset int, saving bool) *time.Location {
	if offset < math.MinInt32 || offset > math.MaxInt32 {
		return time.FixedZone(zone, offset)
	}
	data := append([]byte("TZif"), make([]byte, 16)...) // version 1
	for _, count := range []int{0, 0, 0, 0, 1, len(zone) + 1} {
		data = binary.BigEndian.AppendUint32(data, uint32(count)) // one zone, and the bytes of its name
	}
	data = binary.BigEndian.AppendUint32(data, uint32(int32(offset)))
	dst := byte(0)
	if saving {
		dst = 1
	}
	data = append(data, dst, 0)
	data = append(append(data, zone...), 0)
	l, err := time.LoadLocationFromTZData(name, data)
	if err != nil { // a zone whose name does not fit the format
		return time.FixedZone(zone, offset)
	}
	return l
}

func (z *zones) all() map[zoneKey]*time.Location {
	if known := z.known.Load(); known != nil {
		return *known
	}
	return nil
}

func (z *zones) remember(key zoneKey, l *time.Location) {
	if len(key.name) > maxZoneName || len(key.zone) > maxZoneName {
		return
	}
	for {
		old := z.known.Load()
		next := map[zoneKey]*time.Location{key: l}
		if old != nil {
			// Half of the room is for the zone database: any bytes can name one that is made.
			if len(*old) >= maxZones || key.form != loaded && len(*old) >= maxZones/2 {
				return
			}
			maps.Copy(next, *old)
		}
		if z.known.CompareAndSwap(old, &next) {
			return
		}
	}
}
