package coherence_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
)

// TestWithin: what is asked for within one operation's time ends with it, or with the caller's own deadline, and not with
// the caller's cancellation, however many share it.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 160 * time.Millisecond
		bus, err := coherence.New(coherence.Config{Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close()
		for step := range 100 {
			caller, cancel := context.WithCancel(t.Context())
			ctx, release := bus.Within(caller)
			left, _ := ctx.Deadline()
			if d := time.Until(left); d > timeout || d < timeout-timeout/16 {
				t.Fatalf("step %d: ends in %v, want %v, at most a sixteenth sooner", step, d, timeout)
			}
			cancel()
			if err := ctx.Err(); err != nil {
				t.Fatalf("step %d: %v after the caller's cancellation", step, err)
			}
			release()
			<-time.After(3 * time.Millisecond)
		}

		one, release := bus.Within(t.Context())
		defer release()
		<-time.After(timeout / 2)
		other, release := bus.Within(t.Context())
		defer release()
		<-time.After(timeout/2 + time.Millisecond)
		if one.Err() == nil || other.Err() != nil {
			t.Errorf("after %v: %v, %v; want the first to have ended", timeout, one.Err(), other.Err())
		}

		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		own, release := bus.Within(hurried)
		defer release()
		<-time.After(2 * time.Millisecond)
		if own.Err() == nil {
			t.Error("goes on after the caller's deadline")
		}
	})
}
