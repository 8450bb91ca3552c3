package neo4jstore

import (
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j/dbtype"

	"github.com/tieredcache/tieredcache/l2"
)

// Codec returns the codec for what comes out of Neo4j: [l2.MessagePackAny], taught every type that a record of the driver
// holds. V may be a struct, a row as map[string]any, a record, or any; an any may hold nil, bool, int64, float64, string,
// []byte, []any, map[string]any, [time.Time], and by value the Date, Time, LocalTime, LocalDateTime, Duration, Point2D, Point3D,
// Node, Relationship and Path of package dbtype. They come back as the driver made them.
//
// A LocalTime or LocalDateTime is a wall clock, which the driver reads in [time.Local]. Where the process that decodes it has
// another zone, it comes back as the same wall clock there, as it would from Neo4j.
//
// The codecs of Preference and []Preference are those that PreferenceStore uses. They keep what [l2.MessagePack] keeps, and are
// generated: several times as fast. The texts that one value was decoded with are parts of one string, so whoever keeps a single
// one keeps them all in memory; [strings.Clone] parts it from them.
//
// A *dbtype.InvalidValue, which the driver makes of a zone that it does not know, is an error of Append. A codec is safe for
// concurrent use and there is nothing to close.
func Codec[V any]() l2.Codec[V] {
	for _, own := range []any{preferencesCodec{newPacker()}, preferenceCodec{newPacker()}} {
		if c, ok := own.(l2.Codec[V]); ok {
			return c
		}
	}
	times := l2.MessagePack[time.Time]()
	return l2.MessagePackAny[V](
		// The tags are in Redis: one that was used never means another type.
		l2.Extend[dbtype.Date](1, nil, nil),
		l2.Extend[dbtype.Time](2, nil, nil),
		wallClock[dbtype.LocalTime](3, times),
		wallClock[dbtype.LocalDateTime](4, times),
		l2.Extend[dbtype.Duration](5, nil, nil),
		l2.Extend[dbtype.Point2D](6, nil, nil),
		l2.Extend[dbtype.Point3D](7, nil, nil),
		l2.Extend[dbtype.Node](8, nil, nil),
		l2.Extend[dbtype.Relationship](9, nil, nil),
		l2.Extend[dbtype.Path](10, nil, nil),
	)
}
