package source_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/source"
)

func TestVersions(t *testing.T) {
	s := source.New(0)
	key := source.Key("a:", 1025)
	old, err := s.Load(t.Context(), key)
	check(t, err)
	if v := source.Version(old); v != 0 || s.Loads() != 1 {
		t.Errorf("version %d after %d loads, want 0 after 1", v, s.Loads())
	}
	before := source.Clock()
	if v, err := s.Write(key); v != 1 || err != nil {
		t.Errorf("got version %d, %v, want 1", v, err)
	}
	list, err := s.Now(key)
	check(t, err)
	if v := source.Version(list); v != 1 || source.Version(old) != 0 {
		t.Errorf("version %d, and %d of what was loaded before, want 1 and 0", v, source.Version(old))
	}
	if at := s.Overtaken(key, 0); at < before || at > source.Clock() {
		t.Errorf("version 0 was overtaken at %v, want between %v and now", at, before)
	}
	if at := s.Overtaken(key, 1); at != 0 {
		t.Errorf("version 1 was overtaken at %v", at)
	}
	if other, err := s.Now(source.Key("b:", 1025)); err != nil || source.Version(other) != 0 || source.Same(other, list) {
		t.Errorf("another prefix has version %d, %v", source.Version(other), err)
	}
}

// A load has seen nothing of what is written while it waits, and ends with its context.
func TestSlowLoad(t *testing.T) {
	s := source.New(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	loaded := make(chan error)
	go func() {
		_, err := s.Load(ctx, source.Key("", 1))
		loaded <- err
	}()
	cancel()
	if err := <-loaded; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestStrangeKeys(t *testing.T) {
	s := source.New(0)
	for _, key := range []string{"", "acme", "acme:user-", "acme:user-x"} {
		if _, err := s.Load(t.Context(), key); err == nil {
			t.Errorf("%q has a list", key)
		}
		if _, err := s.Write(key); err == nil {
			t.Errorf("%q was written", key)
		}
	}
}

// Another process sees what this one has.
func TestClient(t *testing.T) {
	s := source.New(0)
	server, err := source.Serve(s)
	check(t, err)
	defer server.Close()
	c, err := source.Dial(server.Addr())
	check(t, err)
	defer c.Close()
	key := source.Key("a:", 3)
	for version := range int64(3) {
		got, err := c.Load(t.Context(), key)
		check(t, err)
		want, err := s.Now(key)
		check(t, err)
		if !source.Same(got, want) || source.Version(got) != version {
			t.Errorf("got %v, want %v", got, want)
		}
		if v, err := c.Write(t.Context(), key); v != version+1 || err != nil {
			t.Errorf("wrote version %d, %v, want %d", v, err, version+1)
		}
		at, err := c.Overtaken(key, version)
		check(t, err)
		if want := s.Overtaken(key, version); at != want || at == 0 {
			t.Errorf("overtaken at %v, want %v", at, want)
		}
	}
	if _, err := c.Load(t.Context(), "acme"); err == nil {
		t.Error("a strange key has a list")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
