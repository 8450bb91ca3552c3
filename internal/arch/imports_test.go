package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tieredcache/tieredcache/"

// rooms says for each part of the library which other parts it may import, and which of the clients it knows.
// Whatever lies below a folder belongs to its room.
var rooms = map[string]struct{ parts, clients []string }{
	"l1":         {clients: []string{"ristretto"}},
	"l2":         {clients: []string{"go-redis"}},
	"coherence":  {clients: []string{"go-redis"}},
	"tiered":     {parts: []string{"l1", "l2", "coherence"}, clients: []string{"go-redis"}},
	"neo4jstore": {parts: []string{"tiered", "coherence", "l2"}, clients: []string{"neo4j-go-driver"}},
}

// clients are the modules that not everybody may know.
var clients = map[string]string{
	"github.com/dgraph-io/ristretto/":     "ristretto",
	"github.com/redis/go-redis/":          "go-redis",
	"github.com/neo4j/neo4j-go-driver/v5": "neo4j-go-driver",
}

// tools are internal packages that only tests and programs use.
var tools = []string{"internal/services", "internal/testreport", "internal/arch", "internal/model"}

// TestArrows lists the imports of every package of the module, tests left out, and compares them with rooms.
func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, pkg := range list(t) {
		path := strings.TrimPrefix(pkg.ImportPath, module)
		room := first(path)
		rule, ok := rooms[room]
		if !ok {
			continue
		}
		seen[room] = true
		for _, imported := range pkg.Imports {
			for prefix, client := range clients {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(rule.clients, client) {
					t.Errorf("%s imports %s; only %v of the clients belong to %s", path, imported, rule.clients, room)
				}
			}
			part, ours := strings.CutPrefix(imported, module)
			switch {
			case !ours || first(part) == room:
			case first(part) == "internal":
				if slices.ContainsFunc(tools, func(tool string) bool { return part == tool || strings.HasPrefix(part, tool+"/") }) {
					t.Errorf("%s imports %s, which is for tests and programs", path, part)
				}
			case !slices.Contains(rule.parts, first(part)):
				t.Errorf("%s imports %s; %s may import %v", path, part, room, rule.parts)
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("no package %s: was it renamed?", room)
		}
	}
}

// TestInternalPackagesAreLeaves keeps the shared internal packages below the rooms that use them.
func TestInternalPackagesAreLeaves(t *testing.T) {
	for _, pkg := range list(t) {
		path := strings.TrimPrefix(pkg.ImportPath, module)
		if first(path) != "internal" {
			continue
		}
		for _, imported := range pkg.Imports {
			if part, ours := strings.CutPrefix(imported, module); ours && first(part) != "internal" {
				t.Errorf("%s imports %s", path, part)
			}
		}
	}
}

func first(path string) string {
	part, _, _ := strings.Cut(path, "/")
	return part
}

type listed struct {
	ImportPath string
	Imports    []string
}

// list asks the go command for the module's packages. A package that does not compile is listed too.
func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
