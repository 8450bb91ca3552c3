package coherence_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// TestNoEventAfterClose: a write that runs on when its bus is closed tells nobody that its intent is not renewed.
func TestNoEventAfterClose(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{Mode: coherence.Strict, IntentLife: brief})
	s := p.update(t, nil, entry("k"))
	if p.Close() == nil {
		t.Error("Close does not tell of the write that runs")
	}
	<-s.ctx.Done() // its intent has lapsed
	wantIs(t, "Update", s.end(), coherence.ErrClosed)
	if errs := p.events.of(coherence.IntentFailed); len(errs) != 0 {
		t.Errorf("told after Close: %v", errs)
	}
}

// TestCloseWaitsForEvents: what OnEvent uses may go when Close has returned.
func TestCloseWaitsForEvents(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	p := r.watched(t, coherence.Config{MaxStaleness: patient}, func(_ *peer, e coherence.Event) {
		if e.Kind == coherence.IntentFailed {
			close(inside)
			<-goOn
		}
	})
	check(t, server.Kill())
	updated, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		updated <- p.Update(t.Context(), []coherence.Ref{entry("k")}, func(context.Context) error { return nil })
	}()
	<-inside
	go func() { closed <- p.Close() }()
	select {
	case err := <-closed:
		t.Errorf("Close has returned %v, and OnEvent still runs", err)
	case <-time.After(time.Second):
	}
	close(goOn)
	wantIs(t, "Update", <-updated, coherence.ErrClosed)
}

// TestEventOfARenewalLeavesTheWriteFree: what OnEvent does when a renewal fails may end the write.
func TestEventOfARenewalLeavesTheWriteFree(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	var s *slow
	runs := make(chan struct{}) // closed when s is known: a starved machine renews late even before Redis is killed
	told := make(chan error, 1)
	p := r.watched(t, coherence.Config{IntentLife: 3 * brief, MaxStaleness: patient, Timeout: brief}, func(_ *peer, e coherence.Event) {
		if e.Kind != coherence.IntentFailed {
			return
		}
		ended := make(chan error, 1)
		go func() {
			<-runs
			ended <- s.end()
		}()
		select {
		case err := <-ended:
			told <- err
		case <-time.After(guarded):
			told <- errors.New("the write cannot end while OnEvent runs")
		}
	})
	s = p.update(t, nil, entry("k"))
	close(runs)
	check(t, server.Kill())
	check(t, <-told)
}

// TestOnEventThatPanics before a write runs leaves nothing pending for ever: nothing was written.
func TestOnEventThatPanics(t *testing.T) {
	t.Parallel()
	r, server := own(t, services.RedisOptions{})
	p := r.watched(t, coherence.Config{MaxStaleness: patient}, func(_ *peer, e coherence.Event) {
		if e.Kind == coherence.IntentFailed {
			panic("OnEvent")
		}
	})
	check(t, server.Kill())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was hidden")
			}
		}()
		_ = p.Update(t.Context(), []coherence.Ref{entry("k")}, notRun(t))
	}()
	check(t, server.Restart(t.Context()))
	eventually(t, "nothing is pending", soon, p.member.Settled)
}

// TestOverflowOfTheRingIsTold, as any other is.
func TestOverflowOfTheRingIsTold(t *testing.T) {
	t.Parallel()
	r, _ := own(t, services.RedisOptions{})
	p := r.openPeer(t, coherence.Config{})
	for i := range 100_001 {
		p.member.Remember(entry(strconv.Itoa(i)))
	}
	r.becomeAnother(t)
	eventually(t, "it is counted", soon, func() bool { return p.Stats().Overflows == 1 })
	eventually(t, "it is told", guarded, func() bool { return len(p.events.of(coherence.Overflowed)) == 1 })
}
