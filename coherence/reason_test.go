package coherence_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestReasonsSayWhichRedis: a process may have several, and a password that was forgotten is called that.
func TestReasonsSayWhichRedis(t *testing.T) {
	t.Parallel()
	const password = "s3cret"
	r, server := own(t, services.RedisOptions{Password: password})
	for name, db := range map[string]int{"refused": 0, "refused at once": 3} { // SELECT is a short command, SYNC a long one
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forgotten := redis.NewClient(&redis.Options{Addr: server.Addr, DB: db})
			t.Cleanup(func() { _ = forgotten.Close() })
			p := r.peer(t, coherence.Config{Redis: forgotten, MaxStaleness: d})
			refused := func() (err error) {
				eventually(t, "a connection stands", soon, func() bool { // Redis ends the one where a long command came
					err = p.Redis().Get(t.Context(), "k").Err()
					return redis.HasErrorPrefix(err, "NOAUTH")
				})
				return err
			}
			check(t, p.Invalidate(t.Context(), entry("k")))
			p.member.Tell(coherence.CacheFailed, refused())
			check(t, p.Update(t.Context(), []coherence.Ref{entry("k")}, func(context.Context) error { return nil }))
			at := " with redis " + server.Addr + "/" + strconv.Itoa(db) + ": no password was given, and Redis asks for one: "
			for kind, what := range map[coherence.Kind]string{
				coherence.SyncFailed:          "coherence: sync",
				coherence.FenceClosed:         "coherence: sync",
				coherence.SubscriptionLost:    "coherence: subscription",
				coherence.IntentFailed:        "coherence: intent",
				coherence.InvalidationPending: "coherence: done",
				coherence.CacheFailed:         `cache "test"`,
			} {
				eventually(t, kind.String(), soon, func() bool { return len(p.events.of(kind)) > 0 })
				err := p.events.of(kind)[0]
				wantError(t, err, what+at)
				var cause redis.Error
				if !errors.As(err, &cause) || strings.Count(err.Error(), server.Addr) != 1 {
					t.Errorf("%v: got %v", kind, err)
				}
			}
			if why := p.State().Why; !strings.Contains(why, "coherence: sync"+at) || strings.Contains(why, password) {
				t.Errorf("got why %q", why)
			}
		})
	}
}

// TestReasonsOfAFailoverClient say what is known: where the last connection led to.
func TestReasonsOfAFailoverClient(t *testing.T) {
	t.Parallel()
	unknown := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}, Password: "s3cret", DB: 2})
	t.Cleanup(func() { _ = unknown.Close() })
	why := func(bus *coherence.Bus) string {
		eventually(t, "SYNCs fail", soon, func() bool { return bus.Stats().SyncFailures > 1 })
		return bus.State().Why
	}
	bus, err := coherence.New(coherence.Config{Redis: unknown, MaxStaleness: d})
	check(t, err)
	t.Cleanup(func() { check(t, bus.Close()) })
	if got, want := why(bus), "coherence: sync with redis by Sentinel/2: "; !strings.HasPrefix(got, want) {
		t.Errorf("got why %q, want %q", got, want)
	}
	hole := blackHole(t)
	master := redis.NewClient(&redis.Options{Addr: "FailoverClient", Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, hole)
	}})
	t.Cleanup(func() { _ = master.Close() })
	found, err := coherence.New(coherence.Config{Redis: master, MaxStaleness: d})
	check(t, err)
	t.Cleanup(func() { check(t, found.Close()) })
	if got, want := why(found), "coherence: sync with redis by Sentinel, last "+hole+"/0: "; !strings.HasPrefix(got, want) {
		t.Errorf("got why %q, want %q", got, want)
	}
}
