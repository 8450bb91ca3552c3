package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// report reads what go test -json writes, prints what a reader needs and counts. The zero value needs only out.
type report struct {
	out io.Writer

	passed, failed, skipped int
	interrupted             bool

	packages map[string]*pkg
}

// event is a line of go test -json; see `go doc test2json` and, for builds, `go help buildjson`.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// pkg is a package whose tests run.
type pkg struct {
	passed, failed, skipped int
	output                  strings.Builder  // of no test in particular
	tests                   map[string]*test // that have no result yet
	ended                   []*test          // that failed or were skipped
}

type test struct {
	name   string
	output strings.Builder
}

// read consumes the whole stream.
func (r *report) read(stream io.Reader) error {
	lines := bufio.NewReader(stream) // not a Scanner: a line of output may be long
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			r.event(e)
		} else {
			fmt.Fprintf(r.out, "%s", line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) event(e event) {
	if e.Action == "build-output" {
		fmt.Fprint(r.out, e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{tests: map[string]*test{}}
		if r.packages == nil {
			r.packages = map[string]*pkg{}
		}
		r.packages[e.Package] = p
	}
	if e.Test == "" {
		r.packageEvent(p, e)
		return
	}
	t := p.tests[e.Test]
	if t == nil {
		t = &test{name: e.Test}
		p.tests[e.Test] = t
	}
	switch e.Action {
	case "output":
		if !isProgress(e.Output) {
			t.output.WriteString(e.Output)
		}
		return
	case "pass":
		p.passed++
	case "fail":
		p.failed++
		p.ended = append(p.ended, t)
	case "skip":
		p.skipped++
		p.ended = append(p.ended, t)
	default:
		return
	}
	delete(p.tests, e.Test)
}

func (r *report) packageEvent(p *pkg, e event) {
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	for _, t := range p.tests { // a crash, a timeout or os.Exit left them without a result
		t.output.WriteString("    (did not end)\n")
		p.failed++
		p.ended = append(p.ended, t)
	}
	fail := e.Action == "fail"
	if fail && p.failed == 0 { // it did not build, or failed outside of any test
		p.failed = 1
	}
	r.passed += p.passed
	r.failed += p.failed
	r.skipped += p.skipped
	delete(r.packages, e.Package)

	verdict := "ok  "
	switch total := p.passed + p.failed + p.skipped; {
	case fail:
		verdict = "FAIL"
	case total == 0:
		return // no tests
	}
	slices.SortFunc(p.ended, func(a, b *test) int { return strings.Compare(a.name, b.name) })
	for _, t := range p.ended {
		fmt.Fprintf(r.out, "\n--- %s %s\n%s", e.Package, t.name, t.output.String())
	}
	if fail {
		fmt.Fprintf(r.out, "\n%s", p.output.String())
	}
	fmt.Fprintf(r.out, "%s %s: %d passed, %d failed, %d skipped, %.1fs\n", verdict, e.Package, p.passed, p.failed, p.skipped, e.Elapsed)
}

// isProgress recognises the lines with which go test -v says which test speaks.
func isProgress(line string) bool {
	for _, prefix := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// problem counts a failure that is no test's.
func (r *report) problem(format string, args ...any) {
	r.failed++
	fmt.Fprintf(r.out, "FAIL "+format+"\n", args...)
}

func (r *report) summary() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", r.passed, r.failed, r.skipped)
}

func (r *report) good() bool { return r.passed > 0 && r.failed == 0 && r.skipped == 0 }
