package coherence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/late"
	"github.com/tieredcache/tieredcache/internal/word"
)

// The life of an intent: how often in it a write that runs renews it, which part may pass without, and how soon it is
// tried again after that failed.
const (
	renewals     = 3
	renewalRetry = 30
)

// Update runs write, which changes what refs name, and makes every process forget it. Before write runs, an intent
// stands in Redis on each ref, so that nobody caches what the write may change: if this process dies at any point, the
// refs are merely uncached until the intent expires. After write has returned, the intent is taken away in the
// background; until Redis has acknowledged that, this process reads the refs from the source.
//
// It returns write's error, and lets its panic pass. After nil, and after an error that is marked with RolledBack, the
// refs are usable again at once. After any other error, a panic or Goexit the commit may still land: the intent is left
// to expire, after Config.IntentLife. So mark what fails before it touches the database, a validation for one.
//
// Where Redis does not take the intent, Config.Mode decides: Available runs write all the same, and tells the others
// when Redis is back, which is an Event and no error; Strict returns ErrCoherence. An intent is renewed while write
// runs; where that fails for two thirds of its life, Strict cancels write's context with ErrCoherence as the cause. When
// write has returned, Update waits for a renewal under way, for at most the Redis timeout; where the intent's life was
// over, also until Redis is told, for at most that timeout for each 1,000 refs.
//
// ctx is write's; while Redis is asked, its end ends the asking. write's context ends when Update returns.
//
// Errors: write's own; and those after which write has not run: one that names an unusable ref or a nil write, ctx's,
// ErrCoherence, ErrClosed. Where the bus was closed while write ran, and Redis could not be told any more, ErrUndelivered is
// joined to write's own, and wraps ErrClosed.
func (b *Bus) Update(ctx context.Context, refs []Ref, write func(context.Context) error) (err error) {
	if write == nil {
		return errors.New("coherence: update: write is nil: give the function that changes what refs name")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := b.newWrite(refs)
	if err != nil {
		return err
	}
	ctx, w.cancel = context.WithCancelCause(ctx)
	defer w.cancel(nil)
	notTaken, err := w.intend(ctx)
	if err != nil {
		return err
	}
	b.epochs.Raise(w.places...)
	known := true  // nothing has been written yet
	defer func() { // also when write panics or calls Goexit
		b.epochs.Raise(w.places...)
		if undelivered := w.end(known); undelivered != nil {
			err = errors.Join(err, undelivered) // else write's error stays as it is: callers may compare it with ==
		}
	}()
	if notTaken != nil {
		b.tellRarely(&b.told.intents, Event{Kind: IntentFailed, Err: notTaken})
	}
	known = false
	err = write(ctx)
	known = err == nil || isRolledBack(err)
	return err
}

// write is one Update: it runs, or it has ended and nobody knows how. The bus knows it as long.
type write struct {
	bus    *Bus
	names  []string
	places []uint32
	token  string
	cancel context.CancelCauseFunc // of write's context

	returning atomic.Bool // write has returned, or will not run: an INTENT of many refs that is under way ends early

	mu      sync.Mutex // one INTENT at a time, and none after DONE has begun
	renewal *time.Timer
	sent    time.Duration // when the last acknowledged INTENT was sent, on the clock of Now
	lost    bool          // for some time none stood there: what was filled meanwhile must go
	over    bool          // write has returned
	known   bool          // and DONE says how
	owes    bool          // counted as pending until its last INTENT is acknowledged
}

func (b *Bus) newWrite(refs []Ref) (*write, error) {
	list, places, err := b.begin(refs)
	if err != nil {
		return nil, err
	}
	w := &write{bus: b, names: list, places: places, token: word.Token()}
	b.counters.updates.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes[w] = struct{}{}
	return w, nil
}

// intend is INTENT before the write, and starts its renewal. The write runs where err is nil; notTaken says why its intent
// does not stand.
func (w *write) intend(ctx context.Context) (notTaken, err error) {
	b := w.bus
	if b.data == nil {
		return nil, nil
	}
	sent := b.Now()
	notTaken = b.sendIntent(ctx, b.data, w.names, w.token, "", never)
	if notTaken != nil {
		b.counters.intentFailures.Add(1)
		if stopped := late.Err(ctx); stopped != nil || b.config.Mode == Strict {
			w.retract()
			if stopped != nil {
				return nil, stopped
			}
			return nil, fmt.Errorf("%w: %w", ErrCoherence, notTaken)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent, w.lost = sent, notTaken != nil
	w.renewal = time.AfterFunc(sent+b.config.IntentLife/renewals-b.Now(), w.renew)
	return notTaken, nil
}

// retract takes an INTENT back that may have landed; write has not run.
func (w *write) retract() {
	b := w.bus
	w.returning.Store(true)
	w.mu.Lock()
	w.over, w.known = true, true // a new incarnation sends its INTENT no more
	w.mu.Unlock()
	b.forgetWrite(w)
	b.pending.end(w.places)
	b.background(func(ctx context.Context) {
		back := debts(w.names, w.token)
		if _, err := b.sendDone(ctx, b.data, back, false); err != nil {
			b.pending.retract(retraction{back, b.Now() + b.config.IntentLife}, b.Now())
		}
	})
}

// renew sends INTENT again while write runs, and says where it was not renewed in time.
func (w *write) renew() {
	lapsed := w.renewOnce()
	if lapsed == nil {
		return
	}
	if w.bus.config.Mode == Strict {
		w.cancel(lapsed)
	}
	w.bus.tellRarely(&w.bus.told.intents, Event{Kind: IntentFailed, Err: lapsed})
}

func (w *write) renewOnce() (lapsed error) {
	b := w.bus
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return nil
	}
	if b.ctx.Err() != nil {
		return w.lapse(ErrClosed)
	}
	sent, last, life := b.Now(), w.sent, b.config.IntentLife
	overdue := func() bool { return b.Now()-last >= life*(renewals-1)/renewals }
	frozen := overdue() // or cut off: all that is overdue is renewed
	stop := func() bool { return w.returning.Load() || !frozen && overdue() }
	err := b.sendIntent(b.ctx, b.data, w.names, w.token, "", stop)
	next := life / renewals
	switch {
	case err != nil:
		b.counters.intentFailures.Add(1)
		next = life / renewalRetry
	case !stop(): // else it may have ended early
		w.sent = sent
	}
	w.renewal.Reset(sent + next - b.Now())
	if overdue() {
		return w.lapse(errors.Join(ErrCoherence, err))
	}
	return nil
}

// lapse notes that an intent was not renewed in time, and says so once. The caller holds mu.
func (w *write) lapse(cause error) error {
	if w.lost {
		return nil
	}
	w.lost = true
	return fmt.Errorf("the intent was not renewed in time: %w", cause)
}

// end is what follows a write. The error says that the bus is closed, and the others cannot be told.
func (w *write) end(known bool) error {
	b := w.bus
	b.remember(w.names, "")
	if b.data == nil {
		w.endAlone(known)
		return nil
	}
	w.returning.Store(true)
	w.mu.Lock()
	w.renewal.Stop()
	w.over, w.known, w.owes = true, known, !known
	expired := b.Now()-w.sent >= b.config.IntentLife
	w.mu.Unlock()
	finish := w.done
	if !known {
		b.counters.unknown.Add(1)
		finish = w.leave
	}
	ended := make(chan struct{})
	if !b.background(func(ctx context.Context) { defer close(ended); finish(ctx) }) {
		b.forgetWrite(w)
		b.pending.end(w.places)
		return fmt.Errorf("%w: %w", ErrUndelivered, ErrClosed)
	}
	if expired { // nothing protected the refs for some time: the others are told before the caller is
		<-ended
	}
	return nil
}

// endAlone ends a write without Redis. One that may still land keeps its refs out of memory for as long as an intent
// would.
func (w *write) endAlone(known bool) {
	b := w.bus
	forget := func() {
		b.forgetWrite(w)
		b.epochs.Raise(w.places...)
		b.pending.end(w.places)
	}
	if known {
		forget()
		return
	}
	b.counters.unknown.Add(1)
	time.AfterFunc(b.config.IntentLife, forget)
}

// done is DONE. What cannot be told now stays pending.
func (w *write) done(ctx context.Context) {
	b := w.bus
	b.forgetWrite(w)
	repaired, err := b.sendDone(ctx, b.data, debts(w.names, w.token), w.lost)
	if err != nil {
		b.postpone(w.names, debt{tokens: []string{w.token}}, err)
		return
	}
	if repaired {
		b.counters.repairs.Add(1)
		b.epochs.Raise(w.places...)
	}
	b.pending.end(w.places)
}

// leave lets the intent of a write expire that may still land: INTENT once more, for its full life, under the token that
// all such writes share.
func (w *write) leave(ctx context.Context) {
	time.AfterFunc(w.bus.config.IntentLife, w.expire)
	if err := w.again(ctx, w.bus.data); err != nil {
		w.bus.postponeIntent(w, err)
	}
}

// again sends INTENT once more: of a write whose outcome is unknown, and on a new incarnation. One whose life has ended
// before it stood there again is made good: what was filled meanwhile goes.
func (w *write) again(ctx context.Context, client *redis.Client) error {
	b := w.bus
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.known:
		return nil
	case w.over && !w.owes && b.Now()-w.sent >= b.config.IntentLife:
		_, err := b.sendDone(ctx, client, debts(w.names, ""), true)
		return err
	}
	token, over, stop := w.token, "", w.returning.Load // DONE does without
	if w.over {
		token, over, stop = abandoned, w.token, never
	}
	sent := b.Now()
	if err := b.sendIntent(ctx, client, w.names, token, over, stop); err != nil || stop() {
		return err
	}
	w.sent = sent
	if w.owes {
		w.owes = false
		b.pending.end(w.places)
	}
	return nil
}

// expire forgets a write whose outcome is unknown once its intent is over. If Redis has not heard of its end in all that
// time, it is told now that the write is over.
func (w *write) expire() {
	b := w.bus
	w.mu.Lock()
	left, owes := w.sent+b.config.IntentLife-b.Now(), w.owes
	if owes {
		w.owes, w.known = false, true
	}
	w.mu.Unlock()
	switch {
	case b.ctx.Err() != nil:
	case owes:
		b.forgetWrite(w)
		b.pending.dropIntent(w)
		b.postpone(w.names, debt{tokens: []string{w.token}}, errLate)
	case left > 0:
		time.AfterFunc(left, w.expire)
	default:
		b.forgetWrite(w)
	}
}

func never() bool { return false }

func (b *Bus) forgetWrite(w *write) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.writes, w)
}
