package coherence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Close delivers what is pending for at most the Redis timeout, ends what New started and returns when it has ended.
// The caller's client stays open. Closing again does nothing and returns nil. The error says what could not be delivered,
// and wraps ErrUndelivered; OnEvent is told of it, too.
func (b *Bus) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), b.config.Timeout)
	defer cancel()
	err := b.Shutdown(ctx)
	if errors.Is(err, ErrUndelivered) {
		err = fmt.Errorf("%w: Close waits for %v, Shutdown for longer", err, b.config.Timeout)
	}
	return err
}

// Shutdown is Close that goes on delivering what is pending until ctx ends; its error then wraps ctx's too.
func (b *Bus) Shutdown(ctx context.Context) error {
	if b.closed.Swap(true) {
		return nil
	}
	state := b.State()
	err := b.drain(ctx)
	if err != nil {
		err = b.notDelivered(state, err)
		b.emit(Event{Kind: InvalidationPending, Err: err}) // the last word: Close is often deferred
	}
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.connections.closeAll() // what waits for Redis ends now
	b.done.Wait()
	b.fence.Store(0)
	b.status.set(Closed, "closed")
	b.events.shut()
	if b.data != nil {
		err = errors.Join(err, b.data.Close(), b.control.Close())
	}
	return err
}

// notDelivered says what is left, and what stood in the way: of the last that was tried, else when Shutdown began.
func (b *Bus) notDelivered(then State, end error) error {
	what, n := "writes ran on", b.pending.undelivered()
	if n > 0 {
		what = fmt.Sprintf("%d invalidations were not delivered", n)
	}
	if cause := b.hindrance.last(); n > 0 && cause != nil {
		what += ": " + cause.Error()
	} else if then.Condition != Open {
		what += ": " + then.Why
	}
	return fmt.Errorf("%w: %s: %w", ErrUndelivered, what, end)
}

// hindrance is why what is pending was not delivered when that was tried last.
type hindrance struct{ cause atomic.Pointer[error] }

// note takes what came of a try that has failed. One that ctx ended says nothing of the cause, where one is known.
func (h *hindrance) note(ctx context.Context, err error) {
	if ctx.Err() == nil || h.last() == nil {
		h.cause.Store(&err)
	}
}

func (h *hindrance) last() error {
	if cause := h.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// tried notes what came of a delivery. One that went well leaves what Redis refuses.
func (b *Bus) tried(ctx context.Context, err error) {
	if err != nil {
		b.hindrance.note(ctx, err)
	} else if b.pending.undelivered() == 0 {
		b.hindrance.cause.Store(nil)
	}
}

// drain waits for the writes that run, and delivers what is pending, until nothing is or ctx ends.
func (b *Bus) drain(ctx context.Context) error {
	for b.data != nil && !b.pending.none() {
		if b.delivered(ctx) && b.pending.none() {
			break
		}
		select {
		case <-ctx.Done():
			if b.pending.none() {
				return nil
			}
			return ctx.Err()
		case <-time.After(min(retryFirst, b.config.Timeout/4)):
		}
	}
	return nil
}

// delivered says whether there was something to deliver, and it went well.
func (b *Bus) delivered(ctx context.Context) bool {
	if b.pending.undelivered() == 0 {
		return false
	}
	_, err := b.deliver(ctx)
	return err == nil
}

// background runs f, until the bus ends, and says false where it has.
func (b *Bus) background(f func(context.Context)) bool {
	b.mu.Lock() // against Shutdown, which waits for what runs
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.done.Go(func() { f(b.ctx) })
	return true
}
