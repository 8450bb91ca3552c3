package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// TestEveryMutantApplies: each text is found exactly once, Go stays Go, and the test that must fail exists. What kills
// what, `make mutants` shows.
func TestEveryMutantApplies(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	tests := map[string]map[string]bool{}
	for _, m := range guards() {
		if names[m.name] || m.name == "" || m.guard == "" {
			t.Errorf("%q: a name that is taken or missing, or no guard", m.name)
		}
		names[m.name] = true
		text, err := m.apply(root)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if strings.HasSuffix(m.file, ".go") {
			if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, 0); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
		if tests[m.pkg] == nil {
			tests[m.pkg] = testsOf(t, m.pkg)
		}
		if !tests[m.pkg][m.test] {
			t.Errorf("%s: package %s has no test %s", m.name, m.pkg, m.test)
		}
	}
}

// testsOf returns the names of the tests of a package.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// TestApply refuses what does not stand there exactly once.
func TestApply(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("one two two"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, want string }{{"one", "x two two"}, {"two", ""}, {"three", ""}} {
		got, err := mutant{file: "f", old: c.old, new: "x"}.apply(dir)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: got %q, %v, want %q", c.old, got, err, c.want)
		}
	}
}

// TestJudge: only a test that says by its name that it has failed, or that it hung, has killed.
func TestJudge(t *testing.T) {
	t.Parallel()
	const name = "TestX"
	for _, c := range []struct {
		found finding
		want  string
		good  bool
	}{
		{finding{output: "--- FAIL: TestX (0.00s)\n    x_test.go:1: no\nFAIL\n", took: time.Second}, "killed m by TestX (1.0s)\n       x_test.go:1: no\nmutants: killed=1 lived=0", true},
		{finding{output: "panic: test timed out after 1s\n\trunning tests:\n\t\tTestX/sub (1s)\n"}, "killed m by TestX (0.0s)\n       panic: test timed out after 1s\nmutants: killed=1 lived=0", true},
		{finding{output: "panic: test timed out after 1s\n\trunning tests:\n\t\tTestXY (1s)\n"}, "lived=0 errors=1", false},
		{finding{output: "--- FAIL: TestXY (0.00s)\n"}, "killed=0 lived=0 errors=1", false},
		{finding{output: "panic: at once"}, "killed=0 lived=0 errors=1", false},
		{finding{passed: true, output: "--- PASS: TestX (0.00s)\n"}, "LIVED  m: TestX passes (0.0s)\nmutants: killed=0 lived=1", false},
		{finding{err: os.ErrNotExist}, "killed=0 lived=0 errors=1", false},
	} {
		var out strings.Builder
		r := &report{out: &out, why: true}
		r.judge(mutant{name: "m", test: name}, c.found)
		out.WriteString(r.summary())
		if got := out.String(); !strings.Contains(got, c.want) || (r.err() == nil) != c.good {
			t.Errorf("%+v: got %q, %v, want %q", c.found, got, r.err(), c.want)
		}
	}
}

// TestSnapshot copies the module alone, and not what is hidden, built, or another module's.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	from, into := t.TempDir(), t.TempDir()
	for _, name := range []string{"go.mod", "a/a.go", "a/lua/a.lua", "bin/x", ".git/x", "a/.hidden", "inner/go.mod", "inner/x.go", "a.test"} {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := snapshot(from, into); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"go.mod": true, "a/a.go": true, "a/lua/a.lua": true, "bin/x": false, ".git/x": false, "a/.hidden": false, "inner/go.mod": false, "inner/x.go": false, "a.test": false} {
		if got, err := os.ReadFile(filepath.Join(into, name)); (err == nil) != want || want && string(got) != name {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
