package report

import (
	"errors"
	"strings"
)

// What a program writes in the README stands between these lines.
const (
	begin = "<!-- bench:begin -->\n"
	end   = "<!-- bench:end -->\n"
)

// Fill puts a table between the marks of a document.
func Fill(document, table string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	if !ok {
		return "", errors.New("no line " + strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", errors.New("no line " + strings.TrimSpace(end) + " after " + strings.TrimSpace(begin))
	}
	return before + begin + table + end + after, nil
}
