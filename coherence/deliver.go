package coherence

import (
	"context"
	"strings"

	"github.com/tieredcache/tieredcache/internal/word"
)

// postpone makes pending what Redis did not take.
func (b *Bus) postpone(names []string, places []uint32, d debt, cause error) {
	if b.pending.postpone(names, places, d) {
		b.overflowed(cause)
	}
	b.undelivered(cause)
}

func (b *Bus) postponeIntent(w *write, cause error) {
	b.pending.resendIntent(w)
	b.undelivered(cause)
}

func (b *Bus) undelivered(cause error) {
	b.syncNow() // which delivers
	b.emit(Event{Kind: InvalidationPending, Err: cause})
}

func (b *Bus) overflowed(cause error) {
	b.counters.overflows.Add(1)
	b.emit(Event{Kind: Overflowed, Err: cause})
}

// deliver sends what writes that have returned could not say, until nothing is left or ctx ends. The INTENTs that Redis
// may have lost are sent beside it, and it waits only for those of writes that have returned. Both the SYNC loop and Close
// deliver: to say a thing twice is harmless, to take it off twice is not. It goes by the connections of SYNC, which are
// tried anew at once when Redis is back.
func (b *Bus) deliver(ctx context.Context) error {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	intents := b.sendIntents()
	for progress := false; ; progress = true {
		some, overflow := b.pending.take(refsAtOnce)
		if len(some) == 0 && overflow == 0 {
			break
		}
		if err := b.deliverSome(ctx, some, overflow); err != nil {
			if progress {
				b.syncNow() // the time was too short: go on at once, not at the next SYNC
			}
			return err
		}
	}
	if intents == nil || !b.pending.waits() {
		return nil
	}
	select {
	case <-intents.done:
		return intents.failed
	case <-ctx.Done():
		return ctx.Err()
	}
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

func (b *Bus) deliverSome(ctx context.Context, some []owed, overflow int64) error {
	b.ring.again(b.Now(), some) // first: whoever loses them is told again
	words := make([]debt, 0, len(some))
	for _, o := range some {
		cache, isClear := strings.CutPrefix(o.name, word.GenerationName(""))
		if !isClear {
			words = append(words, o.debt)
		} else if err := b.sendClear(ctx, b.control, cache); err != nil {
			return err
		}
	}
	if _, err := b.sendDone(ctx, b.control, words, true); err != nil {
		return err
	}
	b.pending.delivered(some, b.epochs.Place)
	if overflow > 0 && len(some) == 0 {
		return b.clearEverything(ctx, overflow)
	}
	return nil
}

// clearEverything raises every generation that Redis holds, also those of caches that this process does not have, and
// ends an overflow by it. The next call goes on where one that failed has stopped, but on other connections, which may lead
// to another server, from the beginning.
func (b *Bus) clearEverything(ctx context.Context, overflow int64) error {
	generations := b.Key(word.GenerationName(""))
	for {
		renewed := b.connectionsNow()
		if b.clearing.overflow != overflow || b.clearing.renewed != renewed {
			b.clearing = clearing{overflow: overflow, renewed: renewed}
		}
		keys, next, err := b.control.Scan(ctx, b.clearing.cursor, generations+"*", scanAtOnce).Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := b.sendClear(ctx, b.control, strings.TrimPrefix(key, generations)); err != nil {
				return err
			}
		}
		b.clearing.cursor = next
		if next == 0 && b.connectionsNow() == renewed {
			b.ring.overflow(b.Now())
			b.pending.restored(overflow)
			b.clearing = clearing{}
			return nil
		}
	}
}

// connectionsNow counts how often the connections were made anew.
func (b *Bus) connectionsNow() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.renewed
}

// clearing is how far an overflow has been made good.
type clearing struct {
	overflow int64
	renewed  int // the connections whose server's cursor it is
	cursor   uint64
}

const scanAtOnce = 1000
