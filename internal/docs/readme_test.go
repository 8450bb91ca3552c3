// Package docs checks that the documents say what is true.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// Every Go block of the README stands, line by line, in a compiled example of the repository.
func TestReadmeBlocksAreExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no Go block")
	}
	examples := sources(t, func(path string) bool { return strings.HasSuffix(path, "example_test.go") })
	for _, b := range blocks {
		if !strings.Contains(examples, flush(b[1])) {
			t.Errorf("no compiled example has the block that begins %q", strings.SplitN(b[1], "\n", 2)[0])
		}
	}
}

// Every test that a document names exists.
func TestNamedTestsExist(t *testing.T) {
	tests := sources(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/protocol.md"} {
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`").FindAllStringSubmatch(read(t, document), -1) {
			if m[1] != "TestX" && !strings.Contains(tests, "func "+m[1]+"(") {
				t.Errorf("%s names %s, which does not exist", document, m[1])
			}
		}
	}
}

// Each promise of the README names a test, and each race of the protocol.
func TestTablesNameTests(t *testing.T) {
	for document, row := range map[string]*regexp.Regexp{
		"README.md":        regexp.MustCompile(`(?m)^\| C(\d+) \|.*$`),
		"docs/protocol.md": regexp.MustCompile(`(?m)^\| (\d+) \|.*$`),
	} {
		rows := row.FindAllStringSubmatch(read(t, document), -1)
		for i, m := range rows {
			if m[1] != strconv.Itoa(i+1) {
				t.Errorf("%s: row %d has number %s", document, i+1, m[1])
			}
			if !strings.Contains(m[0], "| `Test") {
				t.Errorf("%s: no test is named by %q", document, m[0])
			}
		}
		if document == "README.md" && len(rows) != 7 || len(rows) < 7 {
			t.Errorf("%s has %d rows", document, len(rows))
		}
	}
}

func TestDocumentsStayShort(t *testing.T) {
	for document, most := range map[string]int{"README.md": 250, "CONTRIBUTING.md": 60, "docs/protocol.md": 200} {
		if n := strings.Count(read(t, document), "\n"); n > most {
			t.Errorf("%s has %d lines, at most %d", document, n, most)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sources returns the text of the Go files that are wanted, without indentation.
func sources(t *testing.T, wanted func(string) bool) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && wanted(path) {
			var text []byte
			if text, err = os.ReadFile(path); err == nil {
				all.WriteString(flush(string(text)))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// flush takes the indentation away, so that a block may stand anywhere.
func flush(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n")
}
