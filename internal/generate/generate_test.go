package generate_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGeneratedCodeIsFresh runs the generator as the source's directive says, and compares.
func TestGeneratedCodeIsFresh(t *testing.T) {
	const source, generated = "../../neo4jstore/packed.go", "../../neo4jstore/packed_gen.go"
	directive := regexp.MustCompile(`(?m)^//go:generate go tool -modfile=\.\./internal/generate/go\.mod (msgp .*)$`).FindSubmatch(read(t, source))
	if directive == nil {
		t.Fatalf("%s has no directive that runs msgp", source)
	}
	fresh := filepath.Join(t.TempDir(), "fresh.go")
	args := append([]string{"tool"}, strings.Fields(string(directive[1]))...)
	if out, err := exec.Command("go", append(args, "-file", source, "-o", fresh)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !bytes.Equal(read(t, fresh), read(t, generated)) {
		t.Errorf("%s is not what %s makes: run `go generate ./neo4jstore`", generated, source)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
