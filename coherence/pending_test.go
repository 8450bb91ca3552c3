package coherence_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// patient keeps the fence open for a while after Redis has gone: what is not usable then is not usable because it is
// pending.
const patient = time.Minute

// TestPending: a write that Redis did not hear of succeeds, is read from the source here, and is delivered when Redis is
// back.
func TestPending(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	k, tag, beside := entry("k"), coherence.Tag("t"), entry("beside")
	check(t, server.Kill())
	before := p.epoch(k, tag)
	check(t, p.Update(t.Context(), []coherence.Ref{k, tag}, func(context.Context) error { return nil }))
	check(t, p.Invalidate(t.Context(), k))
	if p.epoch(k, tag) <= before {
		t.Error("the epoch was not raised")
	}
	if p.usable(k) || p.usable(beside, tag) || p.member.Settled() {
		t.Error("usable although Redis has not heard of the write")
	}
	if !p.usable(beside) {
		t.Error("an entry that was not written is not usable, although the fence is open")
	}
	eventually(t, "the entry and the tag are pending", soon, func() bool { return p.State().Pending == 2 })
	eventually(t, "each write is counted, and the first told", soon, func() bool {
		return p.Stats().Postponed == 2 && len(p.events.of(coherence.InvalidationPending)) == 1
	})
	if errs := p.events.of(coherence.InvalidationPending); errs[0] == nil {
		t.Error("it does not tell the cause")
	}
	check(t, server.Restart(t.Context()))
	eventually(t, "it is delivered", soon, func() bool { return p.usable(k) && p.usable(beside, tag) })
	if !p.member.Settled() || p.State().Pending != 0 {
		t.Errorf("got %+v, settled %v", p.State(), p.member.Settled())
	}
	if w := r.word(t, tag); len(w) != 9 {
		t.Errorf("the tag is %q, want a version", w)
	}
	if n := r.XLen(t.Context(), r.layout.Journal()).Val(); n == 0 {
		t.Error("nothing in the journal")
	}
}

// TestPendingBeforeOpen: behind a closed fence, what is pending is delivered before the fence opens.
func TestPendingBeforeOpen(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	var pending, opened atomic.Int64
	var bus atomic.Pointer[coherence.Bus]
	b, err := coherence.New(coherence.Config{Redis: r.Client, Namespace: r.namespace, MaxStaleness: d, OnEvent: func(e coherence.Event) {
		if b := bus.Load(); e.Kind == coherence.FenceOpened && b != nil {
			pending.Add(int64(b.State().Pending))
			opened.Add(1)
		}
	}})
	check(t, err)
	t.Cleanup(func() { _ = b.Close() })
	eventually(t, "the fence opens", soon, func() bool { return b.Open(b.Now()) })
	check(t, server.Kill())
	eventually(t, "the fence closes", soon, func() bool { return !b.Open(b.Now()) })
	bus.Store(b)
	for i := range 50 {
		check(t, b.Invalidate(t.Context(), entry(strconv.Itoa(i))))
	}
	check(t, server.Restart(t.Context()))
	for !b.Open(b.Now()) { // as often as can be, not as often as polling looks
		if n := b.State().Pending; n > 0 && b.Open(b.Now()) && b.State().Pending > 0 {
			t.Fatalf("the fence is open with %d pending", n)
		}
	}
	if n := b.State().Pending; n != 0 {
		t.Errorf("the fence is open with %d pending", n)
	}
	eventually(t, "it tells", soon, func() bool { return opened.Load() == 1 })
	if n := pending.Load(); n != 0 {
		t.Errorf("it told with %d pending", n)
	}
}

// TestPendingIsCounted: of two writers of one entry, the first one's end does not make it usable.
func TestPendingIsCounted(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	k, tag := entry("k"), coherence.Tag("t")
	for name, refs := range map[string][2][]coherence.Ref{
		"entry": {{k}, {k}}, "tag": {{tag}, {tag}}, "named twice": {{k, k, tag}, {k}}, "entry and tag": {{k, tag}, {tag}},
	} {
		goOn, running, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- p.Update(t.Context(), refs[0], func(context.Context) error {
				close(running)
				<-goOn
				return nil
			})
		}()
		<-running
		check(t, p.Update(t.Context(), refs[1], func(context.Context) error { return nil }))
		wantIs(t, name, p.Update(t.Context(), refs[1], func(context.Context) error { return coherence.RolledBack(context.Canceled) }), context.Canceled)
		holds(t, name+": not usable while the first one writes", 50*time.Millisecond, func() bool { return !p.usable(k, tag) })
		close(goOn)
		check(t, <-ended)
		eventually(t, name+": usable after both", soon, func() bool { return p.usable(k, tag) && p.member.Settled() })
	}
}

// TestPendingOfTwoWriters: both could not be delivered; one delivery pays for both, and the count is right after it.
func TestPendingOfTwoWriters(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	k := entry("k")
	check(t, server.Kill())
	goOn, running, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- p.Update(t.Context(), []coherence.Ref{k}, func(context.Context) error {
			close(running)
			<-goOn
			return nil
		})
	}()
	<-running
	check(t, p.Invalidate(t.Context(), k, k))
	check(t, p.Invalidate(t.Context(), k))
	check(t, server.Restart(t.Context()))
	eventually(t, "what has ended is delivered", soon, func() bool { return p.State().Pending == 0 })
	if p.usable(k) {
		t.Error("usable while the first one writes")
	}
	close(goOn)
	check(t, <-ended)
	eventually(t, "usable after both", soon, func() bool { return p.usable(k) && p.member.Settled() })
}

// TestOverflow: what is too much to remember makes everything pending, and clears the caches when Redis is back.
func TestOverflow(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{Args: []string{"--appendonly", "yes"}}) // it remembers the generation
	p := r.openPeer(t, coherence.Config{MaxStaleness: patient})
	g := p.member.Generation()
	check(t, server.Kill())
	refs := make([]coherence.Ref, 100_000)
	for i := range refs {
		refs[i] = entry(strconv.Itoa(i))
	}
	check(t, p.Invalidate(t.Context(), refs...))
	if !p.usable(entry("beside")) {
		t.Error("full, and an entry beside is not usable")
	}
	check(t, p.Invalidate(t.Context(), entry("one too many")))
	check(t, p.Invalidate(t.Context(), entry("two too many")))
	if p.usable(entry("beside")) || p.usable(entry("one too many")) || p.member.Settled() {
		t.Error("usable although more is pending than can be remembered")
	}
	if got := p.State().Pending; got != len(refs)+1 {
		t.Errorf("got %d pending, want %d and that there was more", got, len(refs))
	}
	check(t, server.Restart(t.Context()))
	eventually(t, "all is delivered", soon, func() bool { return p.State().Pending == 0 })
	if !p.usable(entry("beside")) || !p.usable(entry("1")) || !p.member.Settled() {
		t.Error("not usable afterwards")
	}
	if got := p.member.Generation(); got <= g {
		t.Errorf("got generation %d, before %d: not cleared", got, g)
	}
}
