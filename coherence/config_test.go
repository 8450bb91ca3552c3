package coherence_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	t.Cleanup(func() { _ = ring.Close() })
	for _, c := range []struct {
		config coherence.Config
		want   string
	}{
		{coherence.Config{Namespace: "a:b"}, `coherence: Namespace "a:b": use 1 to 64 of a-z A-Z 0-9 . _ -`},
		{coherence.Config{Namespace: strings.Repeat("n", 65)}, "use 1 to 64 of a-z A-Z 0-9 . _ -"},
		{coherence.Config{Namespace: "a\nb"}, `coherence: Namespace "a\nb": use 1 to 64`},
		{coherence.Config{MaxStaleness: 50 * time.Millisecond}, "coherence: MaxStaleness is 50ms: give at least 100ms"},
		{coherence.Config{MaxStaleness: -1}, "coherence: MaxStaleness is -1ns: give at least 100ms"},
		{coherence.Config{MaxStaleness: math.MaxInt64}, "and at most 24h0m0s, or zero for 2s"},
		{coherence.Config{IntentLife: time.Millisecond}, "coherence: IntentLife is 1ms: give at least 1s"},
		{coherence.Config{IntentLife: math.MaxInt64}, "and at most 24h0m0s, or zero for 30s"},
		{coherence.Config{Timeout: -time.Second}, "coherence: Timeout is -1s: give at least 1ms, or zero for 100ms"},
		{coherence.Config{Timeout: 100}, "coherence: Timeout is 100ns: give at least 1ms, or zero for 100ms"},
		{coherence.Config{Redis: (*redis.Client)(nil)}, "coherence: Redis is a nil *redis.Client: give one, or nil for this process alone"},
		{coherence.Config{Timeout: time.Second}, "coherence: Timeout is 1s: give at most a third of MaxStaleness (2s) and of IntentLife (30s)"},
		{coherence.Config{Timeout: time.Second, MaxStaleness: time.Minute, IntentLife: 2 * time.Second}, "give at most a third of MaxStaleness (1m0s) and of IntentLife (2s)"},
		{coherence.Config{Redis: ring}, "coherence: Redis is a *redis.Ring: give a *redis.Client (redis.NewClient or redis.NewFailoverClient)"},
	} {
		bus, err := coherence.New(c.config)
		wantError(t, err, c.want)
		if bus != nil {
			t.Errorf("%s: a bus beside an error", c.want)
		}
	}
}

// TestTimeout: as long as may be, and what zero means where MaxStaleness is short.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config coherence.Config
		want   time.Duration
	}{
		{coherence.Config{}, 100 * time.Millisecond},
		{coherence.Config{MaxStaleness: 100 * time.Millisecond}, 25 * time.Millisecond},
		{coherence.Config{MaxStaleness: 300 * time.Millisecond, Timeout: 100 * time.Millisecond}, 100 * time.Millisecond},
		{coherence.Config{MaxStaleness: time.Minute, IntentLife: 3 * time.Second, Timeout: time.Second}, time.Second},
	} {
		bus, err := coherence.New(c.config)
		check(t, err)
		if got := bus.Timeout(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.config, got, c.want)
		}
		check(t, bus.Close())
	}
}

func TestJoinRefuses(t *testing.T) {
	t.Parallel()
	bus, err := coherence.New(coherence.Config{})
	check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	first, err := bus.Join("prefs", 1)
	check(t, err)
	for name, want := range map[string]string{
		"":                      `name "": use 1 to 64 of a-z A-Z 0-9 . _ -`,
		"a:b":                   `name "a:b": use 1 to 64`,
		strings.Repeat("n", 65): "use 1 to 64",
		"tieredcache":           `name "tieredcache" is the bus's own: choose another`,
		"prefs":                 `name "prefs": this bus has a cache of that name: one per name`,
	} {
		_, err := bus.Join(name, 1)
		wantError(t, err, want)
	}
	first.Leave()
	second, err := bus.Join("prefs", 1)
	check(t, err)
	first.Leave() // of a seat that is another's by now
	if _, err := bus.Join("prefs", 1); err == nil {
		t.Error("the seat was given up by who no longer had it")
	}
	second.Leave()
}

// TestRefs: a ref that names nothing is refused before anything happens.
func TestRefs(t *testing.T) {
	t.Parallel()
	bus, err := coherence.New(coherence.Config{})
	check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	for _, c := range []struct {
		refs []coherence.Ref
		want string
	}{
		{nil, "coherence: no refs: name what changes with Cache.Ref or Tag"},
		{[]coherence.Ref{{}}, "coherence: refs[0] is the zero Ref: make refs with Cache.Ref or Tag"},
		{[]coherence.Ref{coherence.Tag("a"), coherence.Tag()}, "coherence: refs[1] is the zero Ref"},
	} {
		wantError(t, bus.Invalidate(t.Context(), c.refs...), c.want)
		wantError(t, bus.Update(t.Context(), c.refs, notRun(t)), c.want)
	}
	wantError(t, bus.Update(t.Context(), []coherence.Ref{coherence.Tag("a")}, nil), "coherence: update: write is nil")
	for ref, want := range map[coherence.Ref]string{
		coherence.Entry("prefs", "acme:ada"):         "prefs:acme:ada",
		coherence.Tag("user", "acme", "ada"):         "tieredcache:tag:user:acme:ada",
		coherence.Tag("user", "ac:me\n", "a|d{a}"):   "tieredcache:tag:user:ac%3Ame%0A:a|d%7Ba%7D",
		coherence.Tag(""):                            "tieredcache:tag:",
		coherence.Tag("g", "test=99999999999999999"): "tieredcache:tag:g:test=99999999999999999",
	} {
		if got := ref.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, ref := range []coherence.Ref{
		coherence.Entry("", "k"), coherence.Entry("a:b", "k"), coherence.Entry("tieredcache", "g:test=9"), coherence.Entry("tieredcache", "s"),
		coherence.Entry("test", "a\nb"), coherence.Entry("test", "{a}"), coherence.Entry("test", "\xff"), coherence.Entry("test", "\x00"),
	} {
		if ref != (coherence.Ref{}) {
			t.Errorf("%q is a ref: of the bus's own words, or one that is not escaped", ref)
		}
	}
	if !coherence.Tag("a").IsTag() || coherence.Entry("prefs", "a").IsTag() || coherence.Tag().IsTag() {
		t.Error("IsTag")
	}
	if coherence.Tag("a:b", "c") == coherence.Tag("a", "b:c") {
		t.Error("two tags are one")
	}
}

func TestRolledBackIsSeenThrough(t *testing.T) {
	t.Parallel()
	if coherence.RolledBack(nil) != nil {
		t.Error("RolledBack(nil) is an error")
	}
	cause := &lost{io.ErrUnexpectedEOF}
	err := fmt.Errorf("write: %w", coherence.RolledBack(cause))
	var found *lost
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &found) || found != cause {
		t.Errorf("%v hides its cause", err)
	}
	if got, want := err.Error(), "write: lost: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type lost struct{ error }

func (n *lost) Error() string { return "lost: " + n.error.Error() }
func (n *lost) Unwrap() error { return n.error }

func TestNamesOfKindsAndConditions(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		coherence.Fenced.String():                             "fenced",
		coherence.Open.String():                               "open",
		coherence.Closed.String():                             "closed",
		coherence.CatchingUp.String():                         "catching up",
		coherence.Condition(9).String():                       "condition 9",
		coherence.SyncFailed.String():                         "sync failed",
		coherence.Event{Kind: coherence.FenceOpened}.String(): "fence opened",
		coherence.Event{Kind: coherence.SyncFailed, Err: errors.New("refused")}.String(): "sync failed: refused",
		coherence.FenceClosed.String():         "fence closed",
		coherence.FenceOpened.String():         "fence opened",
		coherence.Flushed.String():             "flushed",
		coherence.SubscriptionLost.String():    "subscription lost",
		coherence.InvalidationPending.String(): "invalidation pending",
		coherence.Kind(-1).String():            "event -1",
		coherence.IntentFailed.String():        "intent failed",
		coherence.Overflowed.String():          "overflowed",
		coherence.CacheFailed.String():         "cache failed",
		coherence.NotEncoded.String():          "not encoded",
		coherence.Kind(10).String():            "event 10",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
