package coherence

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

// postpone makes pending what Redis did not take.
func (b *Bus) postpone(names []string, d debt, cause error) {
	if b.pending.postpone(names, d, b.epochs.Place) {
		b.overflowed(cause)
	}
	if isRefusedKey(cause) { // the next SYNC is soon enough for the Clear that comes of it
		b.tellPostponed(cause)
		return
	}
	b.undelivered(cause)
}

func (b *Bus) postponeIntent(w *write, cause error) {
	b.pending.resendIntent(w)
	if isRefusedKey(cause) {
		b.tellPostponed(cause)
		return
	}
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
	b.tellRarely(&b.told.overflows, Event{Kind: Overflowed, Err: cause})
}

// deliver sends what writes that have returned could not say, until nothing is left but what Redis refuses, or ctx ends. The
// INTENTs that Redis may have lost are sent beside it, and it waits only for those of writes that have returned. Both the
// SYNC loop and Close deliver: to say a thing twice is harmless, to take it off twice is not. It goes by the connections of
// SYNC, which are tried anew at once when Redis is back.
func (b *Bus) deliver(ctx context.Context) (moved bool, err error) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	defer func() { b.tried(ctx, err) }()
	if b.refusals.again(b.Now()) {
		b.pending.retry()
	}
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
		further, err := b.deliverSome(ctx, to, some)
		if err == nil && overflow > 0 && len(some) == 0 {
			further, err = b.clearEverything(ctx, to, overflow)
		}
		moved = moved || further
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
			b.pending.retract(back, b.Now())
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
			if err = i.write.again(ctx, b.control); isRefusedKey(err) {
				b.hindrance.note(ctx, err)
			}
		}
		if (err == nil || isRefusedKey(err)) && !b.Open(b.Now()) {
			b.syncNow() // which opens the fence
		}
	})
	if !began {
		b.pending.nextIntent(nil, ErrClosed)
	}
	return s
}

// deliverSome says whether some of it is done with, also where others failed.
func (b *Bus) deliverSome(ctx context.Context, to *redis.Conn, some []owed) (moved bool, err error) {
	b.ring.again(some) // first: whoever loses them is told again
	words := map[string][]owed{}
	for _, o := range some {
		cache, isClear := cacheOf(o.name)
		if !isClear {
			words[cache] = append(words[cache], o)
			continue
		}
		if err := b.ended(ctx, []owed{o}, b.sendClear(ctx, to, cache)); err != nil {
			return moved, err
		}
		moved = true
	}
	further, err := b.deliverWords(ctx, to, words)
	return moved || further, err
}

// deliverWords delivers what is owed to words, by cache: together, and where Redis refuses a key, one cache after the other.
func (b *Bus) deliverWords(ctx context.Context, to *redis.Conn, words map[string][]owed) (moved bool, err error) {
	all := slices.Concat(slices.Collect(maps.Values(words))...)
	if len(all) == 0 {
		return false, nil
	}
	list := make([]debt, len(all))
	for i, o := range all {
		list[i] = o.debt
	}
	_, err = b.sendDone(ctx, to, list, true)
	if !isRefusedKey(err) || len(words) == 1 {
		err = b.ended(ctx, all, err)
		return err == nil, err
	}
	for cache, some := range words {
		further, err := b.deliverWords(ctx, to, map[string][]owed{cache: some})
		if moved = moved || further; err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// ended takes off what was delivered, and turns into something else what Redis refuses.
func (b *Bus) ended(ctx context.Context, some []owed, err error) error {
	switch {
	case err == nil:
		b.pending.delivered(some, b.epochs.Place)
	case isRefusedKey(err):
		if b.pending.refuse(some, b.epochs.Place) {
			b.overflowed(err)
		}
		b.hindrance.note(ctx, err)
	default:
		return err
	}
	return nil
}

// clearEverything raises every generation that Redis holds, also those of caches that this process does not have, and ends
// an overflow by it; those that Redis refuses are set aside. The next call goes on where one that failed has stopped, but for
// another server; moved says that this one has come further.
func (b *Bus) clearEverything(ctx context.Context, to *redis.Conn, overflow int64) (moved bool, err error) {
	b.ring.overflow() // whoever loses what follows is told again
	b.mu.Lock()
	incarnation := b.incarnation
	b.mu.Unlock()
	if b.clearing.overflow == 0 || b.clearing.incarnation != incarnation {
		b.clearing = clearing{overflow: overflow, incarnation: incarnation}
	}
	generations := b.Key(word.GenerationName(""))
	for ; ; moved = true {
		keys, next, err := to.Scan(ctx, b.clearing.cursor, generations+"*", scanAtOnce).Result()
		if err != nil {
			return moved, b.server.failed("coherence: clear", err)
		}
		for _, key := range keys {
			cache := strings.TrimPrefix(key, generations)
			switch err := b.sendClear(ctx, to, cache); {
			case isRefusedKey(err):
				b.pending.refuseClear(word.GenerationName(cache), b.epochs.Place)
			case err != nil:
				return moved, err
			}
		}
		if b.clearing.cursor = next; next == 0 {
			b.pending.restored(b.clearing.overflow)
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
