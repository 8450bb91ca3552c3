package coherence_test

import (
	"context"
	"strconv"
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

// TestManyRefsOnNewIncarnation: the intents of a large write that runs while Redis restarts empty stand there again, all
// of them, however many Redis timeouts that takes; what else is owed does not wait for them, nor does the fence.
func TestManyRefsOnNewIncarnation(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: d, Timeout: d / 4})
	refs := make([]coherence.Ref, 200_000)
	for i := range refs {
		refs[i] = entry(strconv.Itoa(i))
	}
	s := p.update(t, nil, refs...)
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
	if n := p.Stats().Repairs; n != 0 {
		t.Errorf("%d repairs of a write whose intents stood", n)
	}
}
