package coherence

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

//go:embed lua/invalidate.lua
var invalidateLua string

//go:embed lua/clear.lua
var clearLua string

var (
	invalidateScript = redis.NewScript(word.Lib + invalidateLua)
	clearScript      = redis.NewScript(word.Lib + clearLua)
)

// Update runs write, which changes what refs name, and makes every process forget it: this one at once, the others
// when the message arrives. It returns write's error, and lets its panic pass. What write changed counts as changed
// unless its error says RolledBack; while it runs, and until Redis has acknowledged, this process reads the refs from
// the source. If Redis cannot be reached the invalidation stays pending and is delivered later; that is an Event and
// no error.
//
// Errors: write's own; one that names an unusable ref, or ErrClosed, and write has not run. ErrClosed also where the bus
// was closed while write ran, and Redis did not take the invalidation any more.
func (b *Bus) Update(ctx context.Context, refs []Ref, write func(context.Context) error) (err error) {
	list, places, err := b.begin(refs)
	if err != nil {
		return err
	}
	b.epochs.Raise(places...)
	unchanged := false
	defer func() { // also when write panics or calls Goexit: the commit may have landed
		b.epochs.Raise(places...)
		if unchanged {
			b.pending.end(places)
			return
		}
		if undelivered := b.announce(ctx, list, places); undelivered != nil {
			err = errors.Join(err, undelivered) // else write's error stays as it is: callers may compare it with ==
		}
	}()
	err = write(ctx)
	unchanged = isRolledBack(err)
	return err
}

// Invalidate makes every process forget what refs name: after a commit that did not go through Update. If Redis cannot
// be reached it stays pending, as in Update, and nil is returned.
//
// Errors: one that names an unusable ref; ErrClosed.
func (b *Bus) Invalidate(ctx context.Context, refs ...Ref) error {
	list, places, err := b.begin(refs)
	if err != nil {
		return err
	}
	return b.announce(ctx, list, places)
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

// announce invalidates in Redis first, then here: the other way round a local reader would refill memory from the old
// word. The caller has counted the places as pending.
func (b *Bus) announce(ctx context.Context, names []string, places []uint32) error {
	b.counters.invalidations.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.config.Timeout)
	defer cancel()
	err := b.sendInvalidate(ctx, names)
	b.epochs.Raise(places...)
	if err == nil {
		b.pending.end(places)
		return nil
	}
	b.pending.keep(names, places)
	b.syncNow()
	b.emit(Event{Kind: InvalidationPending, Err: err})
	if b.ctx.Err() != nil {
		return fmt.Errorf("%w: the invalidation was not delivered: %w", ErrClosed, err)
	}
	return nil
}

// sendInvalidate says it to Redis, in scripts and messages of a bounded length.
func (b *Bus) sendInvalidate(ctx context.Context, names []string) error {
	if b.data == nil {
		return nil
	}
	for some := range slices.Chunk(names, invalidateAtOnce) {
		keys := []string{b.layout.Sequence(), b.layout.Journal()}
		args := []any{b.layout.Channel(), joinRefs(some), word.TagLife.Milliseconds()}
		for _, n := range some {
			keys = append(keys, b.Key(n))
			version := ""
			if strings.HasPrefix(n, word.TagName("")) {
				version = randomBytes()
			}
			args = append(args, version)
		}
		if err := invalidateScript.Run(ctx, b.data, keys, args...).Err(); err != nil {
			return fmt.Errorf("coherence: invalidate: %w", err)
		}
	}
	return nil
}

// Clear makes every process forget every entry of the cache: it raises the generation, whatever the number of entries.
//
// Errors: ErrClosed; ErrCoherence where Redis cannot be reached: the entries may be answered again, so call it again.
func (m *Member) Clear(ctx context.Context) error {
	b := m.bus
	if b.closed.Load() {
		return ErrClosed
	}
	if b.data == nil {
		m.epoch.Add(1)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	if err := m.sendClear(ctx); err != nil {
		m.epoch.Add(1)
		return errors.Join(ErrCoherence, err)
	}
	return nil
}

func (m *Member) sendClear(ctx context.Context) error {
	b, name := m.bus, word.GenerationName(m.name)
	keys := []string{b.layout.Sequence(), b.layout.Journal(), b.Key(name)}
	g, err := clearScript.Run(ctx, b.data, keys, b.layout.Channel(), name).Uint64()
	if err != nil {
		return fmt.Errorf("coherence: clear %s: %w", m.name, err)
	}
	m.Learn(g)
	return nil
}

func (b *Bus) places(names []string) []uint32 {
	list := make([]uint32, len(names))
	for i, n := range names {
		list[i] = b.epochs.Place(n)
	}
	return list
}

// RolledBack marks a write's error as "surely nothing was committed": its entries stay as they are. Without the mark
// they are invalidated whatever write returned, because the commit may have landed. nil stays nil; errors.Is and
// errors.As see through the mark.
func RolledBack(err error) error {
	if err == nil {
		return nil
	}
	return rolledBackError{err}
}

type rolledBackError struct{ error }

func (e rolledBackError) Unwrap() error { return e.error }

func isRolledBack(err error) bool {
	var marked rolledBackError
	return errors.As(err, &marked)
}

// randomBytes returns 64 random bits as they stand in a word.
func randomBytes() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it would end the process
	return string(b[:])
}

func randomHex() string { return hex.EncodeToString([]byte(randomBytes())) }
