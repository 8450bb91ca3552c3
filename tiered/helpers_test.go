package tiered_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// client returns a client of the Redis that the tests share.
func client(t testing.TB) *redis.Client {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Fatal("REDIS_URL is not set: `make test` brings services up, `make services` prints the variables")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("REDIS_URL is not a Redis URL")
	}
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newBus returns a bus on the shared Redis, in a namespace of its own unless the config names one.
func newBus(t testing.TB, config coherence.Config) *coherence.Bus {
	t.Helper()
	if config.Redis == nil {
		config.Redis = client(t)
	}
	if config.Namespace == "" {
		config.Namespace = rand.Text()
	}
	bus, err := coherence.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	return bus
}

func newCache[K comparable, V any](t testing.TB, bus *coherence.Bus, config tiered.Config[K, V]) *tiered.Cache[K, V] {
	t.Helper()
	config.Bus = bus
	if config.Name == "" {
		config.Name = "test"
	}
	c, err := tiered.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newLocal returns a cache of this process alone.
func newLocal[K comparable, V any](t testing.TB, config tiered.Config[K, V]) *tiered.Cache[K, V] {
	t.Helper()
	return newCache(t, nil, config)
}

// eventually polls: the one place where tests wait for what nothing announces.
func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the one polling helper
	}
}

func mustGet[K comparable](t testing.TB, c *tiered.Cache[K, string], key K, want string) {
	t.Helper()
	got, err := c.Get(t.Context(), key)
	if err != nil || got != want {
		t.Fatalf("Get(%v): got %q, %v, want %q", key, got, err, want)
	}
}

func wantIs(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got error %q, want it to say %q", err, part)
		}
	}
}

// source is a source whose loads can be held.
type source struct {
	loads chan string   // receives a key when its load begins
	goOn  chan struct{} // a load returns when it gets one; nil: at once
	value func(key string) (string, error)
}

func (s *source) load(ctx context.Context, key string) (string, error) {
	value, err := key, error(nil)
	if s.value != nil {
		value, err = s.value(key) // read when the load begins, as a database does
	}
	if s.loads != nil {
		s.loads <- key
	}
	if s.goOn != nil {
		select {
		case <-s.goOn:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return value, err
}
