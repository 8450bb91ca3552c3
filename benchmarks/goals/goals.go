// Package goals judges what was measured by what was aimed at. A goal whose measurement is missing, or failed, is missed.
package goals

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

// Goal is one aim; all of its conditions must hold.
type Goal struct {
	What       string      `json:"what"`
	Goal       string      `json:"goal"`
	Conditions []Condition `json:"conditions"`
}

// Condition bounds one figure of one subject of one row.
type Condition struct {
	Row     string `json:"row"`
	Subject string `json:"subject"`
	Figure  string `json:"figure"` // a key of figures

	// Exactly one of them.
	AtMost  *float64 `json:"at_most"`
	AtLeast *float64 `json:"at_least"`
	Under   *float64 `json:"under"`
	Beats   []string `json:"beats"` // subjects of the same row, whose figure must be higher; one that failed is beaten
}

// figures are what a condition may bound.
var figures = map[string]func(row measure.Row, f measure.Figure) float64{
	"value": func(_ measure.Row, f measure.Figure) float64 { return f.Value },
	"ratio": func(_ measure.Row, f measure.Figure) float64 { return f.Ratio },
	// Whole ones, as go test -benchmem counts: ristretto makes a buffer for every 64 lookups that its policy learns of.
	"allocs": func(_ measure.Row, f measure.Figure) float64 { return math.Floor(f.Allocs) },
	"excess": func(row measure.Row, f measure.Figure) float64 { return f.Value - row.Floor.Value },
}

// Parse reads goals.json. The error says which goal is unusable, and why.
func Parse(text []byte) ([]Goal, error) {
	var all []Goal
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("goals: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("goals: there are none")
	}
	for _, g := range all {
		if g.What == "" || g.Goal == "" || len(g.Conditions) == 0 {
			return nil, fmt.Errorf("goals: %q: what, goal or conditions are missing", g.What)
		}
		for _, c := range g.Conditions {
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("goals: %q: %w", g.What, err)
			}
		}
	}
	return all, nil
}

func (c Condition) check() error {
	bounds := 0
	for _, given := range []bool{c.AtMost != nil, c.AtLeast != nil, c.Under != nil, len(c.Beats) > 0} {
		if given {
			bounds++
		}
	}
	switch {
	case c.Row == "" || c.Subject == "":
		return errors.New("a condition names no row or no subject")
	case figures[c.Figure] == nil:
		return fmt.Errorf("%s: no figure is called %q", c.Row, c.Figure)
	case bounds != 1:
		return fmt.Errorf("%s: %d bounds, want one", c.Row, bounds)
	}
	return nil
}

// Verdict is what became of one goal.
type Verdict struct {
	Goal     Goal
	Met      bool
	Findings []Finding // one for each condition
}

// Finding is what became of one condition.
type Finding struct {
	Met    bool
	None   bool    // there is no figure
	Value  float64 // the figure
	Others string  // the figures of those that it should beat
	Said   string  // the figure beside its bound, or why there is none
}

// Judge judges every goal, in order.
func Judge(all []Goal, rows []measure.Row) []Verdict {
	verdicts := make([]Verdict, len(all))
	for i, g := range all {
		v := Verdict{Goal: g, Met: true}
		for _, c := range g.Conditions {
			f := c.judge(rows)
			v.Findings = append(v.Findings, f)
			v.Met = v.Met && f.Met
		}
		verdicts[i] = v
	}
	return verdicts
}

func (c Condition) judge(rows []measure.Row) Finding {
	row, f, why := find(rows, c.Row, c.Subject)
	if why != "" {
		return Finding{None: true, Said: why}
	}
	found := Finding{Value: figures[c.Figure](row, f)}
	bound := ""
	if len(c.Beats) > 0 {
		found.Met, found.Others = c.beats(row, found.Value)
		bound = "less than " + found.Others
	} else {
		found.Met, bound = c.holds(found.Value)
	}
	found.Said = fmt.Sprintf("%s: %s %s %.3g, %s", c.Row, c.Subject, c.Figure, found.Value, bound)
	return found
}

// holds says whether a figure keeps its bound, and what that is.
func (c Condition) holds(got float64) (met bool, bound string) {
	switch {
	case c.AtMost != nil:
		return got <= *c.AtMost, fmt.Sprintf("at most %.3g", *c.AtMost)
	case c.AtLeast != nil:
		return got >= *c.AtLeast, fmt.Sprintf("at least %.3g", *c.AtLeast)
	default:
		return got < *c.Under, fmt.Sprintf("under %.3g", *c.Under)
	}
}

// beats says whether a figure is less than those of the others, and what theirs are.
func (c Condition) beats(row measure.Row, got float64) (bool, string) {
	met := true
	var others []string
	for _, name := range c.Beats {
		other, said := subjectOf(row, name)
		switch {
		case said != "" && other.Err == "":
			met = false // it was not measured at all
		case said == "":
			theirs := figures[c.Figure](row, other)
			said = fmt.Sprintf("%s %.3g", name, theirs)
			met = met && got < theirs
		}
		others = append(others, said)
	}
	return met, strings.Join(others, ", ")
}

// find returns a subject of a row, or why there is none.
func find(rows []measure.Row, scenario, subject string) (row measure.Row, f measure.Figure, why string) {
	for _, row := range rows {
		if row.Scenario == scenario {
			f, why := subjectOf(row, subject)
			if why != "" {
				why = scenario + ": " + why
			}
			return row, f, why
		}
	}
	return row, f, scenario + ": not measured"
}

func subjectOf(row measure.Row, subject string) (measure.Figure, string) {
	for _, f := range row.Subjects {
		if f.Name == subject && f.Err != "" {
			return f, subject + " failed: " + f.Err
		}
		if f.Name == subject {
			return f, ""
		}
	}
	return measure.Figure{}, subject + " was not measured"
}

// Summary is the line that a run ends with, and a line for each goal that was missed.
func Summary(verdicts []Verdict) string {
	met := 0
	var missed strings.Builder
	for _, v := range verdicts {
		if v.Met {
			met++
			continue
		}
		var said []string
		for _, f := range v.Findings {
			if !f.Met {
				said = append(said, f.Said)
			}
		}
		fmt.Fprintf(&missed, "missed: %s: %s\n", v.Goal.What, strings.Join(said, "; "))
	}
	return fmt.Sprintf("%sbench: goals_met=%d of %d\n", missed.String(), met, len(verdicts))
}
