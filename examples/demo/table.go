package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// table prints in three columns, in colours on a terminal.
type table struct {
	out     *os.File
	colours bool
}

func newTable(out *os.File, getenv func(string) string) *table {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &table{out: out, colours: terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

func (t *table) title(text string) { fmt.Fprintln(t.out, t.paint("1", "tieredcache:")+" "+text) }

func (t *table) note(text string) { fmt.Fprintln(t.out, t.paint("2", text)) }

func (t *table) head(what, a, b string) {
	fmt.Fprintf(t.out, "\n%s %s %s\n", t.paint("1", pad(what, 46)), t.paint("2", left(a, 10)), t.paint("2", left(b, 12)))
}

func (t *table) row(what, a, b string) {
	fmt.Fprintf(t.out, "%s %s %s\n", pad("  "+what, 46), left(a, 10), left(b, 12))
}

// good paints a figure green.
func (t *table) good(text string) string { return t.paint("32", text) }

func (t *table) paint(colour, text string) string {
	if !t.colours {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// pad fills up on the right, left on the left; colours have no width.
func pad(text string, width int) string { return text + spaces(text, width) }

func left(text string, width int) string { return spaces(text, width) + text }

func spaces(text string, width int) string {
	n := 0
	escape := false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n++
		}
	}
	return strings.Repeat(" ", max(0, width-n))
}

// exact prints a duration with three digits.
func exact(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	}
	return digits(d.Seconds()) + " s"
}

func digits(x float64) string {
	switch {
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// times prints a speed-up, with thousands apart.
func times(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1fx", x)
	}
	text := fmt.Sprintf("%.0f", x)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text + "x"
}
