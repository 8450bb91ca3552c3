package tiered_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/tiered"
)

// The commands, keys and channels of the README's ACL are enough; without INFO too, and with a DB and a ClientName the two
// more that it names.
func TestACL(t *testing.T) {
	server, err := services.StartRedis(t.Context(), services.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = admin.Close() })
	commands := []any{
		"+get", "+mget", "+set", "+del", "+incr", "+pttl", "+pexpire", "+time", "+xadd", "+xrange", "+publish",
		"+subscribe", "+ping", "+eval", "+evalsha", "+scan",
	}
	for _, use := range []struct {
		name    string
		options redis.Options
		more    []any
		refused bool
	}{
		{name: "with INFO", more: []any{"+info"}},
		{name: "without INFO", refused: true},
		{
			name: "a DB and a ClientName", options: redis.Options{DB: 1, ClientName: "app"},
			more: []any{"+info", "+select", "+client|setname"},
		},
	} {
		t.Run(use.name, func(t *testing.T) {
			rule := []any{"ACL", "SETUSER", "app", "reset", "on", ">secret", "~test:*", "~tieredcache:*", "&tieredcache:ch"}
			if err := admin.Do(t.Context(), slices.Concat(rule, commands, use.more)...).Err(); err != nil {
				t.Fatal(err)
			}
			admin.FlushAll(t.Context())
			admin.Do(t.Context(), "ACL", "LOG", "RESET") // of what the other case was refused
			use.options.Addr, use.options.Username, use.options.Password = server.Addr, "app", "secret"
			rdb := redis.NewClient(&use.options)
			defer rdb.Close()
			bus, err := coherence.New(coherence.Config{Redis: rdb})
			if err != nil {
				t.Fatal(err)
			}
			defer bus.Close()
			c := newCache(t, bus, tiered.Config[string, string]{
				Load: func(_ context.Context, k string) (string, error) {
					<-time.After(400 * time.Millisecond) // longer than a third of the lease: it is renewed
					return k, nil
				},
				Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("t")} },
			})
			mustGet(t, c, "k", "k")
			if err := c.Set(t.Context(), "k", "set"); err != nil {
				t.Fatal(err)
			}
			mustGet(t, c, "k", "set")
			if err := c.Update(t.Context(), "k", func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
			mustGet(t, c, "k", "k")
			if err := c.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustGet(t, c, "k", "k")
			eventually(t, "the subscription hears", time.Second, func() bool { return bus.Stats().Messages >= 3 })
			if s := bus.Stats(); s.SyncFailures+s.Reconnects > 0 || c.Stats().RedisErrors > 0 || bus.State().Pending > 0 {
				t.Errorf("got %+v, %+v", s, c.Stats())
			}
			if log, err := admin.Do(t.Context(), "ACL", "LOG").Slice(); !use.refused && (err != nil || len(log) > 0) {
				t.Errorf("Redis refused something: %v, %v", log, err)
			}
		})
	}
}
