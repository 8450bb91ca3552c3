package scenario

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

// Each scenario gives rows of its own, and no subject of it fails. The figures are nobody's: the slices are too short.
func TestScenariosAlone(t *testing.T) {
	env, err := NewEnv(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	env.Tiny = true
	for _, s := range alone() {
		t.Run(s.ID, func(t *testing.T) {
			rows, err := s.Run(t.Context(), env, measure.Options{Rounds: 2, Time: 5 * time.Millisecond})
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
				if r.Floor.Name == "" || r.Unit == "" || len(r.Subjects) == 0 {
					t.Errorf("%+v", r)
				}
				for _, f := range append(r.Subjects, r.Floor) {
					if f.Err != "" {
						t.Errorf("%s: %s: %s", r.Scenario, f.Name, f.Err)
					}
					t.Logf("%-20s %-36s %10.4g %-10s ratio %6.3f (%.3f to %.3f) allocs %.2f %s", r.Scenario, f.Name, f.Value, r.Unit, f.Ratio, f.Low, f.High, f.Allocs, f.Note)
				}
			}
		})
	}
}

func TestScenarioIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.ID] || s.ID == "" || s.Title == "" || s.Run == nil {
			t.Errorf("scenario %q is not whole, or there twice", s.ID)
		}
		seen[s.ID] = true
	}
}
