package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string // of package p's test file
		status int
		last   string   // line
		shows  []string // somewhere in the output
		hides  []string
	}{
		"passes": {
			body:   `func TestA(t *testing.T) { t.Log("chatter"); t.Run("sub", func(t *testing.T) {}) }`,
			status: 0, last: "2 passed, 0 failed, 0 skipped", shows: []string{"ok   m/p: 2 passed"}, hides: []string{"chatter"},
		},
		"fails": {
			body:   `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("the reason") }) }; func TestB(t *testing.T) {}`,
			status: 1, last: "1 passed, 2 failed, 0 skipped", shows: []string{"the reason", "--- m/p TestA/sub", "FAIL m/p"},
		},
		"skips": {
			body:   `func TestA(t *testing.T) { t.Skip("the excuse") }; func TestB(t *testing.T) {}`,
			status: 1, last: "1 passed, 0 failed, 1 skipped", shows: []string{"the excuse"},
		},
		"has none": {
			body:   `var _ *testing.T`,
			status: 1, last: "0 passed, 0 failed, 0 skipped",
		},
		"does not build": {
			body:   `func TestA(t *testing.T) { undefinedName() }`,
			status: 1, last: "0 passed, 2 failed, 0 skipped", shows: []string{"undefined: undefinedName", "FAIL go vet"},
		},
		"panics": {
			body:   `func TestA(t *testing.T) {}; func TestB(t *testing.T) { panic("the panic") }`,
			status: 1, last: "1 passed, 1 failed, 0 skipped", shows: []string{"the panic", "--- m/p TestB"},
		},
		"exits": {
			body:   `func TestMain(m *testing.M) { m.Run(); println("left early"); os.Exit(3) }; func TestA(t *testing.T) {}`,
			status: 1, last: "1 passed, 1 failed, 0 skipped", shows: []string{"left early"},
		},
		"races": {
			body:   `func TestA(t *testing.T) { x, c := 0, make(chan int); go func() { x++; close(c) }(); x++; <-c }`,
			status: 1, last: "0 passed, 1 failed, 0 skipped", shows: []string{"DATA RACE"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			status := run(module(t, tt.body), nil, &report{out: &out}, nil)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; status != tt.status || last != tt.last {
				t.Errorf("got status %d and %q, want %d and %q", status, last, tt.status, tt.last)
			}
			for _, want := range tt.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output does not show %q", want)
				}
			}
			for _, unwanted := range tt.hides {
				if strings.Contains(out.String(), unwanted) {
					t.Errorf("the output shows %q", unwanted)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestInterruptReachesTheTests(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	root := module(t, `func TestHangs(t *testing.T) { os.WriteFile(`+"`"+started+"`"+`, nil, 0o600); select {} }`)
	signals := make(chan os.Signal, 1)
	var out strings.Builder
	status := make(chan int, 1)
	go func() { status <- run(root, nil, &report{out: &out}, signals) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := os.Stat(started); err == nil {
			break
		}
	}
	signals <- syscall.SIGINT
	if got := <-status; got != 1 || !strings.Contains(out.String(), "interrupted") || !strings.Contains(out.String(), "TestHangs") {
		t.Errorf("got status %d, want 1 and the hanging test's name in:\n%s", got, out.String())
	}
}

// module writes the module m: a package p with one test file, and a module in testdata that must not be looked at.
func module(t *testing.T, body string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"go.mod":            "module m\n\ngo 1.26\n",
		"p/p.go":            "package p\n",
		"p/p_test.go":       "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nvar _ = os.Exit\n\n" + body + "\n",
		"testdata/x/go.mod": "not a module file\n",
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
