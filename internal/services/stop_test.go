package services

import (
	"path/filepath"
	"testing"
)

// TestStopSparesAReusedPID remembers a process that ended, whose pid now belongs to somebody else.
func TestStopSparesAReusedPID(t *testing.T) {
	t.Parallel()
	stranger, err := StartRedis(t.Context(), RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stranger.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := Config{Root: t.TempDir()}
	path, err := c.folder("state.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := loadState(path)
	if err != nil {
		t.Fatal(err)
	}
	remembered := instance{URL: stranger.URL, Process: &process{PID: stranger.proc.PID, Began: "earlier"}}
	if err := s.put(redisName, remembered); err != nil {
		t.Fatal(err)
	}
	if err := remembered.check(t.Context(), redisName); err == nil {
		t.Error("a stranger passes for the remembered process")
	}
	if err := Down(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if !stranger.proc.alive() {
		t.Error("Down killed a stranger that has a remembered pid")
	}
	if present(filepath.Join(c.Root, ".services", "state.json")) {
		t.Error("the dead process is still remembered")
	}
}
