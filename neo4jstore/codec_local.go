package neo4jstore

import (
	"errors"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j/dbtype"

	"github.com/tieredcache/tieredcache/l2"
)

// How a local time is written: one byte, then a time.
const (
	asInstant byte = iota // the caller made it in another location than Local
	asWall                // what the clock on the wall shows, as if it hung in UTC
)

func wallClock[T dbtype.LocalTime | dbtype.LocalDateTime](tag int8, times l2.Codec[time.Time]) l2.Extension {
	return l2.Extend(tag,
		func(dst []byte, v T) ([]byte, error) {
			t := time.Time(v)
			// In the hour that a change of the clocks repeats, the wall alone does not say which of the two it was.
			if wall := move(t, time.UTC); t.Location() == time.Local && move(wall, time.Local).Equal(t) {
				return times.Append(append(dst, asWall), wall)
			}
			return times.Append(append(dst, asInstant), t)
		},
		func(src []byte) (T, error) {
			if len(src) == 0 || src[0] > asWall {
				return T{}, errors.New("not a local time")
			}
			t, err := times.Decode(src[1:])
			if src[0] == asWall {
				t = move(t, time.Local)
			}
			return T(t), err
		})
}

// move returns the time at which a clock in l shows what t shows, as the driver does.
func move(t time.Time, l *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), l)
}
