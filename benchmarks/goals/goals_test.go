package goals_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/benchmarks/goals"
	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

func rows(ratio float64) []measure.Row {
	return []measure.Row{{
		Scenario: "hit", Floor: measure.Figure{Name: "floor", Value: 100},
		Subjects: []measure.Figure{
			{Name: "ours", Value: 140, Ratio: ratio, Allocs: 1.02},
			{Name: "theirs", Value: 200, Ratio: 2, Allocs: 0.02},
			{Name: "broken", Err: "wrong value"},
		},
	}}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		condition string
		met       bool
		said      string
	}{
		{`"row":"hit","subject":"ours","figure":"ratio","at_most":1.4`, true, "ratio 1.4, at most 1.4"},
		{`"row":"hit","subject":"ours","figure":"ratio","at_most":1.3`, false, "ratio 1.4, at most 1.3"},
		{`"row":"hit","subject":"ours","figure":"ratio","at_least":1.4`, true, ""},
		{`"row":"hit","subject":"ours","figure":"ratio","at_least":1.5`, false, ""},
		{`"row":"hit","subject":"ours","figure":"ratio","under":1.4`, false, ""},
		{`"row":"hit","subject":"ours","figure":"value","at_most":140`, true, ""},
		{`"row":"hit","subject":"ours","figure":"allocs","at_most":0`, false, "allocs 1, at most 0"},
		{`"row":"hit","subject":"theirs","figure":"allocs","at_most":0`, true, "allocs 0, at most 0"},
		{`"row":"hit","subject":"ours","figure":"excess","at_most":40`, true, ""},
		{`"row":"hit","subject":"ours","figure":"excess","at_most":39`, false, ""},
		{`"row":"hit","subject":"ours","figure":"ratio","beats":["theirs","broken"]`, true, "broken failed: wrong value"},
		{`"row":"hit","subject":"theirs","figure":"ratio","beats":["ours"]`, false, "ratio 2, less than ours 1.4"},
		{`"row":"hit","subject":"ours","figure":"ratio","beats":["nobody"]`, false, "nobody was not measured"},
		{`"row":"hit","subject":"broken","figure":"ratio","at_most":9`, false, "hit: broken failed: wrong value"},
		{`"row":"hit","subject":"nobody","figure":"ratio","at_most":9`, false, "hit: nobody was not measured"},
		{`"row":"miss","subject":"ours","figure":"ratio","at_most":9`, false, "miss: not measured"},
	} {
		all, err := goals.Parse([]byte(`[{"what":"w","goal":"g","conditions":[{` + c.condition + `}]}]`))
		if err != nil {
			t.Fatal(c.condition, err)
		}
		v := goals.Judge(all, rows(1.4))[0]
		if v.Met != c.met || !strings.Contains(v.Findings[0].Said, c.said) {
			t.Errorf("%s: met %v, %q", c.condition, v.Met, v.Findings[0].Said)
		}
	}
}

func TestSummary(t *testing.T) {
	all, err := goals.Parse([]byte(`[
		{"what":"first","goal":"g","conditions":[{"row":"hit","subject":"ours","figure":"ratio","at_most":2}]},
		{"what":"second","goal":"g","conditions":[
			{"row":"hit","subject":"ours","figure":"ratio","at_most":2},
			{"row":"hit","subject":"ours","figure":"allocs","at_most":0},
			{"row":"gone","subject":"ours","figure":"ratio","at_most":0}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	got := goals.Summary(goals.Judge(all, rows(1.4)))
	want := "missed: second: hit: ours allocs 1, at most 0; gone: not measured\nbench: goals_met=1 of 2\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := goals.Summary(goals.Judge(all, nil)); !strings.HasSuffix(got, "bench: goals_met=0 of 2\n") {
		t.Errorf("of nothing: %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	const fine = `"row":"hit","subject":"ours","figure":"ratio","at_most":2`
	for condition, want := range map[string]string{
		``: "names no row", strings.Replace(fine, "hit", "", 1): "names no row",
		strings.Replace(fine, "ratio", "speed", 1):      `"speed"`,
		`"row":"hit","subject":"ours","figure":"ratio"`: "0 bounds",
		fine + `,"under":1`:                             "2 bounds",
		fine + `,"about":1`:                             "about",
	} {
		_, err := goals.Parse([]byte(`[{"what":"w","goal":"g","conditions":[{` + condition + `}]}]`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("{%s}: got %v, want %q", condition, err, want)
		}
	}
	for _, text := range []string{`[]`, `{`, `[{"what":"w","goal":"g"}]`, `[{"goal":"g","conditions":[{` + fine + `}]}]`} {
		if _, err := goals.Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestCommittedGoals(t *testing.T) {
	text, err := os.ReadFile("../goals.json")
	if err != nil {
		t.Fatal(err)
	}
	all, err := goals.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 12 {
		t.Errorf("%d goals, want the 12 that were set", len(all))
	}
}
