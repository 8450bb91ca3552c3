package neo4jstore_test

import (
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"github.com/tieredcache/tieredcache/neo4jstore"
)

// TestTimeParameters: whatever its zone, a time arrives as the same moment, on the same clock, and the connection that
// brought it is good for the next caller.
func TestTimeParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	driver := connect(t, "bolt://"+r.driver.Target().Host, func(c *config.Config) { c.MaxConnectionPoolSize = 1 })
	source := neo4jstore.Source{Driver: driver, Database: database}
	paris, err := time.LoadLocation("Europe/Paris")
	must(t, err)
	at := time.Date(2024, 7, 1, 0, 30, 0, 123456789, time.UTC)
	for name, zone := range map[string]*time.Location{
		"UTC": time.UTC, "Local": time.Local, "of the database": paris, "no name": time.FixedZone("", 2*60*60), "a name that is not one": time.FixedZone("CEST", 2*60*60),
		"as the driver decodes it": time.FixedZone("Offset", -3*60*60), "seconds": time.FixedZone("", -12345),
	} {
		at := at.In(zone)
		params := func(int) map[string]any {
			return map[string]any{"at": at, "list": []any{at, []time.Time{at}}, "map": map[string]any{"at": at}, "maps": []map[string]any{{"at": at}}, "nothing": nil}
		}
		given := params(0)
		decode := func(record *neo4j.Record) (int, error) {
			for i, value := range record.Values {
				got, ok := value.(time.Time)
				if !ok || !got.Equal(at) || got.Format(time.DateTime) != at.Format(time.DateTime) {
					t.Errorf("%s, parameter %d: got %v, want %v", name, i, value, at)
				}
			}
			return len(record.Values), nil
		}
		n, err := neo4jstore.QueryOne(source, "RETURN $at, $list[0], $list[1][0], $map.at, $maps[0].at", func(int) map[string]any { return given }, decode)(r.ctx, 0)
		if err != nil || n != 5 {
			t.Errorf("%s: %d times, %v", name, n, err)
		}
		check(t, "the caller's parameters", given, params(0))
		if got := given["at"].(time.Time).Location(); got != at.Location() {
			t.Errorf("%s: the caller's own is in %v now", name, got)
		}
		_, err = neo4jstore.QueryMany(source, "UNWIND $keys AS key WITH key WHERE key.at = $keys[0].list[0] RETURN key.index AS index, 1", params, decodeInt)(r.ctx, []int{0})
		if err != nil {
			t.Errorf("%s, of many: %v", name, err)
		}
		if _, err := neo4jstore.Query(source, "RETURN 1", upTo, decodeInt)(r.ctx, 1); err != nil {
			t.Errorf("the next caller, after %s: %v", name, err)
		}
	}
}
