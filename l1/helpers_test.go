package l1_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/l1"
)

// rig is a cache with the epochs that a bus would give it.
type rig[K comparable, V any] struct {
	*l1.Cache[K, V]
	epochs *l1.Epochs
	member atomic.Uint64
}

func newRig[K comparable, V any](t testing.TB, capacity int64) *rig[K, V] {
	t.Helper()
	epochs := l1.NewEpochs()
	r := &rig[K, V]{epochs: epochs}
	var err error
	if r.Cache, err = l1.New[K, V](l1.Config{Capacity: capacity, Epochs: epochs, Cache: &r.member}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Wait is the cache's, at the time that tests usually look at.
func (r *rig[K, V]) Wait() { r.Cache.Wait(0) }

func (r *rig[K, V]) places(name string, tags ...string) l1.Places {
	var stripes []uint32
	for _, tag := range tags {
		stripes = append(stripes, r.epochs.Place(tag))
	}
	return epoch.At(&r.member, r.epochs.Place(name), stripes...)
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

// goroutinesGone waits until no more run than before.
func goroutinesGone(t testing.TB, before int) {
	t.Helper()
	eventually(t, "the goroutines are gone", 10*time.Second, func() bool { return runtime.NumGoroutine() <= before })
}

// prove looks an entry up, more often than ristretto must be told of.
func prove[V any](t testing.TB, c *rig[string, V], key string) {
	t.Helper()
	for range 10 {
		if _, _, ok := c.Get(key, 0); !ok {
			t.Fatalf("%s: a miss, want a hit", key)
		}
	}
	if !c.InFront(key) {
		t.Fatalf("%s is not in front after 10 hits", key)
	}
}
