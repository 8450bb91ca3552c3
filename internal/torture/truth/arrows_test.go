package truth_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestKnowsNothingOfTheLibrary: a checker that is built on what it checks proves nothing.
func TestKnowsNothingOfTheLibrary(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.Lines(string(out)) {
		if strings.HasPrefix(dependency, "github.com/tieredcache/tieredcache/") && !strings.Contains(dependency, "/internal/torture/truth") {
			t.Errorf("it imports %s", dependency)
		}
	}
}
