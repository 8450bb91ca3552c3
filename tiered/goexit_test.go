package tiered_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// A load that ends by Goexit gives its lease up, as one that fails does: else who reads next waits until it is over.
func TestGoexitInALoadLeavesNoLease(t *testing.T) {
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{
		Load: func(context.Context, string) (string, error) { runtime.Goexit(); return "", nil },
	})
	_, err := c[0].Get(t.Context(), "k")
	wantError(t, err, "Goexit")
	if w := rdb.Get(t.Context(), key("k")).Val(); w != "" {
		t.Errorf("the word %q was left behind", w)
	}
}

// A Goexit in OnEvent, which is told that Redis refuses the keys of a batch, is the answer to all of them.
func TestGoexitInOnEvent(t *testing.T) {
	admin := pausable(t)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "reset", "on", ">secret", "~tieredcache:*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "app", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	bus, err := coherence.New(coherence.Config{Redis: rdb, OnEvent: func(e coherence.Event) {
		if e.Kind == coherence.CacheFailed {
			runtime.Goexit()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	c := newCache(t, bus, tiered.Config[string, string]{LoadMany: loadMany})
	eventually(t, "the fence opens", 5*time.Second, func() bool { return bus.State().Condition == coherence.Open })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = c.GetMany(ctx, []string{"a", "b", "c"})
	var failed *tiered.BatchError[string]
	if !errors.As(err, &failed) || len(failed.Failed) != 3 {
		t.Fatalf("got %v", err)
	}
	for k, err := range failed.Failed {
		if _, ok := errors.AsType[*tiered.PanicError](err); !ok {
			t.Errorf("%s: got %v, want a PanicError", k, err)
		}
	}
	closes(t, c)
}
