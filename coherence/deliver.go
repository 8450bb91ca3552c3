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

// deliver sends what writes that have returned could not say, and the INTENTs that Redis may have lost. Both the SYNC
// loop and Close deliver: to say a thing twice is harmless, to take it off twice is not. It goes by the connections of
// SYNC, which are tried anew at once when Redis is back.
func (b *Bus) deliver(ctx context.Context) error {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	for progress := false; ; progress = true {
		intents, some, overflow := b.pending.take(refsAtOnce)
		if len(intents)+len(some) == 0 && overflow == 0 {
			return nil
		}
		if err := b.deliverSome(ctx, intents, some, overflow); err != nil {
			if progress {
				b.syncNow() // the time was too short: go on at once, not at the next SYNC
			}
			return err
		}
	}
}

func (b *Bus) deliverSome(ctx context.Context, intents []*write, some []owed, overflow int64) error {
	for i, w := range intents {
		if err := w.again(ctx, b.control); err != nil {
			b.pending.resendIntent(intents[i:]...)
			return err
		}
	}
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
	if overflow > 0 && len(intents)+len(some) == 0 {
		return b.clearEverything(ctx, overflow)
	}
	return nil
}

// clearEverything raises every generation that Redis holds, also those of caches that this process does not have, and
// ends an overflow by it. The next call goes on where one that failed has stopped.
func (b *Bus) clearEverything(ctx context.Context, overflow int64) error {
	if b.clearing.overflow != overflow {
		b.clearing = clearing{overflow: overflow}
	}
	generations := b.Key(word.GenerationName(""))
	for {
		keys, next, err := b.control.Scan(ctx, b.clearing.cursor, generations+"*", scanAtOnce).Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := b.sendClear(ctx, b.control, strings.TrimPrefix(key, generations)); err != nil {
				return err
			}
		}
		if b.clearing.cursor = next; next == 0 {
			b.pending.restored(overflow)
			b.clearing = clearing{}
			return nil
		}
	}
}

// clearing is how far an overflow has been made good.
type clearing struct {
	overflow int64
	cursor   uint64
}

const scanAtOnce = 1000
