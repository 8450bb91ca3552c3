package tiered_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A hit of a program's own instance of Cache takes a tenth longer where what it consists of is called and not inlined.
func TestHitIsInlinedInOtherPackages(t *testing.T) {
	program := filepath.Join(t.TempDir(), "squares")
	output(t, "go", "build", "-o", program, "./testdata/squares")
	if got, want := output(t, program), "144 <nil>\n"; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	path := []string{`tiered.(*Cache[go.shape.int,go.shape.int]).near`, `l1.(*Cache[go.shape.int,go.shape.int]).Get`, `l1.table[go.shape.int,go.shape.int].find`}
	called := regexp.MustCompile(`CALL .*(atomic|coherence\.\(\*Bus\)|Settled|match|mine).*`)
	for _, function := range path {
		code := output(t, "go", "tool", "objdump", "-s", regexp.QuoteMeta(function)+"$", program)
		if !strings.Contains(code, "TEXT ") {
			t.Errorf("the program has no %s", function)
		}
		if calls := called.FindAllString(code, -1); calls != nil {
			t.Errorf("%s calls what should be inlined:\n%s", function, strings.Join(calls, "\n"))
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
