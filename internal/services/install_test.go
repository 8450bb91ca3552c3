package services

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNeed looks for a program that only the package manager, a stub, can bring.
func TestNeed(t *testing.T) { // not parallel: it changes PATH
	wanted := tool{program: "wanted", pkg: "wanted-server"}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := need(t.Context(), wanted); err == nil || !strings.Contains(err.Error(), "wanted-server") {
		t.Errorf("without a package manager: got %v, want an error that names the package", err)
	}

	t.Setenv("PATH", dir+":/bin:/usr/bin")
	script(t, filepath.Join(dir, "apt-get"), `echo "$*" >>"`+dir+`/calls"
case "$*" in *"install"*" wanted-server") printf '#!/bin/sh\n' >"`+dir+`/wanted"; chmod +x "`+dir+`/wanted" ;; esac`)
	path, err := need(t.Context(), wanted)
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends wanted-server'") {
			t.Errorf("as a user: got %v, want an error with the command to run", err)
		}
		return
	}
	if err != nil || path != filepath.Join(dir, "wanted") {
		t.Errorf("as root: got %q, %v; want the installed program", path, err)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || !strings.HasPrefix(string(calls), "update\ninstall -y") {
		t.Errorf("apt-get was called with %q, %v; want update, then install", calls, err)
	}
}

func TestJavaMustFit(t *testing.T) { // not parallel: a fork elsewhere would hold the scripts open for writing
	tests := map[string]struct{ version, compiler, want string }{
		"old":     {version: "11", compiler: "javac", want: "needs 17 or later"},
		"ancient": {version: "1.8", compiler: "javac", want: "needs 17 or later"},
		"runtime": {version: "21", want: "needs a JDK"},
		"fits":    {version: "21", compiler: "javac"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.compiler != "" {
				script(t, filepath.Join(home, "bin", tt.compiler), "")
			}
			path := filepath.Join(home, "bin", "java")
			script(t, path, `echo "    java.home = `+home+`"; echo "    java.specification.version = `+tt.version+`" >&2`)
			err := checkJava(t.Context(), path)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestFetchLeavesNothingHalf stops Maven in the middle.
func TestFetchLeavesNothingHalf(t *testing.T) { // not parallel: it changes PATH
	dir, home := t.TempDir(), t.TempDir()
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	script(t, filepath.Join(dir, "mvn"), `mkdir lib; echo half >lib/a.jar; echo "connection lost"; exit 1`)
	lib := filepath.Join(home, "lib")
	err := fetchJars(t.Context(), home, lib)
	if err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("got %v, want what Maven said", err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("the folder holds %v, %v; want nothing", left, err)
	}
}

func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
