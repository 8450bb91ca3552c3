package coherence

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

// postpone makes pending what Redis did not take.
func (b *Bus) postpone(names []string, places []uint32, d debt, cause error) {
	refused := len(names) == 1 && isRefusedKey(cause)
	if b.pending.postpone(names, places, d, refused) {
		b.overflowed(cause)
	}
	if refused {
		b.tellPostponed(cause)
		return
	}
	b.undelivered(cause)
}

// isRefusedKey says whether Redis lets its user not touch one of the keys that it was sent; others may be well.
func isRefusedKey(err error) bool {
	var words redis.Error // its own: in err's may be the name of a host
	return redis.HasErrorPrefix(err, "NOPERM") && errors.As(err, &words) &&
		(strings.Contains(words.Error(), "one of the keys") || strings.Contains(words.Error(), "access a key"))
}

func (b *Bus) postponeIntent(w *write, cause error) {
	b.pending.resendIntent(w)
	b.undelivered(cause)
}

func (b *Bus) undelivered(cause error) {
	b.syncNow() // which delivers
	b.tellPostponed(cause)
}

func (b *Bus) tellPostponed(cause error) {
	b.counters.postponed.Add(1)
	b.hindrance.note(b.ctx, cause)
	b.tellRarely(&b.told.postponed, Event{Kind: InvalidationPending, Err: cause})
}

func (b *Bus) overflowed(cause error) {
	b.counters.overflows.Add(1)
	b.emit(Event{Kind: Overflowed, Err: cause})
}

// deliver sends what writes that have returned could not say, until nothing is left but what Redis refuses, or ctx ends. The
// INTENTs that Redis may have lost are sent beside it, and it waits only for those of writes that have returned. Both the
// SYNC loop and Close deliver: to say a thing twice is harmless, to take it off twice is not. It goes by the connections of
// SYNC, which are tried anew at once when Redis is back.
func (b *Bus) deliver(ctx context.Context) (moved bool, err error) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	defer func() { b.tried(ctx, err) }()
	intents := b.sendIntents()
	if moved, err = b.deliverOwed(ctx); err != nil {
		return moved, err
	}
	if intents == nil || !b.pending.waits() {
		return moved, nil
	}
	select {
	case <-intents.done:
		return moved, intents.failed
	case <-ctx.Done():
		return moved, ctx.Err()
	}
}

func (b *Bus) deliverOwed(ctx context.Context) (moved bool, err error) {
	if b.refusals.again(b.Now()) {
		b.pending.retry()
	}
	if b.pending.nothing() {
		return false, nil
	}
	to, err := b.known(ctx)
	if err != nil {
		return false, err
	}
	defer to.Close()
	for {
		some, overflow := b.pending.take(b.lot.names())
		if len(some) == 0 && overflow == 0 {
			b.takeBack(ctx, to)
			return true, nil
		}
		further := false
		err := b.deliverSome(ctx, to, some)
		if err == nil && overflow > 0 && len(some) == 0 {
			further, err = b.clearEverything(ctx, to, overflow)
		}
		moved = moved || further || err == nil
		if b.lot.sent(err); err != nil {
			if moved {
				b.syncNow() // the time was too short: go on at once, not at the next SYNC
			}
			return moved, err
		}
	}
}

// lot is how many names are delivered at once: fewer, where so many took too long.
type lot struct{ fewer, well int }

func (l *lot) names() int { return max(refsAtOnce>>l.fewer, 1) }

// sent says how one has ended. Several that were well are doubled.
func (l *lot) sent(err error) {
	const before = 8
	switch {
	case err != nil && l.names() > 1:
		l.fewer, l.well = l.fewer+1, 0
	case err == nil && l.fewer > 0:
		if l.well++; l.well == before {
			l.fewer, l.well = l.fewer-1, 0
		}
	}
}

// takeBack sends the retractions that have failed. Nothing waits for them.
func (b *Bus) takeBack(ctx context.Context, to *redis.Conn) {
	for {
		back, ok := b.pending.takeBack(b.Now())
		if !ok {
			return
		}
		if _, err := b.sendDone(ctx, to, back.debts, false); err != nil && !isRefusedKey(err) {
			b.pending.retract(back)
			return
		}
	}
}

// known returns a connection to the server that SYNC was answered by. A new one may lead to another, that was demoted: what
// it took would be lost.
func (b *Bus) known(ctx context.Context) (*redis.Conn, error) {
	to := b.control.Conn()
	once, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	incarnation, err := to.Get(once, b.layout.Incarnation()).Result()
	if errors.Is(err, redis.Nil) {
		err = nil // as another server's
	}
	b.mu.Lock()
	if err == nil && b.synced && incarnation != b.incarnation {
		b.reconnect() // SYNC must not take this one next
		err = errOther
	}
	b.mu.Unlock()
	if err == nil {
		return to, nil
	}
	return nil, errors.Join(b.server.failed("coherence: deliver", err), to.Close())
}

// sendIntents has the INTENTs sent that are on the list, if there are any: by one goroutine, for one connection, and not
// by the caller, for that of a write of many refs takes many Redis timeouts.
func (b *Bus) sendIntents() *sending {
	s, starts := b.pending.beginSending()
	if !starts {
		return s
	}
	began := b.background(func(ctx context.Context) {
		var err error
		for i := b.pending.nextIntent(nil, nil); i != nil; i = b.pending.nextIntent(i, err) {
			err = i.write.again(ctx, b.control)
		}
		if err == nil && !b.Open(b.Now()) {
			b.syncNow() // which opens the fence
		}
	})
	if !began {
		b.pending.nextIntent(nil, ErrClosed)
	}
	return s
}

func (b *Bus) deliverSome(ctx context.Context, to *redis.Conn, some []owed) error {
	b.ring.again(some) // first: whoever loses them is told again
	words := make([]owed, 0, len(some))
	for _, o := range some {
		cache, isClear := strings.CutPrefix(o.name, word.GenerationName(""))
		if !isClear {
			words = append(words, o)
			continue
		}
		switch err := b.sendClear(ctx, to, cache); {
		case err == nil:
			b.pending.delivered([]owed{o}, b.epochs.Place)
		case isRefusedKey(err):
			b.refuse(ctx, o.name, err)
		default:
			return err
		}
	}
	return b.deliverWords(ctx, to, words)
}

// deliverWords delivers what is owed to words. Where Redis refuses a key, it finds out which, and sets that aside.
func (b *Bus) deliverWords(ctx context.Context, to *redis.Conn, words []owed) error {
	if len(words) == 0 {
		return nil
	}
	list := make([]debt, len(words))
	for i, o := range words {
		list[i] = o.debt
	}
	_, err := b.sendDone(ctx, to, list, true)
	switch {
	case err == nil:
		b.pending.delivered(words, b.epochs.Place)
		return nil
	case !isRefusedKey(err):
		return err
	case len(words) == 1:
		b.refuse(ctx, words[0].name, err)
		return nil
	}
	half := len(words) / 2
	if err := b.deliverWords(ctx, to, words[:half]); err != nil {
		return err
	}
	return b.deliverWords(ctx, to, words[half:])
}

// refuse sets a name aside that Redis refuses.
func (b *Bus) refuse(ctx context.Context, name string, cause error) {
	b.pending.refuse(name)
	b.hindrance.note(ctx, cause)
}

// clearEverything raises every generation that Redis holds, also those of caches that this process does not have, but for
// those that Redis refuses to its user, and ends an overflow by it. The next call goes on where one that failed has stopped,
// but for another server; moved says that this one has come further.
func (b *Bus) clearEverything(ctx context.Context, to *redis.Conn, overflow int64) (moved bool, err error) {
	b.ring.overflow() // whoever loses what follows is told again
	b.mu.Lock()
	incarnation := b.incarnation
	b.mu.Unlock()
	if b.clearing.overflow != overflow || b.clearing.incarnation != incarnation {
		b.clearing = clearing{overflow: overflow, incarnation: incarnation}
	}
	generations := b.Key(word.GenerationName(""))
	for ; ; moved = true {
		keys, next, err := to.Scan(ctx, b.clearing.cursor, generations+"*", scanAtOnce).Result()
		if err != nil {
			return moved, b.server.failed("coherence: clear", err)
		}
		for _, key := range keys {
			if err := b.sendClear(ctx, to, strings.TrimPrefix(key, generations)); err != nil && !isRefusedKey(err) {
				return moved, err
			}
		}
		if b.clearing.cursor = next; next == 0 {
			b.pending.restored(overflow)
			b.clearing = clearing{}
			return true, nil
		}
	}
}

// clearing is how far an overflow has been made good.
type clearing struct {
	overflow    int64
	incarnation string // whose cursor it is
	cursor      uint64
}

const scanAtOnce = 1000
