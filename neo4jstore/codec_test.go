package neo4jstore_test

import (
	"bytes"
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/dbtype"

	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// same compares exactly: times by instant, offset and both names, floats by their bits.
var same = cmp.Options{
	cmp.Comparer(sameTime),
	cmp.Comparer(func(a, b dbtype.Date) bool { return sameTime(a.Time(), b.Time()) }),
	cmp.Comparer(func(a, b dbtype.Time) bool { return sameTime(a.Time(), b.Time()) }),
	cmp.Comparer(func(a, b dbtype.LocalTime) bool { return sameTime(a.Time(), b.Time()) }),
	cmp.Comparer(func(a, b dbtype.LocalDateTime) bool { return sameTime(a.Time(), b.Time()) }),
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
}

func sameTime(a, b time.Time) bool {
	aZone, aOffset := a.Zone()
	bZone, bOffset := b.Zone()
	return a.Equal(b) && aZone == bZone && aOffset == bOffset && a.Location().String() == b.Location().String()
}

func roundTrip[V any](t *testing.T, v V) {
	t.Helper()
	c := neo4jstore.Codec[V]()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Append(nil, v)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("encoded as %x, then as %x: %v", b, again, err)
	}
	got, err := c.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if diff := cmp.Diff(v, got, same); diff != "" {
		t.Errorf("came back different (-want +got):\n%s", diff)
	}
}

func load(tb testing.TB, name string) *time.Location {
	tb.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// values are made as bolt/hydrator.go of the driver makes them.
func values(tb testing.TB) map[string]any {
	tb.Helper()
	node := dbtype.Node{
		Id:        4, //nolint:staticcheck // deprecated, and in every record
		ElementId: "4:6f9619ff:4", Labels: []string{"Preference"},
		Props: map[string]any{"key": "food", "at": time.Unix(1719835200, 999_999_999).In(time.FixedZone("Offset", 7200)), "tags": []any{"a", "b"}},
	}
	bare := dbtype.Node{Labels: []string{}, Props: map[string]any{}}
	rel := dbtype.Relationship{
		Id:             1, //nolint:staticcheck // deprecated, and in every record
		ElementId:      "5:x:1",
		StartId:        4, //nolint:staticcheck // as above
		StartElementId: "4:6f9619ff:4",
		EndId:          5, //nolint:staticcheck // as above
		EndElementId:   "4:x:5",
		Type:           "IN_SITUATION", Props: map[string]any{"since": dbtype.Date(time.Unix(19_900*86400, 0).UTC())},
	}
	return map[string]any{
		"null": nil, "true": true, "false": false, "int": int64(math.MinInt64), "float": math.Inf(-1), "string": "\xffž", "bytes": []byte{0, 255},
		"no bytes": []byte{}, "list": []any{int64(1), nil, []any{}, map[string]any{}}, "no list": []any(nil), "no map": map[string]any(nil),
		"offset": time.Unix(1719835200, 1).In(time.FixedZone("Offset", -12_600)), "offset 0": time.Unix(1719835200, 1).In(time.FixedZone("Offset", 0)),
		"zone": time.Unix(1719835200, 1).In(load(tb, "Europe/Paris")), "zone UTC": time.Unix(1719835200, 1).In(load(tb, "UTC")), "zone CET": time.Unix(0, 1).In(load(tb, "CET")),
		"date": dbtype.Date(time.Unix(-800_000*86400, 0).UTC()), "late date": dbtype.Date(time.Unix(365_000_000*86400, 0).UTC()),
		"time":            dbtype.Time(time.Date(0, 0, 0, 0, 0, 86399, 999_999_999, time.FixedZone("Offset", 64_800))),
		"local time":      dbtype.LocalTime(time.Date(0, 0, 0, 0, 0, 45296, 789, time.Local)),
		"local date time": dbtype.LocalDateTime(time.Date(2024, 7, 1, 12, 34, 56, 789, time.Local)),
		"own local time":  dbtype.LocalTime(time.Date(0, 0, 0, 0, 0, 45296, 789, time.UTC)),
		"duration":        dbtype.Duration{Months: 14, Days: -3, Seconds: math.MinInt64, Nanos: 999_999_999},
		"point":           dbtype.Point2D{X: 1.5, Y: math.Copysign(0, -1), SpatialRefId: 4326},
		"point 3D":        dbtype.Point3D{X: 1, Y: 2, Z: 3, SpatialRefId: math.MaxUint32},
		"node":            node, "bare node": bare, "zero node": dbtype.Node{}, "relationship": rel,
		"path": dbtype.Path{Nodes: []dbtype.Node{node, bare}, Relationships: []dbtype.Relationship{rel}}, "empty path": dbtype.Path{Nodes: []dbtype.Node{node}},
	}
}

func TestCodecRoundTrip(t *testing.T) {
	type row struct {
		Name  string
		Value any
		More  []any
	}
	all := values(t)
	for name, v := range all {
		t.Run(name, func(t *testing.T) {
			roundTrip(t, v)
			roundTrip(t, []any{v, v})
			roundTrip(t, map[string]any{"v": v, "in": map[string]any{"v": []any{v}}})
			roundTrip(t, []row{{name, v, []any{v}}})
			roundTrip(t, &neo4j.Record{Keys: []string{name}, Values: []any{v}})
			roundTrip(t, dbtype.Node{Props: map[string]any{"v": v}})
		})
	}
	roundTrip(t, all)
}

func TestCodecRoundTripOfStructs(t *testing.T) {
	type row struct {
		At    time.Time
		Day   *dbtype.Date
		Local []dbtype.LocalDateTime
		Clock map[string]dbtype.LocalTime
		Time  dbtype.Time
		For   dbtype.Duration
		Flat  dbtype.Point2D
		Deep  *dbtype.Point3D
		Node  dbtype.Node
		Rel   *dbtype.Relationship
		Path  dbtype.Path
	}
	v := values(t)
	day, rel, deep := v["date"].(dbtype.Date), v["relationship"].(dbtype.Relationship), v["point 3D"].(dbtype.Point3D)
	roundTrip(t, []row{{}, {
		At: v["zone"].(time.Time), Day: &day, Local: []dbtype.LocalDateTime{v["local date time"].(dbtype.LocalDateTime)},
		Clock: map[string]dbtype.LocalTime{"x": v["local time"].(dbtype.LocalTime)}, Time: v["time"].(dbtype.Time),
		For: v["duration"].(dbtype.Duration), Flat: v["point"].(dbtype.Point2D), Deep: &deep,
		Node: v["node"].(dbtype.Node), Rel: &rel, Path: v["path"].(dbtype.Path),
	}})
}

// A process in another zone gets what Neo4j would give it: the clock on the wall.
func TestCodecLocalTimesInAnotherZone(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	clocks := func() []any {
		return []any{
			dbtype.LocalDateTime(time.Date(2024, 7, 1, 12, 34, 56, 789, time.Local)),
			dbtype.LocalTime(time.Date(0, 0, 0, 0, 0, 45296, 789, time.Local)),
			dbtype.LocalDateTime(time.Date(2024, 10, 27, 2, 30, 0, 0, time.Local)), // twice in Paris
		}
	}
	c := neo4jstore.Codec[[]any]()
	time.Local = load(t, "Europe/Paris")
	b, err := c.Append(nil, clocks())
	if err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"Europe/Paris", "America/New_York"} {
		time.Local = load(t, zone)
		got, err := c.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(clocks(), got, same); diff != "" {
			t.Errorf("in %s (-want +got):\n%s", zone, diff)
		}
	}

	time.Local = load(t, "Europe/Paris")
	second := time.Date(2024, 10, 27, 1, 30, 0, 0, time.UTC).In(time.Local)
	roundTrip(t, dbtype.LocalDateTime(second))
	roundTrip(t, dbtype.LocalDateTime(second.Add(-time.Hour)))
}

func TestCodecRefusesWhatTheDriverNeverGives(t *testing.T) {
	for want, v := range map[string]any{
		"int":                   1,
		"[]string":              []string{"x"},
		"*dbtype.Node":          &dbtype.Node{},
		"*dbtype.InvalidValue":  &dbtype.InvalidValue{Message: "utcDateTimeNamedZone"},
		"neo4jstore_test.Alias": Alias("x"),
	} {
		_, err := neo4jstore.Codec[map[string]any]().Append(nil, map[string]any{"n": []any{v}})
		want = `l2: encode map[string]any["n"][0]: type ` + want + ` cannot be inside an any; use a type that the codec names`
		if err == nil || err.Error() != want {
			t.Errorf("got error\n\t%v\nwant\n\t%s", err, want)
		}
	}
	err := neo4jstore.Codec[[]dbtype.Entity]().Check()
	if want := "MessagePack: []Entity[]: interface type Entity; name a concrete type"; err == nil || err.Error() != want {
		t.Errorf("got error\n\t%v\nwant\n\t%s", err, want)
	}
}

type Alias string

func TestCodecID(t *testing.T) {
	if got, want := neo4jstore.Codec[any]().ID(), neo4jstore.Codec[any]().ID(); got != want {
		t.Errorf("got %x, then %x", want, got)
	}
	if neo4jstore.Codec[any]().ID() == l2.MessagePackAny[any]().ID() {
		t.Error("the ID does not say which types an any can hold")
	}
}

func FuzzDecode(f *testing.F) {
	c, rows := neo4jstore.Codec[any](), neo4jstore.Codec[dbtype.Path]()
	for _, v := range values(f) {
		b, err := c.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		if p, ok := v.(dbtype.Path); ok {
			if b, err = rows.Append(nil, p); err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte{0xc7, 1, 4, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		stable(t, c, b)
		stable(t, rows, b)
	})
}

// stable decodes b and, where that gives a value, fails unless it encodes and decodes to the same.
func stable[V any](t *testing.T, c l2.Codec[V], b []byte) {
	t.Helper()
	v, err := c.Decode(b)
	if err != nil {
		return
	}
	first, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("%x was decoded, and is not encoded: %v", b, err)
	}
	w, err := c.Decode(first)
	if err != nil {
		t.Fatalf("%x was decoded and encoded as %x: %v", b, first, err)
	}
	second, err := c.Append(nil, w)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%x became %x, then %x: %v", b, first, second, err)
	}
}
