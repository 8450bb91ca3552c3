package neo4jstore_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// connectForCodec returns a driver for the Neo4j that the tests run on. Its absence is a failure: a skipped test promises
// nothing.
func connectForCodec(t *testing.T) neo4j.DriverWithContext {
	t.Helper()
	uri, user, password := os.Getenv("NEO4J_URI"), os.Getenv("NEO4J_USER"), os.Getenv("NEO4J_PASSWORD")
	if uri == "" || user == "" || password == "" {
		t.Fatal("needs Neo4j: set NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD to what `make services` prints")
	}
	driver, err := neo4j.NewDriverWithContext(uri, neo4j.BasicAuth(user, password, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := driver.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return driver
}

// Every type that Cypher has, as the real driver reads it from the real server.
func TestCodecRoundTripOfRealRecords(t *testing.T) {
	driver := connectForCodec(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	types := map[string]bool{}
	for _, cypher := range []string{
		`RETURN null AS nothing, true AS yes, -9223372036854775808 AS int, 0.1 AS float, -0.0 AS minus, 1.0/0.0 AS inf, 0.0/0.0 AS nan`,
		`RETURN 'žluť 🐎' AS text, '' AS none, [1, [2.5, [null]], []] AS list, {a: {b: [{}]}} AS map, $bytes AS bytes, $empty AS empty`,
		`RETURN datetime('2024-07-01T12:34:56.123456789+02:00') AS offset, datetime('2024-07-01T12:34:56.1Z') AS utc, datetime('0001-01-01T00:00:00-18:00') AS early,
			datetime('2024-07-01T12:34:56.123456789[Europe/Paris]') AS zone, datetime('2024-12-01T12:00[America/St_Johns]') AS other, datetime('2024-10-27T02:30:00+01:00[Europe/Paris]') AS repeated,
			datetime({year: 2024, timezone: 'Asia/Kathmandu'}) AS nepal, datetime('1890-01-01T00:00[Europe/Amsterdam]') AS old, datetime() AS now, datetime('2024-01-01T00:00[UTC]') AS utczone`,
		`RETURN date('2024-02-29') AS date, date('-0044-03-15') AS ides, date({year: 999999999, month: 12, day: 31}) AS last`,
		`RETURN time('23:59:59.999999999+05:30') AS time, time('00:00Z') AS utc, time('12:00-18:00') AS west, localtime('12:34:56.789') AS local, localtime('00:00') AS midnight`,
		`RETURN localdatetime('2024-03-31T02:30:00.000000001') AS gap, localdatetime('0001-01-01T00:00') AS early, localdatetime('9999-12-31T23:59:59.999999999') AS late`,
		`RETURN duration('P14M3DT-5.123456789S') AS duration, duration({months: -1, days: 2, seconds: -3, nanoseconds: 4}) AS mixed, duration('PT0S') AS none`,
		`RETURN point({x: 1.5, y: -0.0}) AS flat, point({x: 1, y: 2, z: 3}) AS deep, point({longitude: 14.42, latitude: 50.08}) AS place, point({longitude: 14.42, latitude: 50.08, height: 200}) AS high`,
		`CREATE p = (a:Preference:Extra {key: 'food', at: datetime('2024-07-01T12:00[Europe/Paris]'), days: [date('2024-01-01')], place: point({x: 1, y: 2}), for: duration('P1D')})
			-[r:IN_SITUATION {since: localtime('12:00'), n: 1}]->(b)<-[:BACK]-(a) RETURN p AS path, a AS node, r AS rel, b AS bare, nodes(p) AS nodes, {a: a, rs: relationships(p)} AS nested`,
		`CREATE p = (a:Alone) RETURN p AS short, [x IN [1, 2] WHERE x > 5] AS none, collect(a) AS all`,
	} {
		session := driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: "neo4j"})
		record, err := neo4j.ExecuteWrite(ctx, session, func(tx neo4j.ManagedTransaction) (*neo4j.Record, error) {
			result, err := tx.Run(ctx, cypher, map[string]any{"bytes": []byte{0, 1, 255}, "empty": []byte{}})
			if err != nil {
				return nil, err
			}
			return result.Single(ctx)
		})
		if closing := session.Close(ctx); closing != nil {
			t.Error(closing)
		}
		if err != nil {
			t.Fatalf("%s: %v", cypher, err)
		}
		roundTrip(t, record)
		roundTrip(t, record.AsMap())
		for i, v := range record.Values {
			t.Run(fmt.Sprintf("%s/%T", record.Keys[i], v), func(t *testing.T) { roundTrip(t, v) })
			types[fmt.Sprint(reflect.TypeOf(v))] = true
		}
	}
	for _, want := range []string{
		"<nil>", "bool", "int64", "float64", "string", "[]uint8", "[]interface {}", "map[string]interface {}", "time.Time", "dbtype.Date", "dbtype.Time",
		"dbtype.LocalTime", "dbtype.LocalDateTime", "dbtype.Duration", "dbtype.Point2D", "dbtype.Point3D", "dbtype.Node", "dbtype.Relationship", "dbtype.Path",
	} {
		if !types[want] {
			t.Errorf("no record held a %s", want)
		}
	}
}
