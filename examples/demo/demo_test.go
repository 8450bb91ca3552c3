package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/examples/internal/connect"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
)

// TestMain is the replica where the demo starts this program as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == replicaArgument {
		main()
		return
	}
	os.Exit(m.Run())
}

var lastLine = regexp.MustCompile(`\ndemo: ok loads=1 redis_speedup=([0-9.]+) memory_speedup=([0-9]+) peers_evicted_after=[0-9.]+(µs|ms|s)\n$`)

// shown runs the demo and returns what it printed, and the two speed-ups of its last line.
func shown(t *testing.T, environment map[string]string) (text string, redis, memory float64) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "")
	testkit.Check(t, err)
	defer out.Close()
	getenv := func(name string) string {
		if value, ok := environment[name]; ok {
			return value
		}
		return os.Getenv(name)
	}
	if err := run(t.Context(), getenv, out); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out.Name())
	testkit.Check(t, err)
	t.Logf("\n%s", data)
	found := lastLine.FindStringSubmatch(string(data))
	if found == nil {
		t.Fatal("the last line is another")
	}
	if strings.Contains(string(data), "\x1b") {
		t.Error("colours in a file")
	}
	redis, _ = strconv.ParseFloat(found[1], 64)
	memory, _ = strconv.ParseFloat(found[2], 64)
	return string(data), redis, memory
}

func TestEmbedded(t *testing.T) {
	_, redis, memory := shown(t, map[string]string{"SERVICES": "", "SOURCE_DELAY": "30ms"})
	if redis < 2 || memory < 1000 {
		t.Errorf("a source of 30ms: speed-ups %v and %v", redis, memory)
	}
}

func TestReal(t *testing.T) {
	testkit.Services(t)
	text, redis, memory := shown(t, map[string]string{"SERVICES": "real"})
	if redis < 2 || memory < 100 {
		t.Errorf("speed-ups %v and %v", redis, memory)
	}
	_, tenant, _ := strings.Cut(text, "tenant ")
	tenant, _, _ = strings.Cut(tenant, "\n")

	client, err := connect.Redis(t.Context(), os.Getenv)
	testkit.Check(t, err)
	defer client.Close()
	keys, err := client.Keys(t.Context(), tenant+"/*").Result()
	if err != nil || len(keys) > 0 {
		t.Errorf("left in Redis: %v, %v", keys, err)
	}
	driver, err := connect.Neo4j(t.Context(), os.Getenv)
	testkit.Check(t, err)
	defer driver.Close(t.Context())
	found, err := neo4j.ExecuteQuery(t.Context(), driver, "MATCH (p {tenant_id: $tenant}) RETURN p LIMIT 1",
		map[string]any{"tenant": tenant}, neo4j.EagerResultTransformer, neo4j.ExecuteQueryWithDatabase(connect.Database))
	if err != nil || len(found.Records) > 0 {
		t.Errorf("left in Neo4j: %v, %v", found, err)
	}
}

func TestBadEnvironment(t *testing.T) {
	for name, values := range map[string][]string{
		"SOURCE_DELAY": {"x", "-1ms", "1h", "8"},
		"SERVICES":     {"yes"},
	} {
		for _, value := range values {
			_, err := choose(func(n string) string {
				if n == name {
					return value
				}
				return ""
			})
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), strconv.Quote(value)) {
				t.Errorf("%s=%s: got %v, want an error that names both", name, value, err)
			}
		}
	}
}
