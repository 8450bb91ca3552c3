package coherence_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestMoreRefsThanATimeoutHasTimeFor: Config.Timeout bounds each round trip, not a write of many refs, which takes one for each 1,000.
func TestMoreRefsThanATimeoutHasTimeFor(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	p := shared(t).openPeer(t, coherence.Config{Mode: coherence.Strict, Timeout: timeout})
	var refs []coherence.Ref
	var took time.Duration
	for n := 50_000; took <= timeout; n += 50_000 {
		if n > 1_000_000 {
			t.Fatalf("%d refs take %v only: this shows nothing", len(refs), took)
		}
		for len(refs) < n {
			refs = append(refs, entry(strconv.Itoa(len(refs))))
		}
		began := time.Now()
		check(t, p.Update(t.Context(), refs, func(context.Context) error { return nil }))
		took = time.Since(began)
	}
	check(t, p.Invalidate(t.Context(), refs...))
	eventually(t, "it ends", soon, func() bool { return p.State().Pending == 0 && p.usable(refs[0]) && p.usable(refs[len(refs)-1]) })
	if s := p.Stats(); s.IntentFailures != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestUpdateAfterItsDeadline: a write whose caller's time is over while Redis is asked does not run, and its error says so.
func TestUpdateAfterItsDeadline(t *testing.T) {
	t.Parallel()
	for _, mode := range []coherence.Mode{coherence.Available, coherence.Strict} {
		r, server := own(t, services.RedisOptions{})
		p := r.openPeer(t, coherence.Config{Mode: mode, Timeout: time.Second, MaxStaleness: 10 * time.Second})
		check(t, server.Pause())
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			err := p.Update(ctx, []coherence.Ref{entry(strconv.Itoa(i))}, notRun(t))
			wantIs(t, "Update", err, context.DeadlineExceeded)
			cancel()
		}
		check(t, server.Resume())
	}
}

// manyRefs are so many that their intents take many Redis timeouts.
func manyRefs(n int) []coherence.Ref {
	refs := make([]coherence.Ref, n)
	for i := range refs {
		refs[i] = entry(strconv.Itoa(i))
	}
	return refs
}

// TestManyRefsOnNewIncarnation: the intents of a large write that runs while Redis restarts empty stand there again, all
// of them, however many Redis timeouts that takes; what else is owed does not wait for them, nor does the fence.
func TestManyRefsOnNewIncarnation(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d, Timeout: d / 4})
	refs := manyRefs(250_000) // the fence opens in 600 ms, they take more
	s := p.update(t, nil, refs...)
	stood := p.Stats().IntentFailures == 0 // on a busy machine one of 250 round trips may be late
	beside := entry("beside")
	check(t, server.Kill())
	check(t, p.Invalidate(t.Context(), beside))
	eventually(t, "the fence closes", soon, func() bool { return !p.Open(p.Now()) })
	check(t, server.Restart(t.Context()))
	standing := func() int64 { return r.DBSize(t.Context()).Val() }
	eventually(t, "the fence opens, and what is owed beside is told", soon, func() bool { return p.usable(beside) })
	if n := standing(); n >= int64(len(refs)) {
		t.Errorf("%d words: this shows nothing of who waits for whom", n)
	}
	eventually(t, "all intents stand again", soon, func() bool { return standing() >= int64(len(refs)) })
	if w := r.word(t, refs[len(refs)-1]); !intended(w) {
		t.Errorf("the last word is %q", w)
	}
	check(t, s.end())
	eventually(t, "DONE is acknowledged", soon, func() bool { return p.member.Settled() && p.usable(refs[0]) })
	if n := p.Stats().Repairs; n != 0 && stood {
		t.Errorf("%d repairs of a write whose intents stood", n)
	}
}

// TestManyRefsOfUnknownOutcome: what a new incarnation has lost of a write that may still land is not used until its
// intents stand again.
func TestManyRefsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p, refs := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: d / 4}), manyRefs(100_000)
	last := refs[len(refs)-1]
	wantError(t, p.Update(t.Context(), refs, func(context.Context) error { return errors.New("failed") }), "failed")
	eventually(t, "its end is acknowledged", soon, func() bool { return p.member.Settled() && intended(r.word(t, last)) })
	p.ForgetWritten() // what is told again of it would keep the refs from being used as well
	check(t, server.Restart(t.Context()))
	eventually(t, "it is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	looks := 0
	eventually(t, "the intents stand again", soon, func() bool {
		usable := p.usable(last)
		if intended(r.word(t, last)) {
			return true
		}
		if looks++; usable {
			t.Error("used, and no intent stands")
		}
		return usable
	})
	if looks == 0 {
		t.Error("they stood at once: this shows nothing")
	}
	eventually(t, "nothing is pending", soon, p.member.Settled)
}

// TestUpdateDoesNotWaitForIntents that are being sent again, when its write has returned: DONE does without them.
func TestUpdateDoesNotWaitForIntents(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p, refs := r.openPeer(t, coherence.Config{MaxStaleness: patient, Timeout: d / 4}), manyRefs(100_000)
	for range 5 { // a busy machine may be through with them before it is seen that they are being sent
		s := p.update(t, nil, refs...)
		check(t, server.Restart(t.Context()))
		eventually(t, "its intents are being sent again", soon, func() bool { return intended(r.word(t, refs[0])) })
		check(t, s.end())
		eventually(t, "DONE is acknowledged", soon, func() bool { return p.member.Settled() && p.usable(refs[0]) })
		if w := r.word(t, refs[0]); w != "" {
			t.Errorf("the first word is %q", w)
		}
		if p.Stats().Repairs > 0 {
			return
		}
	}
	t.Error("all intents stood whenever a write returned")
}

// TestManyWritesOnNewIncarnation: their intents do not take a connection each.
func TestManyWritesOnNewIncarnation(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	const writes = 1000
	for i := range writes {
		wantError(t, p.Update(t.Context(), []coherence.Ref{entry(strconv.Itoa(i))}, func(context.Context) error { return errors.New("failed") }), "failed")
	}
	eventually(t, "all are acknowledged", soon, p.member.Settled)
	check(t, server.Restart(t.Context()))
	eventually(t, "the intents stand again", soon, func() bool { return r.DBSize(t.Context()).Val() >= writes && p.member.Settled() })
	stats := r.Info(t.Context(), "stats").Val()
	_, after, _ := strings.Cut(stats, "total_connections_received:")
	n, err := strconv.Atoi(strings.TrimSpace(after[:strings.IndexByte(after, '\n')]))
	check(t, err)
	if n > 50 {
		t.Errorf("%d connections for %d writes", n, writes)
	}
}
