package report_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tieredcache/tieredcache/benchmarks/goals"
	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/report"
)

// The README tells what the results tell, goal by goal.
func TestReadmeShowsTheResults(t *testing.T) {
	run, results, err := report.Read("../results")
	if err != nil {
		t.Fatal(err)
	}
	readme := read(t, "../../README.md")
	want, err := report.Fill(readme, report.Table(run, results, committed(t)))
	if err != nil {
		t.Fatal(err)
	}
	if readme != want {
		t.Errorf("README.md and benchmarks/results differ; `make bench` fills both\n%s", cmp.Diff(readme, want))
	}
}

// Each row that a goal names is measured, so that no goal is missed for a name alone, and each row has its plot.
func TestResultsAnswerEveryGoal(t *testing.T) {
	_, results, err := report.Read("../results")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, r := range report.Rows(results) {
		rows[r.Scenario] = true
		if _, err := os.Stat(filepath.Join("../results", strings.ReplaceAll(r.Scenario, "/", "-")+".svg")); err != nil {
			t.Error(err)
		}
	}
	for _, g := range committed(t) {
		for _, c := range g.Conditions {
			if !rows[c.Row] {
				t.Errorf("%s: no row is called %s", g.What, c.Row)
			}
		}
	}
}

var (
	some = []report.Result{
		{ID: "hit", Title: "A hit", Rows: []measure.Row{{
			Scenario: "memory-hit/one", Unit: measure.Nanoseconds,
			Floor: measure.Figure{Name: "ristretto", Value: 100, Ratio: 1, Low: 0.9, High: 1.1},
			Subjects: []measure.Figure{
				{Name: "tieredcache", Value: 80, Ratio: 0.8, Low: 0.7, High: 0.9},
				{Name: "other", Err: "a wrong value"},
			},
		}}},
		{ID: "idle", Title: "Idle", Err: "no server", Rows: nil},
	}
	about = report.Run{Command: "make bench", CPU: "a CPU", Cores: 2, Go: "1.26", Redis: "7.0", Neo4j: "5.26", Date: "2026-01-02"}
)

const aim = `[
	{"what":"hit","goal":"at most 0.8 and before other","conditions":[
		{"row":"memory-hit/one","subject":"tieredcache","figure":"ratio","at_most":0.8},
		{"row":"memory-hit/one","subject":"tieredcache","figure":"ratio","beats":["other"]}]},
	{"what":"idle","goal":"at most 1","conditions":[{"row":"idle/cpu","subject":"tieredcache","figure":"value","at_most":1}]}]`

func TestTable(t *testing.T) {
	all, err := goals.Parse([]byte(aim))
	if err != nil {
		t.Fatal(err)
	}
	got := report.Table(about, some, all)
	for _, want := range []string{
		"a CPU, 2 cores, Go 1.26, Redis 7.0, Neo4j 5.26, 2026-01-02", "**1 of 2 goals are met.**",
		"| hit | at most 0.8 and before other | 0.8 · other failed: a wrong value | yes |\n",
		"| idle | at most 1 | **idle/cpu: not measured** | **no** |\n",
		"| tieredcache | 0.8 | – |", "| other | fails | – |", "| floor | ristretto, 100 ns | not measured |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(dir, about, some); err != nil {
		t.Fatal(err)
	}
	run, results, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(some, results) + cmp.Diff(about, run); diff != "" {
		t.Error(diff)
	}
	if err := os.Rename(filepath.Join(dir, "hit.json"), filepath.Join(dir, "miss.json")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := report.Read(dir); err == nil {
		t.Error("a file under another scenario's name was read")
	}
	if _, _, err := report.Read(t.TempDir()); err == nil {
		t.Error("an empty folder was read")
	}
}

// What is no number in JSON becomes an error of its figure, and the others are rounded to what the measurement is worth.
func TestWriteKeepsNumbers(t *testing.T) {
	dir := t.TempDir()
	row := measure.Row{Scenario: "x", Subjects: []measure.Figure{{Name: "a", Value: math.Inf(1)}, {Name: "b", Value: 123456.7, Ratio: 0.123456}}}
	if err := report.Write(dir, about, []report.Result{{ID: "x", Rows: []measure.Row{row}}}); err != nil {
		t.Fatal(err)
	}
	_, results, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []measure.Figure{{Name: "a", Err: "a figure is no number"}, {Name: "b", Value: 123500, Ratio: 0.1235}}
	if diff := cmp.Diff(want, results[0].Rows[0].Subjects); diff != "" {
		t.Error(diff)
	}
	if !math.IsInf(row.Subjects[0].Value, 1) {
		t.Error("the caller's row was changed")
	}
}

func TestFill(t *testing.T) {
	document := "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n"
	got, err := report.Fill(document, "new\n")
	if want := strings.Replace(document, "old", "new", 1); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, broken := range []string{"a\n", "<!-- bench:begin -->\n", "<!-- bench:end -->\n<!-- bench:begin -->\n"} {
		if _, err := report.Fill(broken, "new\n"); err == nil {
			t.Errorf("%q was filled", broken)
		}
	}
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.svg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report.Plot(dir, report.Rows(some)); err != nil {
		t.Fatal(err)
	}
	got := read(t, filepath.Join(dir, "memory-hit-one.svg"))
	for _, want := range []string{"tieredcache: 0.8", "other: fails", "ristretto: 1"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plot lacks %q", want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "old.svg")); err == nil {
		t.Error("a plot of another run is left")
	}
}

func committed(t *testing.T) []goals.Goal {
	t.Helper()
	all, err := goals.Parse([]byte(read(t, "../goals.json")))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
