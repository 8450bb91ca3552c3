package scenario

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/peer"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
)

// TestMain is the tests, and is their other processes.
func TestMain(m *testing.M) {
	peer.Main()
	rival.Quiet()
	os.Exit(m.Run())
}

// Each scenario gives rows in which every rival has its place, and this library does not fail. The figures are nobody's:
// slices are too short, and several scenarios run at once.
func TestScenariosBeside(t *testing.T) {
	for _, s := range beside() {
		t.Run(s.ID, func(t *testing.T) {
			if s.ID != "rivals-memory" { // which waits for a heap that nobody else changes
				t.Parallel()
			}
			env := Env{Tiny: true}
			rows, err := s.Run(t.Context(), env, measure.Options{Rounds: 1, Time: 3 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				t.Error("no rows")
			}
			for _, r := range rows {
				if r.Scenario != s.ID && !strings.HasPrefix(r.Scenario, s.ID+"/") {
					t.Errorf("a row of %s is called %q", s.ID, r.Scenario)
				}
				if r.Floor.Name == "" || r.Unit == "" || r.Floor.Err != "" {
					t.Errorf("%+v", r)
				}
				ours := 0
				for _, f := range r.Subjects {
					t.Logf("%-20s %-30s %10.4g %6.2f %s %s", r.Scenario, f.Name, f.Value, f.Ratio, f.Err, f.Note)
					if want, ok := found(r.Scenario, f.Name); ok && f.Value != want {
						t.Errorf("%s: %s: %v, want %v", r.Scenario, f.Name, f.Value, want)
					}
					if strings.HasPrefix(f.Name, rival.Ours) {
						ours++
						if f.Err != "" {
							t.Errorf("%s: %s: %s", r.Scenario, f.Name, f.Err)
						}
					}
				}
				if r.Scenario != "redis-hit/tagged" && (ours < 2 || len(r.Subjects) == ours) {
					t.Errorf("%s has %d subjects, %d of them ours", r.Scenario, len(r.Subjects), ours)
				}
			}
		})
	}
}

// found is what a scenario finds whenever it runs: what this library promises, and what a rival without that promise
// does, which shows that the scenario would see it.
func found(scenario, name string) (want float64, ok bool) {
	want, ok = map[[2]string]float64{
		{"stale-fill", rival.Ours}: 0, {"stale-fill", rival.Tagged}: 0, {"stale-fill", rival.Background}: 0, {"stale-fill", "go-redis/cache"}: 100,
		{"lost-message", rival.Ours}: 0, {"lost-message", rival.Tagged}: 0, {"lost-message", "go-redis/cache"}: lostWrites,
		{"stampede", rival.Ours}: 1, {"stampede", rival.Tagged}: 1, {"stampede", rival.Background}: 1,
		{"answers", rival.Ours}: 0, {"answers", rival.Tagged}: 0, {"answers", "go-redis/cache"}: 10,
	}[[2]string{scenario, name}]
	return want, ok
}
