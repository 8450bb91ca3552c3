package coherence_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// brief is the life of an intent where a test waits for its end.
const brief = time.Second

// slow is a write that a test lets go on.
type slow struct {
	running, goOn chan struct{}
	ended         chan error
	ctx           context.Context // write's own
}

// update runs a write of refs that goes on until it is told to.
func (p *peer) update(t testing.TB, end error, refs ...coherence.Ref) *slow {
	t.Helper()
	s := &slow{running: make(chan struct{}), goOn: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		s.ended <- p.Update(t.Context(), refs, func(ctx context.Context) error {
			s.ctx = ctx
			close(s.running)
			<-s.goOn
			return end
		})
	}()
	<-s.running
	return s
}

func (s *slow) end() error {
	close(s.goOn)
	return <-s.ended
}

func intended(w string) bool { return strings.HasPrefix(w, "I") }

// TestIntentStands on every ref before and while the write runs, of several caches and tags, and is gone after it.
func TestIntentStands(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	refs := []coherence.Ref{entry("k"), coherence.Entry("another", "k"), coherence.Tag("t")}
	for _, ref := range refs {
		r.put(t, ref, "Vvalue-id")
	}
	s := p.update(t, nil, refs...)
	for _, ref := range refs {
		if w := r.word(t, ref); !intended(w) {
			t.Errorf("while the write runs %v is %q", ref, w)
		}
	}
	check(t, s.end())
	eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
	for i, want := range []int{0, 0, 9} {
		if w := r.word(t, refs[i]); len(w) != want || intended(w) {
			t.Errorf("after the write %v is %q", refs[i], w)
		}
	}
	if n := r.XLen(t.Context(), r.layout.Journal()).Val(); n != 1 {
		t.Errorf("%d entries in the journal, want one: DONE announces nothing", n)
	}
	if s := p.Stats(); s.Updates != 1 || s.Repairs+s.IntentFailures+s.UnknownUpdates != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestIntentIsRenewed: the intent of a write that runs for longer than an intent lives is never gone.
func TestIntentIsRenewed(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{IntentLife: brief})
	k := entry("k")
	s := p.update(t, nil, k)
	for began := time.Now(); time.Since(began) < 2*brief; {
		if w := r.word(t, k); !intended(w) {
			t.Fatalf("after %v the word is %q", time.Since(began), w)
		}
	}
	check(t, s.end())
	eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
	if w := r.word(t, k); w != "" || p.Stats().Repairs != 0 {
		t.Errorf("after the write the word is %q, %d repairs", w, p.Stats().Repairs)
	}
	eventually(t, "no renewal comes after the end", soon, func() bool { return p.Stats().Syncs > 6 })
	if w := r.word(t, k); w != "" {
		t.Errorf("a renewal came after DONE: %q", w)
	}
}

// TestIntentExpires: a write whose outcome is unknown leaves its intent for its full life from the end of the write, and
// then the entry is usable again.
func TestIntentExpires(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{IntentLife: brief})
	k := entry("k")
	s := p.update(t, context.Canceled, k)
	began := time.Now()
	wantIs(t, "Update", s.end(), context.Canceled)
	eventually(t, "the end has been acknowledged", soon, p.member.Settled)
	eventually(t, "the intent expires", soon, func() bool { return r.word(t, k) == "" })
	if left := time.Since(began); left < brief*9/10 || left > 2*brief {
		t.Errorf("the intent was left for %v, want %v", left, brief)
	}
}

// TestIntentIsLost: where Redis has lost it while the write ran, what was filled meanwhile goes, and all are told.
func TestIntentIsLost(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p, q := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{})
	k, tag := entry("k"), coherence.Tag("t")
	s := p.update(t, nil, k, tag)
	r.put(t, k, "Vstale-id and what was before")
	r.put(t, tag, "Vversion1")
	here, there := p.epoch(k), q.epoch(k)
	check(t, s.end())
	eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
	if w, v := r.word(t, k), r.word(t, tag); w != "" || v == "Vversion1" || len(v) != 9 {
		t.Errorf("after the write the words are %q and %q", w, v)
	}
	eventually(t, "the peer is told", soon, func() bool { return q.epoch(k) > there })
	if p.epoch(k) < here+2 || p.Stats().Repairs != 1 {
		t.Errorf("epoch %d after %d, %d repairs", p.epoch(k), here, p.Stats().Repairs)
	}
}

// TestIntentNotTaken: Available runs the write and invalidates when Redis is back, although the intent never stood.
func TestIntentNotTaken(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	k := entry("k")
	check(t, server.Kill())
	s := p.update(t, nil, k)
	check(t, server.Restart(t.Context()))
	r.put(t, k, "Vstale-id and what was before")
	check(t, s.end())
	eventually(t, "it is delivered", soon, func() bool { return p.usable(k) })
	if w := r.word(t, k); w != "" {
		t.Errorf("the word is %q", w)
	}
	if s := p.Stats(); s.IntentFailures == 0 || len(p.events.of(coherence.IntentFailed)) != 1 {
		t.Errorf("got %+v", s)
	}
}

// TestUnknownAndUndelivered: a write of unknown outcome whose last INTENT Redis did not take stays pending until it does.
func TestUnknownAndUndelivered(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	k := entry("k")
	check(t, server.Kill())
	s := p.update(t, errors.New("failed"), k)
	wantError(t, s.end(), "failed")
	eventually(t, "it is pending", soon, func() bool { return p.State().Pending == 1 })
	if p.usable(k) {
		t.Error("usable")
	}
	check(t, server.Restart(t.Context()))
	eventually(t, "it is delivered", soon, func() bool { return p.usable(k) && p.State().Pending == 0 })
	if w := r.word(t, k); !intended(w) {
		t.Errorf("the word is %q, want an intent: the commit may still land", w)
	}
}

// TestStrict: what Redis cannot be told is not done, and says so.
func TestStrict(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{Mode: coherence.Strict, MaxStaleness: patient})
	k := entry("k")
	check(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return nil }))
	check(t, p.Invalidate(t.Context(), k))
	check(t, p.member.Clear(t.Context()))
	eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
	check(t, server.Kill())
	wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{k}, notRun(t)), coherence.ErrCoherence)
	before := p.epoch(k)
	wantIs(t, "Invalidate", p.Invalidate(t.Context(), k), coherence.ErrCoherence)
	wantIs(t, "Clear", p.member.Clear(t.Context()), coherence.ErrCoherence)
	if !p.member.Settled() || p.State().Pending != 0 {
		t.Errorf("got %+v: nothing stays pending", p.State())
	}
	if p.epoch(k) < before+2 {
		t.Error("the epoch was not raised")
	}
}

// TestStrictCancels a write whose intent has not been renewed for two thirds of its life; Available lets it go on.
func TestStrictCancels(t *testing.T) {
	t.Parallel()
	for mode, name := range map[coherence.Mode]string{coherence.Strict: "strict", coherence.Available: "available"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			p := r.openPeer(t, coherence.Config{Mode: mode, IntentLife: 2 * brief, MaxStaleness: patient})
			s := p.update(t, nil, entry("k"))
			began := time.Now()
			check(t, server.Kill())
			if mode == coherence.Available {
				eventually(t, "it tells", soon, func() bool { return len(p.events.of(coherence.IntentFailed)) == 1 })
				if s.ctx.Err() != nil {
					t.Error("the write was cancelled")
				}
				check(t, s.end())
				return
			}
			select {
			case <-s.ctx.Done():
			case <-time.After(soon):
				t.Fatal("not cancelled")
			}
			wantIs(t, "cause", context.Cause(s.ctx), coherence.ErrCoherence)
			if took := time.Since(began); took < brief || took > 2*brief {
				t.Errorf("cancelled after %v, want two thirds of %v", took, 2*brief)
			}
			check(t, s.end())
		})
	}
}

// TestLateDone: where an intent's life was over when the write returned, Update waits until Redis has been told how it
// ended, or that nobody knows, at most the Redis timeout; otherwise it does not wait for Redis.
func TestLateDone(t *testing.T) {
	t.Parallel()
	const timeout = brief * 3 / 10
	for name, c := range map[string]struct {
		late bool
		end  error
	}{
		"in time": {}, "late": {late: true},
		"in time, unknown": {end: errors.New("failed")}, "late, unknown": {late: true, end: errors.New("failed")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, server := own(t, services.RedisOptions{})
			life := time.Minute
			if c.late {
				life = brief
			}
			p := r.openPeer(t, coherence.Config{IntentLife: life, MaxStaleness: patient, Timeout: timeout})
			s := p.update(t, c.end, entry("k"))
			check(t, server.Pause())
			if c.late {
				over := time.After(brief)
				<-over
			}
			began := time.Now()
			wantIs(t, "Update", s.end(), c.end)
			if took := time.Since(began); took >= timeout != c.late {
				t.Errorf("Update returned %v after the write, the Redis timeout is %v", took, timeout)
			}
			check(t, server.Resume())
		})
	}
}

// TestUpdateOfACancelledContext does not run the write.
func TestUpdateOfACancelledContext(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantIs(t, "Update", p.Update(ctx, []coherence.Ref{entry("k")}, notRun(t)), context.Canceled)
	if !p.member.Settled() {
		t.Error("it stays pending")
	}
}

// TestUpdateNamesARefTwice: it has one word, and one token.
func TestUpdateNamesARefTwice(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{})
	k := entry("k")
	check(t, p.Update(t.Context(), []coherence.Ref{k, k}, func(context.Context) error { return nil }))
	eventually(t, "DONE has been acknowledged", soon, p.member.Settled)
	if n := p.Stats().Repairs; n != 0 {
		t.Errorf("%d repairs of an undisturbed write", n)
	}
}

// TestIntentThatWasRefusedIsNotSentAgain: a new incarnation sends the INTENT of writes that run, not of one that never did.
func TestIntentThatWasRefusedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{Mode: coherence.Strict, MaxStaleness: d})
	k := entry("k")
	check(t, server.Kill())
	wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{k}, notRun(t)), coherence.ErrCoherence)
	check(t, server.Restart(t.Context()))
	eventually(t, "the new incarnation is noticed", soon, func() bool { return p.Stats().Flushes > 0 })
	p.awaitOpen(t)
	if w := r.word(t, k); w != "" {
		t.Errorf("the word is %q", w)
	}
}

// TestStrictWriteOutlivesItsBus: nobody renews its intent any more, so it is cancelled before that is over.
func TestStrictWriteOutlivesItsBus(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{Mode: coherence.Strict, IntentLife: brief})
	s := p.update(t, nil, entry("k"))
	if p.Close() == nil {
		t.Error("Close does not tell of the write that runs")
	}
	select {
	case <-s.ctx.Done():
	case <-time.After(brief):
		t.Fatal("not cancelled")
	}
	wantIs(t, "cause", context.Cause(s.ctx), coherence.ErrClosed)
	wantIs(t, "Update", s.end(), coherence.ErrClosed)
}

// TestUnknownIsForgotten: a write of unknown outcome that Redis never heard of is over when an intent would be: then its
// refs are owed an invalidation, however many such writes there were.
func TestUnknownIsForgotten(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient, IntentLife: brief})
	k := entry("k")
	check(t, server.Kill())
	for range 20 {
		wantError(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return errors.New("failed") }), "failed")
	}
	eventually(t, "one name is owed", soon, func() bool { return p.State().Pending == 1 && !p.usable(k) })
	check(t, server.Restart(t.Context()))
	r.put(t, k, "Vstale-id and what was before")
	eventually(t, "it is delivered", soon, func() bool { return p.usable(k) && p.member.Settled() })
	if w := r.word(t, k); w != "" {
		t.Errorf("the word is %q", w)
	}
}
