package l2_test

import (
	"maps"
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/tieredcache/tieredcache/l2"
)

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestMessagePackTimes(t *testing.T) {
	paris, cet := location(t, "Europe/Paris"), location(t, "CET")
	for name, v := range map[string]time.Time{
		"zero":              {},
		"epoch":             time.Unix(0, 0).UTC(),
		"UTC":               time.Date(2024, 2, 29, 23, 59, 59, 999_999_999, time.UTC),
		"monotonic":         time.Now(),
		"Local":             time.Date(2024, 7, 1, 12, 0, 0, 1, time.Local),
		"fixed":             time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("Offset", 5*3600+30*60)),
		"fixed, no name":    time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("", -3600)),
		"fixed, seconds":    time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("LMT", -4172)),
		"fixed, called UTC": time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("UTC", 0)),
		"fixed, long name":  time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone(string(make([]byte, 70000)), 1)),
		"fixed, like IANA":  time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("Europe/Paris", 7200)),
		"summer":            time.Date(2024, 7, 1, 12, 0, 0, 1, paris),
		"winter":            time.Date(2024, 1, 1, 12, 0, 0, 1, paris),
		"before zones":      time.Date(1, 1, 1, 0, 0, 0, 0, paris),
		"first of two":      time.Date(2024, 10, 27, 0, 30, 0, 0, time.UTC).In(paris),
		"second of two":     time.Date(2024, 10, 27, 1, 30, 0, 0, time.UTC).In(paris),
		"CET in winter":     time.Date(2024, 1, 1, 12, 0, 0, 1, cet),
		"CET in summer":     time.Date(2024, 7, 1, 12, 0, 0, 1, cet),
		"no transitions":    time.Date(2024, 7, 1, 12, 0, 0, 1, location(t, "Etc/GMT+5")),
		"half hours":        time.Date(2024, 7, 1, 12, 0, 0, 1, location(t, "Asia/Kathmandu")),
		"negative year":     time.Date(-44, 3, 15, 12, 0, 0, 0, time.UTC),
		"late year":         time.Date(123456, 3, 15, 12, 0, 0, 0, paris),
		"first of all":      time.Unix(math.MinInt64, 0).UTC(),
		"last of all":       time.Unix(math.MaxInt64, 999_999_999).UTC(),
	} {
		t.Run(name, func(t *testing.T) {
			got := roundTrip(t, l2.MessagePack[time.Time](), v)
			if (got.Location() == time.UTC) != (v.Location() == time.UTC) || (got.Location() == time.Local) != (v.Location() == time.Local) {
				t.Errorf("got location %v, want %v", got.Location(), v.Location())
			}
			for _, month := range []int{1, 5, 9} { // the location, not just its zone then
				if a, b := v.AddDate(0, month, 0), got.AddDate(0, month, 0); !sameTime(a, b) {
					t.Errorf("%d months later: got %v, want %v", month, b, a)
				}
			}
			roundTrip(t, l2.MessagePack[day](), day(v))
			roundTrip(t, l2.MessagePack[*time.Time](), &v)
			roundTrip(t, l2.MessagePack[[]time.Time](), []time.Time{v, v})
			roundTrip(t, l2.MessagePack[[2]day](), [2]day{day(v)})
			roundTrip(t, l2.MessagePack[map[string]struct{ At *day }](), map[string]struct{ At *day }{"x": {(*day)(&v)}})
			roundTrip(t, l2.MessagePack[struct{ time.Time }](), struct{ time.Time }{v})
			roundTrip(t, l2.MessagePackAny[any](), any(v))
		})
	}
}

func TestMessagePackTimesAsKeys(t *testing.T) {
	c := l2.MessagePack[map[time.Time]string]()
	want := map[time.Time]string{
		time.Date(2024, 7, 1, 12, 0, 0, 1, time.UTC):   "utc",
		time.Date(2024, 7, 1, 12, 0, 0, 1, time.Local): "local",
		{}: "zero",
	}
	got, err := c.Decode(encode(t, c, want))
	if err != nil || !maps.Equal(got, want) { // as who looks them up
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	type at struct {
		Times [1]time.Time
	}
	refused := "a key that is decoded equals no longer what was encoded: make a time UTC, without its monotonic reading"
	for _, key := range []time.Time{
		time.Now(),
		time.Date(2024, 7, 1, 12, 0, 0, 1, location(t, "Europe/Paris")),
		time.Date(2024, 7, 1, 12, 0, 0, 1, time.FixedZone("Offset", 60)),
	} {
		_, err = c.Append(nil, map[time.Time]string{key: ""})
		wantError(t, err, "l2: encode map[Time]string[key]: "+refused)
		_, err = l2.MessagePack[map[at]int]().Append(nil, map[at]int{{[1]time.Time{key}}: 1})
		wantError(t, err, "l2: encode map[at]int[key]: "+refused)
	}
}

// A location that this machine's database does not have, or has with other rules, is as it was in the process that
// wrote it, for that one instant.
func TestMessagePackUnknownLocations(t *testing.T) {
	for name, l := range map[string]*time.Location{
		"unknown": custom(t, "Nowhere/Land", "NWT", 4321), "other rules": custom(t, "Europe/Paris", "CEST", 4321),
		"other name": custom(t, "Europe/Paris", "PAR", 7200), "odd": custom(t, "../../etc/passwd", "", -1),
		"no name": custom(t, "", "XXX", 5), "called Local": custom(t, "Local", "XXX", 5),
	} {
		t.Run(name, func(t *testing.T) {
			c, v := l2.MessagePack[time.Time](), time.Date(2024, 7, 1, 12, 0, 0, 1, l)
			roundTrip(t, c, v)
			b := encode(t, c, v)
			if got := testing.AllocsPerRun(100, func() { _, _ = c.Decode(b) }); got > 1 {
				t.Errorf("got %v allocations, want the location to be remembered", got)
			}
		})
	}
}

// custom makes a location of one zone by the format of the zone database.
func custom(t *testing.T, name, zone string, offset int32) *time.Location {
	t.Helper()
	data := append([]byte("TZif"), make([]byte, 35)...)
	data = append(data, 1, 0, 0, 0, byte(len(zone)+1), byte(offset>>24), byte(offset>>16), byte(offset>>8), byte(offset), 1, 0)
	l, err := time.LoadLocationFromTZData(name, append(append(data, zone...), 0))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Another process may have another Local: the time is the same one, in a fixed zone.
func TestMessagePackLocalInAnotherProcess(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	c := l2.MessagePack[time.Time]()
	time.Local = location(t, "Europe/Paris")
	want := time.Date(2024, 7, 1, 12, 0, 0, 1, time.Local)
	b := encode(t, c, want)
	for name, zone := range map[string]string{"Europe/Paris": "Europe/Paris", "Europe/Berlin": "Europe/Berlin", "America/New_York": "CEST"} {
		time.Local = location(t, name)
		got, err := c.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || got.Format(time.RFC3339Nano+" MST") != want.Format(time.RFC3339Nano+" MST") || got.Location().String() != zone {
			t.Errorf("where Local is %s: got %v in %v, want %v in %s", name, got, got.Location(), want, zone)
		}
		if isLocal := got.Location() == time.Local; isLocal != (name != "America/New_York") {
			t.Errorf("where Local is %s: Local: %v", name, isLocal)
		}
	}
}
