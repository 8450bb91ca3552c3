package tiered_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
	"github.com/tieredcache/tieredcache/tiered"
)

// told are the events of a bus.
type told struct {
	mu     sync.Mutex
	events []coherence.Event
}

func (n *told) hear(e coherence.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

func (n *told) of(k coherence.Kind) (all []error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Kind == k {
			all = append(all, e.Err)
		}
	}
	return all
}

// Where Redis takes SYNC and refuses a cache's keys, the bus is open and each reader has the source's answer: only an event
// says so, and not for each of them.
func TestRefusedCacheIsTold(t *testing.T) {
	admin := pausable(t)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "reset", "on", ">secret", "~tieredcache:*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "app", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	var n told
	bus, err := coherence.New(coherence.Config{Redis: rdb, OnEvent: n.hear})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	load := func(_ context.Context, k string) (string, error) { return k, nil }
	c := newCache(t, bus, tiered.Config[string, string]{Load: load})
	eventually(t, "the fence opens", 5*time.Second, func() bool { return bus.State().Condition == coherence.Open })
	for range 20 {
		mustGet(t, c, "ada", "ada")
	}
	if _, err := c.GetMany(t.Context(), []string{"ada", "bob"}); err != nil {
		t.Error(err)
	}
	wantIs(t, "Set", c.Set(t.Context(), "ada", "v"), coherence.ErrCoherence)
	errs := n.of(coherence.CacheFailed)
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), `cache "test" with redis `+admin.Options().Addr+`/0: l2: get: NOPERM`) || strings.Contains(errs[0].Error(), "ada") {
		t.Errorf("told: %v", errs)
	}
	if c.Stats().RedisErrors < 20 || bus.State().Condition != coherence.Open {
		t.Errorf("%+v, %+v", c.Stats(), bus.State())
	}
}

// What a codec cannot encode is loaded at every read: somebody must be told, where it is, and no keys of maps.
func TestNotEncodedIsTold(t *testing.T) {
	var n told
	bus := newBus(t, coherence.Config{OnEvent: n.hear})
	c := newCache(t, bus, tiered.Config[string, map[string]time.Time]{
		Codec: l2.JSON[map[string]time.Time](),
		Load: func(context.Context, string) (map[string]time.Time, error) {
			return map[string]time.Time{"ada@example.org": time.Date(2026, 11, 30, 9, 0, 0, 0, time.FixedZone("here", 3600))}, nil
		},
	})
	eventually(t, "the fence opens", 5*time.Second, func() bool { return bus.State().Condition == coherence.Open })
	for range 5 {
		if _, err := c.Get(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
	}
	if errs := n.of(coherence.NotEncoded); len(errs) != 1 || c.Stats().EncodeErrors < 5 {
		t.Fatalf("told: %v; %+v", errs, c.Stats())
	}
	text := n.of(coherence.NotEncoded)[0].Error()
	if !strings.HasPrefix(text, `cache "test": l2: encode: map[string]Time[key]: `) || strings.Contains(text, "ada") {
		t.Errorf("told: %s", text)
	}
	if errs := n.of(coherence.CacheFailed); len(errs) != 0 {
		t.Errorf("told: %v", errs)
	}
}
