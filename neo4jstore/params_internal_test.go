package neo4jstore

import (
	"testing"
	"time"
)

// A zone that only has the name of UTC goes with its offset, as any that is but an offset; the instant stays.
func TestWithOffset(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		zone *time.Location
		want string // of the zone that is sent
	}{
		{time.UTC, "UTC"},
		{time.FixedZone("UTC", 3600), "Offset"},
		{time.FixedZone("", 3600), "Offset"},
		{time.FixedZone("CET", 3600), "Offset"},
		{time.Local, "Offset"},
	} {
		got := withOffset(at.In(c.zone))
		_, offset := got.Zone()
		_, was := at.In(c.zone).Zone()
		if got.Location().String() != c.want || offset != was || !got.Equal(at) {
			t.Errorf("%v: got %v in %q", at.In(c.zone), got, got.Location())
		}
	}
}
