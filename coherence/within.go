package coherence

import (
	"context"
	"sync/atomic"
	"time"
)

// within hands out contexts that end one Redis timeout from now. Those who ask within a sixteenth of it share one, whose
// own end is a little sooner: a context and a timer for each read of Redis were 6 % of what it costs.
type within struct {
	current atomic.Pointer[sharedContext]
}

type sharedContext struct {
	context.Context
	release context.CancelFunc // not called: its timer fires soon
	until   time.Duration      // on the clock of Now: who asks later gets another
}

// Within returns a context for one operation on Redis, which ends when Timeout is over, at most a sixteenth of it sooner,
// and when the deadline of ctx is; it does not end when ctx is cancelled.
func (b *Bus) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	now := b.Now()
	shared := b.within.current.Load()
	if shared == nil || now >= shared.until {
		shared = &sharedContext{until: now + b.config.Timeout/16}
		shared.Context, shared.release = context.WithTimeout(context.Background(), b.config.Timeout)
		b.within.current.Store(shared)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if end, _ := shared.Deadline(); deadline.Before(end) {
			return context.WithDeadline(context.WithoutCancel(ctx), deadline)
		}
	}
	return shared, func() {}
}
