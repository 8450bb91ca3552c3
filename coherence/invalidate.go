package coherence

import (
	"context"
	"fmt"

	"github.com/tieredcache/tieredcache/internal/word"
)

// Invalidate makes every process forget what refs name: after a commit that did not go through Update. The end of ctx does
// not end it: it takes at most Config.Timeout for each 1,000 refs. Where Redis cannot be reached, Config.Mode decides:
// Available keeps it pending and returns nil; Strict returns ErrCoherence.
//
// Errors: one that names an unusable ref; ErrCoherence, as said; ErrClosed; ErrUndelivered, which wraps it, where the bus was
// closed meanwhile.
func (b *Bus) Invalidate(ctx context.Context, refs ...Ref) error {
	list, places, err := b.begin(refs)
	if err != nil {
		return err
	}
	b.counters.invalidations.Add(1)
	b.remember(list, "")
	return b.redisFirst(ctx, list, places, func(ctx context.Context) error {
		_, err := b.sendDone(ctx, b.data, debts(list, ""), true)
		return err
	})
}

// Clear makes every process forget every entry of the cache: it raises the generation, whatever the number of entries.
// The end of ctx does not end it. Where Redis cannot be reached, Config.Mode decides, as for Invalidate; while a Clear is
// pending, this process reads the cache from the source.
//
// Errors: ErrCoherence, as said; ErrClosed; ErrUndelivered, as for Invalidate.
func (m *Member) Clear(ctx context.Context) error {
	b := m.bus
	if b.closed.Load() {
		return ErrClosed
	}
	b.counters.invalidations.Add(1)
	if b.data == nil {
		m.raiseAll()
		return nil
	}
	list, places := []string{word.GenerationName(m.name)}, []uint32{m.place}
	b.pending.begin(places)
	b.remember(list, "")
	defer m.raiseAll()
	return b.redisFirst(ctx, list, places, func(ctx context.Context) error { return b.sendClear(ctx, b.data, m.name) })
}

// begin counts a write to the refs as pending.
func (b *Bus) begin(refs []Ref) (list []string, places []uint32, err error) {
	if list, err = names(refs); err != nil {
		return nil, nil, err
	}
	if b.closed.Load() {
		return nil, nil, ErrClosed
	}
	places = b.places(list)
	b.pending.begin(places)
	return list, places, nil
}

// redisFirst tells Redis first, then here: the other way round a local reader would refill memory from the old word.
func (b *Bus) redisFirst(ctx context.Context, names []string, places []uint32, tell func(context.Context) error) error {
	if b.data == nil {
		b.epochs.Raise(places...)
		b.pending.end(places)
		return nil
	}
	err := tell(context.WithoutCancel(ctx))
	b.epochs.Raise(places...)
	switch {
	case err == nil:
		b.pending.end(places)
		return nil
	case b.config.Mode == Strict:
		b.pending.end(places)
		return fmt.Errorf("%w: %w", ErrCoherence, err)
	}
	b.postpone(names, debt{}, err)
	if b.ctx.Err() != nil {
		return fmt.Errorf("%w: %w: %w", ErrUndelivered, ErrClosed, err)
	}
	return nil
}

func (b *Bus) places(names []string) []uint32 {
	list := make([]uint32, len(names))
	for i, n := range names {
		list[i] = b.epochs.Place(n)
	}
	return list
}
