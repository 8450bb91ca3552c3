package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
)

// Result is what came of one scenario.
type Result struct {
	ID    string        `json:"id"`
	Title string        `json:"title"`
	Err   string        `json:"error,omitempty"` // why there are no rows, or not all
	Rows  []measure.Row `json:"rows"`
}

// runFile describes the run; every other file of the folder is a scenario's.
const runFile = "run.json"

// Write writes a file for each scenario, and one that describes the run, into a folder, which it makes. The files of
// another run go.
func Write(dir string, run Run, results []Result) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, runFile), run); err != nil {
		return err
	}
	for _, r := range results {
		r.Rows = slices.Clone(r.Rows)
		for i := range r.Rows {
			r.Rows[i] = finite(r.Rows[i])
		}
		if err := write(filepath.Join(dir, r.ID+".json"), r); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, what any) error {
	text, err := json.MarshalIndent(what, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // results are for everybody to read
}

// finite returns the row with its numbers to four digits, and with an error where one is none: JSON cannot say it.
func finite(row measure.Row) measure.Row {
	row.Floor = finiteFigure(row.Floor)
	row.Subjects = slices.Clone(row.Subjects)
	for i, f := range row.Subjects {
		row.Subjects[i] = finiteFigure(f)
	}
	return row
}

func finiteFigure(f measure.Figure) measure.Figure {
	for _, v := range []*float64{&f.Value, &f.Ratio, &f.Low, &f.High, &f.Allocs} {
		switch {
		case math.IsNaN(*v) || math.IsInf(*v, 0):
			*v = 0
			if f.Err == "" {
				f.Err = "a figure is no number"
			}
		default:
			*v, _ = strconv.ParseFloat(strconv.FormatFloat(*v, 'g', 4, 64), 64) // it has just been made
		}
	}
	return f
}

// Read returns what Write wrote, in the order of the files' names.
func Read(dir string) (Run, []Result, error) {
	var run Run
	if err := read(filepath.Join(dir, runFile), &run); err != nil {
		return run, nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return run, nil, err
	}
	var results []Result
	for _, path := range paths {
		if filepath.Base(path) == runFile {
			continue
		}
		var r Result
		if err := read(path, &r); err != nil {
			return run, nil, err
		}
		if r.ID != strings.TrimSuffix(filepath.Base(path), ".json") {
			return run, nil, fmt.Errorf("%s holds scenario %q", filepath.Base(path), r.ID)
		}
		results = append(results, r)
	}
	if results == nil {
		return run, nil, errors.New("no results")
	}
	return run, results, nil
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// Rows returns the rows of all results.
func Rows(results []Result) []measure.Row {
	var all []measure.Row
	for _, r := range results {
		all = append(all, r.Rows...)
	}
	return all
}
