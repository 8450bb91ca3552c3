package neo4jstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/dbtype"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

func upTo(n int) map[string]any { return map[string]any{"n": n} }

func decodeInt(record *neo4j.Record) (int64, error) {
	n, ok := record.Values[len(record.Values)-1].(int64)
	if !ok {
		return 0, errors.New("not an integer")
	}
	return n, nil
}

func TestQuery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	load := neo4jstore.Query(r.source(), "UNWIND range(1, $n) AS i RETURN i", upTo, decodeInt)
	for n, want := range map[int][]int64{0: {}, 3: {1, 2, 3}} {
		got, err := load(r.ctx, n)
		must(t, err)
		check(t, fmt.Sprintf("%d rows", n), got, want)
	}
	got, err := neo4jstore.Query[string](r.source(), "RETURN 1 AS i", nil, decodeInt)(r.ctx, "no parameters")
	must(t, err)
	check(t, "a row", got, []int64{1})
	if _, err = neo4jstore.Query(r.source(), "UNWIND [1, 'a'] AS i RETURN i", upTo, decodeInt)(r.ctx, 1); err == nil || err.Error() != "not an integer" {
		t.Errorf("decode's error is not the loader's: %v", err)
	}
	var refused *neo4j.Neo4jError
	if _, err = neo4jstore.Query(r.source(), "UNWIND [1, 0] AS i RETURN 1 / i", upTo, decodeInt)(r.ctx, 1); !errors.As(err, &refused) {
		t.Errorf("the server's error in a later row is not the loader's: %v", err)
	}
	if _, err = neo4jstore.Query(r.source(), "CREATE (x:Forbidden) RETURN 1", upTo, decodeInt)(r.ctx, 1); !errors.As(err, &refused) {
		t.Errorf("a loader wrote: %v", err)
	}
}

func TestQueryOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	load := neo4jstore.QueryOne(r.source(), "UNWIND range(1, $n) AS i RETURN i", upTo, decodeInt)
	got, err := load(r.ctx, 1)
	must(t, err)
	check(t, "a row", got, int64(1))
	if _, err = load(r.ctx, 0); !errors.Is(err, tiered.ErrNotFound) {
		t.Errorf("no row: %v", err)
	}
	if _, err = load(r.ctx, 2); err == nil || !strings.Contains(err.Error(), "2 rows") {
		t.Errorf("two rows: %v", err)
	}
}

func TestQueryMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const double = "UNWIND $keys AS key WITH key WHERE key.n > 0 RETURN key.index AS index, 2 * key.n AS double"
	cache, err := tiered.New(tiered.Config[int, int64]{
		Name: "doubles", Bus: r.bus(), LoadMany: neo4jstore.QueryMany(r.source(), double, upTo, decodeInt),
	})
	must(t, err)
	defer cache.Close()
	got, err := cache.GetMany(r.ctx, []int{3, 0, 5, -1, 3})
	check(t, "found", got, map[int]int64{3: 6, 5: 10})
	var missing *tiered.BatchError[int]
	if !errors.As(err, &missing) || len(missing.Failed) != 2 || !errors.Is(missing.Failed[0], tiered.ErrNotFound) || !errors.Is(missing.Failed[-1], tiered.ErrNotFound) {
		t.Errorf("0 and -1 have no row, but: %v", err)
	}

	for name, c := range map[string]struct {
		cypher, want string
		params       func(int) map[string]any
	}{
		"no index":           {"UNWIND $keys AS key RETURN key.n", "RETURN key.index AS index", upTo},
		"an index of no key": {"UNWIND $keys AS key RETURN 7 AS index, key.n", "RETURN key.index AS index", upTo},
		"two rows":           {"UNWIND $keys AS key UNWIND [1, 2] AS i RETURN key.index AS index, i", "collect()", upTo},
		"a parameter index": {double, `"index"`, func(n int) map[string]any {
			return map[string]any{"n": n, "index": n}
		}},
	} {
		_, err := neo4jstore.QueryMany(r.source(), c.cypher, c.params, decodeInt)(r.ctx, []int{1, 2})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that says %s", name, err, c.want)
		}
	}
}

func TestSourceWithoutDriver(t *testing.T) {
	t.Parallel()
	var none neo4jstore.Source
	_, query := neo4jstore.Query(none, "RETURN 1", upTo, decodeInt)(t.Context(), 1)
	_, one := neo4jstore.QueryOne(none, "RETURN 1", upTo, decodeInt)(t.Context(), 1)
	_, many := neo4jstore.QueryMany(none, "RETURN 1", upTo, decodeInt)(t.Context(), []int{1})
	_, write := neo4jstore.Write(t.Context(), none, nil, nil, func(neo4j.ManagedTransaction) (int, error) { return 0, nil })
	for name, err := range map[string]error{"Query": query, "QueryOne": one, "QueryMany": many, "Write": write} {
		if err == nil || !strings.Contains(err.Error(), "Source.Driver is nil") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What has no function to call says so, in place of a panic.
func TestNilFunctions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var none func(*neo4j.Record) (int, error)
	_, query := neo4jstore.Query(r.source(), "RETURN 1", upTo, none)(r.ctx, 1)
	_, one := neo4jstore.QueryOne(r.source(), "RETURN 1", upTo, none)(r.ctx, 1)
	_, many := neo4jstore.QueryMany(r.source(), "RETURN 1", upTo, none)(r.ctx, []int{1})
	_, write := neo4jstore.Write[int](r.ctx, r.source(), nil, nil, nil)
	for name, err := range map[string]error{"decode is nil": query, "decode is nil: give": one, "decode is nil: give the": many, "write is nil": write} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %s", err, name)
		}
	}
}

func TestUnreachableNeo4j(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	driver, err := neo4j.NewDriverWithContext("bolt://127.0.0.1:1", neo4j.NoAuth(), func(c *config.Config) { c.MaxTransactionRetryTime = 0 })
	must(t, err)
	defer driver.Close(r.ctx)
	source := neo4jstore.Source{Driver: driver, Database: database}
	_, bare := neo4jstore.Query(source, "RETURN 1", upTo, decodeInt)(r.ctx, 1)
	if bare == nil {
		t.Fatal("nobody listens, and it answers")
	}
	stores := map[string]*neo4jstore.PreferenceStore{}
	for name, c := range map[string]neo4jstore.PreferenceConfig{
		"tiered: get prefs:" + r.user.Tenant + ":ada: ": {Source: source, Bus: r.bus()},
		"neo4jstore: list preferences: ":                {Source: source},
	} {
		stores[name], err = neo4jstore.NewPreferenceStore(c)
		must(t, err)
	}
	for prefix, store := range stores {
		defer store.Close()
		_, err := store.List(r.ctx, r.user)
		if cause := errors.Unwrap(err); err == nil || err.Error() != prefix+bare.Error() || !neo4j.IsTransactionExecutionLimit(cause) {
			t.Errorf("got %v, want the driver's error after %q", err, prefix)
		}
	}
}

// everything has each temporal type and point of Neo4j, at their edges.
const everything = `
RETURN $n AS n, date('-0044-03-15') AS date, time('23:59:59.999999999+14:00') AS time, localtime('00:00:00.000000001') AS local_time,
	datetime('2024-10-27T02:30:00.123456789[Europe/Paris]') AS zoned, datetime('2024-02-29T12:00:00.000000001-03:30') AS offset,
	localdatetime('1969-12-31T23:59:59.999999999') AS local, duration('P14M-3DT4.000000005S') AS duration,
	point({longitude: -3.5, latitude: 40.25}) AS point, point({x: 1, y: 2, z: -0.5}) AS point3,
	[date('2024-01-01'), {at: datetime('2024-06-01T00:00:00Z'), deep: [duration('P1Y')]}] AS nested, null AS nothing`

type everyType struct {
	N             int64
	Date          dbtype.Date
	Time          dbtype.Time
	LocalTime     dbtype.LocalTime
	Zoned, Offset time.Time
	Local         dbtype.LocalDateTime
	Duration      dbtype.Duration
	Point         dbtype.Point2D
	Point3        dbtype.Point3D
	Nested        []any
	Nothing       any
}

func decodeEveryType(record *neo4j.Record) (everyType, error) {
	m := record.AsMap()
	return everyType{
		N: m["n"].(int64), Date: m["date"].(dbtype.Date), Time: m["time"].(dbtype.Time), LocalTime: m["local_time"].(dbtype.LocalTime),
		Zoned: m["zoned"].(time.Time), Offset: m["offset"].(time.Time), Local: m["local"].(dbtype.LocalDateTime),
		Duration: m["duration"].(dbtype.Duration), Point: m["point"].(dbtype.Point2D), Point3: m["point3"].(dbtype.Point3D),
		Nested: m["nested"].([]any), Nothing: m["nothing"],
	}, nil
}

func TestRowsAreEqualThroughEveryTier(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	t.Run("maps", func(t *testing.T) {
		equalThroughEveryTier(t, r, func(record *neo4j.Record) (map[string]any, error) { return record.AsMap(), nil })
	})
	t.Run("structs", func(t *testing.T) { equalThroughEveryTier(t, r, decodeEveryType) })
}

func equalThroughEveryTier[T any](t *testing.T, r *rig, decode func(*neo4j.Record) (T, error)) {
	t.Helper()
	load := neo4jstore.Query(r.source(), everything, upTo, decode)
	open := func() func(context.Context) ([]T, error) {
		cache, err := tiered.New(tiered.Config[int, []T]{Name: "rows", Bus: r.bus(), Load: load, Codec: neo4jstore.Codec[[]T]()})
		must(t, err)
		t.Cleanup(func() { cache.Close() })
		return func(ctx context.Context) ([]T, error) { return cache.Get(ctx, len(t.Name())) }
	}
	want, err := load(r.ctx, len(t.Name()))
	must(t, err)
	here, there := open(), open()
	got, tier := from(t, here)
	check(t, "tier", tier, tiered.Source)
	check(t, "from the source", got, want)
	check(t, "from memory", settle(t, here), want)
	got, tier = from(t, there)
	check(t, "tier", tier, tiered.Redis)
	check(t, "from Redis", got, want)
}
