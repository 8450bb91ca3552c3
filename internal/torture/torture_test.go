package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if play(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

// TestTorture is the short form of make torture.
func TestTorture(t *testing.T) {
	var out strings.Builder
	err := torture(t.Context(), options{
		duration: 20 * time.Second, patience: 2 * time.Minute, replicas: 2, seed: uint64(time.Now().UnixNano()) % 1e9, source: "memory", out: &out,
	})
	if err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
}

// TestTortureFindsWhatIsBroken runs a library without its first guard: the run is good only if violations were found.
func TestTortureFindsWhatIsBroken(t *testing.T) {
	var out strings.Builder
	err := torture(t.Context(), options{duration: 5 * time.Second, replicas: 2, seed: 1, source: "memory", without: "epoch", out: &out})
	if err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestCuts: each guard that can be taken out is where its cut expects it.
func TestCuts(t *testing.T) {
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cuts {
		text, err := os.ReadFile(filepath.Join(root, c.file))
		if err != nil {
			t.Fatal(err)
		}
		scratch := t.TempDir()
		if err := os.MkdirAll(filepath.Join(scratch, filepath.Dir(c.file)), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(scratch, c.file)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.apply(scratch); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.apply(scratch); err == nil {
			t.Errorf("%s: a cut that does not apply is no error", name)
		}
	}
}
