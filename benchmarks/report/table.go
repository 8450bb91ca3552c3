package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tieredcache/tieredcache/benchmarks/goals"
	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

// Table is what stands in the README: each goal with what was measured, and the rivals beside each other.
func Table(run Run, results []Result, all []goals.Goal) string {
	rows := Rows(results)
	verdicts := goals.Judge(all, rows)
	var b strings.Builder
	fmt.Fprintf(&b, "`%s` on %s, %d cores, Go %s, Redis %s, Neo4j %s, %s.\n", run.Command, run.CPU, run.Cores, run.Go, run.Redis, run.Neo4j, run.Date)
	fmt.Fprintf(&b, "Figures are medians of paired ratios ([how](docs/performance.md)), unless they have a unit. **%d of %d goals are met.**\n\n", met(verdicts), len(verdicts))
	b.WriteString("| what | goal | measured | met |\n|---|---|---|---|\n")
	for _, v := range verdicts {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", v.Goal.What, v.Goal.Goal, measured(v), map[bool]string{true: "yes", false: "**no**"}[v.Met])
	}
	b.WriteString("\n" + rivals(rows))
	return b.String()
}

func met(verdicts []goals.Verdict) int {
	n := 0
	for _, v := range verdicts {
		if v.Met {
			n++
		}
	}
	return n
}

// measured returns the figures of a verdict, each once, those that miss their bound in bold.
func measured(v goals.Verdict) string {
	var parts []string
	at := map[string]int{}
	for i, f := range v.Findings {
		c := v.Goal.Conditions[i]
		text := show(c, f)
		if f.Others != "" {
			text = f.Others // the figure itself stands before it
		}
		if !f.Met {
			text = "**" + text + "**"
		}
		key := c.Row + "\x00" + c.Subject + "\x00" + c.Figure
		if len(c.Beats) > 0 {
			key += "\x00beats"
		}
		if j, twice := at[key]; twice {
			if !f.Met {
				parts[j] = text
			}
			continue
		}
		at[key] = len(parts)
		parts = append(parts, text)
	}
	return strings.Join(parts, " · ")
}

func show(c goals.Condition, f goals.Finding) string {
	if f.None {
		return f.Said
	}
	switch c.Figure {
	case "allocs":
		return measure.Short(f.Value) + " allocs"
	case "excess":
		return fmt.Sprintf("%+.0f B", f.Value)
	default:
		return measure.Short(f.Value)
	}
}

// columns are the rows in which the README compares rivals: by their ratios, or by what was counted.
var columns = []struct {
	head, row string
	counted   bool
}{
	{"L1 hit", "memory-hit/one", false},
	{"all cores", "memory-hit/all", false},
	{"L2 hit", "redis-hit/one", false},
	{"32 goroutines", "redis-hit/32", false},
	{"miss", "rivals-miss", false},
	{"batch of 100", "rivals-batch/hits", false},
	{"peer forgets, µs", "invalidation", true},
	{"loads in a stampede", "stampede", true},
	{"stale fills, %", "stale-fill", true},
	{"stale of 50 after lost messages", "lost-message", true},
}

// rivals shows each subject in each column.
func rivals(rows []measure.Row) string {
	byName := map[string]measure.Row{}
	for _, r := range rows {
		byName[r.Scenario] = r
	}
	head, line, floors := "| |", "|---|", "| floor |"
	var names []string
	for _, c := range columns {
		row, measured := byName[c.row]
		head, line = head+" "+c.head+" |", line+"---|"
		switch {
		case !measured:
			floors += " not measured |"
		case c.counted:
			floors += fmt.Sprintf(" %s, %s |", row.Floor.Name, measure.Short(row.Floor.Value))
		default:
			floors += fmt.Sprintf(" %s, %s |", row.Floor.Name, duration(row.Floor.Value))
		}
		for _, f := range row.Subjects {
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	var table strings.Builder
	table.WriteString(head + "\n" + line + "\n" + floors + "\n")
	for _, name := range names {
		table.WriteString("| " + name + " |")
		for _, c := range columns {
			table.WriteString(" " + cell(byName[c.row], name, c.counted) + " |")
		}
		table.WriteString("\n")
	}
	return table.String()
}

func cell(row measure.Row, name string, counted bool) string {
	for _, f := range row.Subjects {
		switch {
		case f.Name != name:
		case strings.HasPrefix(f.Err, "never"):
			return "never"
		case f.Err != "":
			return "fails"
		case counted:
			return measure.Short(f.Value)
		default:
			return measure.Short(f.Ratio)
		}
	}
	return "–"
}

// duration shows a time in ns with a fitting unit.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
}
