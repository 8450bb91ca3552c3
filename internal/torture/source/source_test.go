package source_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/torture/source"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// TestProcess: what is committed over the socket is in the truth, and is read back.
func TestProcess(t *testing.T) {
	dir := t.TempDir()
	table, err := truth.Create(filepath.Join(dir, "truth"), truth.Limits{Bound: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		source.Serve(l, table)
	}()
	defer func() { l.Close(); <-served }()
	s := source.Dial(filepath.Join(dir, "socket"))
	defer s.Close()

	life := table.Born(0, true)
	one, err := s.Commit(t.Context(), 9, truth.Write{Began: 1, Life: life})
	if err != nil || len(one) != 1 || one[9] != 2 {
		t.Fatalf("a commit: got %v, %v, want version 2 of key 9", one, err)
	}
	group, err := s.Commit(t.Context(), 9, truth.Write{Began: 2, Life: life, Tag: true, Late: true})
	if err != nil || len(group) != truth.Group || group[8] != 2 || group[9] != 3 {
		t.Fatalf("a group's commit: got %v, %v, want 3 for key 9 and 2 for its neighbours", group, err)
	}
	if got, err := s.Read(t.Context(), 9); err != nil || got != 3 || table.Current(9) != 3 {
		t.Errorf("read: got %d, %v, and %d in the truth; want 3", got, err, table.Current(9))
	}
	if got, err := s.Read(t.Context(), 16); err != nil || got != 1 {
		t.Errorf("a key of another group: got %d, %v, want 1", got, err)
	}
}
