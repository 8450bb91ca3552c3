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

// abandoned is the token of all writes that may still land.
const abandoned = "0000000000000000"

// TestUnknownOutcomesShareAToken: writes of unknown outcome leave one token on their word, however many there were, and
// no DONE of another write takes it away.
func TestUnknownOutcomesShareAToken(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p, q := r.openPeer(t, coherence.Config{}), r.openPeer(t, coherence.Config{})
	tag := coherence.Tag("t")
	running := q.update(t, nil, tag)
	failed := errors.New("failed")
	fail := func(p *peer, n int) {
		t.Helper()
		for range n {
			wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{tag}, func(context.Context) error { return failed }), failed)
		}
		eventually(t, "the ends are acknowledged", soon, p.member.Settled)
	}
	fail(p, 30)
	if w := r.word(t, tag); strings.Count(w, ";") != 2 || !strings.Contains(w, ":"+abandoned+";") {
		t.Errorf("the word is %q, want the token of the write that runs and one more", w)
	}
	check(t, running.end())
	eventually(t, "DONE is acknowledged", soon, q.member.Settled)
	fail(q, 1)
	check(t, q.Update(t.Context(), []coherence.Ref{tag}, func(context.Context) error { return nil }))
	eventually(t, "DONE is acknowledged", soon, q.member.Settled)
	if w := tokens(r.word(t, tag)); w != "I"+abandoned+";" {
		t.Errorf("the word is %q, want the token of those that may still land", w)
	}
}

// TestUnknownOutcomesExpireLast: the token of writes that may still land lives as long as the last of them asks for, also
// beside a process whose intents are shorter.
func TestUnknownOutcomesExpireLast(t *testing.T) {
	t.Parallel()
	r := shared(t)
	long, short := r.openPeer(t, coherence.Config{IntentLife: time.Minute}), r.openPeer(t, coherence.Config{IntentLife: brief})
	k := entry("k")
	failed := errors.New("failed")
	for _, p := range []*peer{long, short} {
		wantIs(t, "Update", p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return failed }), failed)
		eventually(t, "the end is acknowledged", soon, p.member.Settled)
	}
	if left := r.PTTL(t.Context(), r.layout.Key(k.String())).Val(); left < 30*time.Second {
		t.Errorf("the intent lives for %v more, want a minute", left)
	}
}

// TestIntentThatNeverStandsAgain: a new incarnation did not take it for as long as it would have lived. What was filled
// meanwhile goes when Redis listens, and is not used here before.
func TestIntentThatNeverStandsAgain(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p, rights := r.limited(t, coherence.Config{MaxStaleness: patient, IntentLife: brief})
	k := entry("k")
	wantError(t, p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error { return errors.New("failed") }), "failed")
	eventually(t, "its end is acknowledged", soon, func() bool { return p.member.Settled() && intended(r.word(t, k)) })
	p.ForgetWritten() // the ring would tell of it too, for some time
	rights("resetkeys", "~"+r.layout.Key("tieredcache:*"))
	r.becomeAnother(t)
	eventually(t, "it is noticed", soon, func() bool { return p.State().Pending == 1 })
	r.put(t, k, "Vfilled by another process")
	holds(t, "not used", 2*brief, func() bool { return !p.usable(k) })
	rights("~*")
	eventually(t, "it is told", soon, func() bool { return p.usable(k) && p.State().Pending == 0 && p.member.Settled() })
	if w := r.word(t, k); w != "" {
		t.Errorf("the word is %q", w)
	}
}
