package coherence_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestFenceThatNeverOpens is told to be closed, once, and why: who gives a wrong password must not wait for an event that
// never comes.
func TestFenceThatNeverOpens(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{Password: "right"})
	wrong := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "wrong"})
	t.Cleanup(func() { _ = wrong.Close() })
	began := time.Now()
	p := r.peer(t, coherence.Config{Redis: wrong, MaxStaleness: d})
	eventually(t, "it is told", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) > 0 })
	if took := time.Since(began); took < d {
		t.Errorf("told after %v, before it was late", took)
	}
	failures := p.Stats().SyncFailures
	eventually(t, "more SYNCs fail", soon, func() bool { return p.Stats().SyncFailures > failures+3 })
	errs := p.events.of(coherence.FenceClosed)
	if len(errs) != 1 {
		t.Errorf("told %d times", len(errs))
	}
	wantError(t, errs[0], "WRONGPASS")
	check(t, r.ConfigSet(t.Context(), "requirepass", "wrong").Err())
	p.awaitOpen(t)
	if closed, opened := p.events.of(coherence.FenceClosed), p.events.of(coherence.FenceOpened); len(closed) != 1 || len(opened) != 1 {
		t.Errorf("told %d times that it closed, %d that it opened", len(closed), len(opened))
	}
	check(t, server.Kill())
	eventually(t, "it is told as ever", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 2 })
}

// TestFenceThatNeverOpensForWhatIsPending is told too, although Redis answers.
func TestFenceThatNeverOpensForWhatIsPending(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	check(t, r.Do(t.Context(), "ACL", "SETUSER", "limited", "on", ">x", "~*", "&*", "+@all", "-xadd").Err())
	limited := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "limited", Password: "x"})
	t.Cleanup(func() { _ = limited.Close() })
	check(t, server.Pause())
	p := r.peer(t, coherence.Config{Redis: limited, MaxStaleness: d})
	check(t, p.Invalidate(t.Context(), entry("k")))
	check(t, server.Resume())
	eventually(t, "it catches up", soon, func() bool { return p.State().Condition == coherence.CatchingUp })
	eventually(t, "it is told", soon, func() bool { return len(p.events.of(coherence.FenceClosed)) == 1 })
	eventually(t, "and why", soon, func() bool {
		return slices.ContainsFunc(p.events.of(coherence.InvalidationPending), func(err error) bool {
			return strings.Contains(err.Error(), "done with redis") && strings.Contains(err.Error(), "can't run this command")
		})
	})
	syncs := p.Stats().Syncs
	eventually(t, "the grace is over", soon, func() bool { return p.Stats().Syncs > syncs+10 })
	if s := p.State(); s.Condition != coherence.CatchingUp || s.Pending != 1 || !strings.Contains(s.Why, "done with redis") {
		t.Errorf("got %+v", s)
	}
}
