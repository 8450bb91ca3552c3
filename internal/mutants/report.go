package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// report counts, and prints a line for each mutant as soon as it is known.
type report struct {
	out io.Writer
	why bool

	mu                    sync.Mutex
	killed, lived, errors int
}

// judge says what has become of a mutant.
func (r *report) judge(m mutant, found finding) {
	switch {
	case found.err != nil:
		r.failed(m.name, found.err)
	case found.passed:
		r.print(&r.lived, "LIVED  %s: %s passes (%.1fs)", m.name, m.test, found.took.Seconds())
	case !failed(found.output, m.test):
		r.failed(m.name, fmt.Errorf("%s does not say that it has failed:\n%s", m.test, found.output))
	default:
		r.print(&r.killed, "killed %s by %s (%.1fs)%s", m.name, m.test, found.took.Seconds(), r.because(found.output))
	}
}

func (r *report) failed(what string, err error) { r.print(&r.errors, "ERROR  %s: %v", what, err) }

func (r *report) print(count *int, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*count++
	fmt.Fprintf(r.out, format+"\n", args...)
}

func (r *report) summary() string {
	line := fmt.Sprintf("mutants: killed=%d lived=%d", r.killed, r.lived)
	if r.errors > 0 {
		line += fmt.Sprintf(" errors=%d", r.errors)
	}
	return line
}

func (r *report) err() error {
	switch {
	case r.errors > 0:
		return errors.New("what is told above went wrong: it shows nothing")
	case r.lived > 0:
		return errors.New("what lives is a hole in the tests")
	case r.killed == 0:
		return errors.New("there was nothing to test")
	}
	return nil
}

// passed and failed say whether the output of a test says so, by its name.
func passed(output, test string) bool { return says(output, `(?m)^--- PASS: `+test+` `) }

func failed(output, test string) bool {
	hangs := strings.Contains(output, "panic: test timed out") && says(output, `(?m)^\s+`+test+`[ /]`)
	return hangs || says(output, `(?m)^--- FAIL: `+test+` `)
}

func says(output, pattern string) bool { return regexp.MustCompile(pattern).MatchString(output) }

// because returns the first thing that a failing test has complained of.
func (r *report) because(output string) string {
	if !r.why {
		return ""
	}
	if m := regexp.MustCompile(`(?m)^\s+(\w+_test\.go:\d+: .*|panic: .*)$|^(panic: .*)$`).FindString(output); m != "" {
		return "\n       " + strings.TrimSpace(m)
	}
	return ""
}
