package coherence

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

//go:embed lua/sync.lua
var syncLua string

var syncScript = redis.NewScript(word.Lib + syncLua)

const heartbeatLife = time.Minute

// syncApart is the least time from the beginning of one SYNC to that of the next.
const syncApart = 10 * time.Millisecond

// syncNow asks for a SYNC as soon as the one that may be under way has ended.
func (b *Bus) syncNow() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// syncLoop is the only one that syncs: one SYNC is in flight at a time.
func (b *Bus) syncLoop() {
	turn := min(syncEvery, b.config.MaxStaleness/syncFraction)
	every := time.NewTicker(turn)
	defer every.Stop()
	defer b.endLull(false)
	kick, began := b.kick, b.Now()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-kick:
			b.pause(began + syncApart - b.Now())
		case <-every.C:
			if b.leavesOut(began) {
				continue
			}
		}
		began = b.Now()
		stuck, err := b.sync()
		if kick == nil {
			every.Reset(turn)
		}
		if kick = b.kick; err != nil || stuck {
			kick = nil // each write that fails asks for a SYNC: a Redis that is away is asked in the usual turn
			every.Reset(max(began+spread(turn)-b.Now(), syncApart))
		}
		if err != nil && b.ctx.Err() == nil {
			b.counters.syncFailures.Add(1)
			b.recovery = recovery{failed: true}
			b.tellOnce(&b.told.syncs, Event{Kind: SyncFailed, Err: err})
			b.watchFence(err)
		}
		b.endLull(b.idleness.lull.Load() != nil && b.idle())
	}
}

// pause waits, or for the end of the bus.
func (b *Bus) pause(d time.Duration) {
	select {
	case <-b.ctx.Done():
	case <-time.After(d):
	}
}

// reach is how much of the journal a SYNC asks for.
type reach struct{ entries, bytes int }

var (
	// A longer journal is not sent, which is as long as announce in lib.lua keeps it: everything is flushed instead.
	fullReach = reach{1000, 1 << 20}
	// One entry fits into the least.
	leastReach = reach{16, 16 << 10}
)

// after is what to ask for next: where the reply may have taken too long, less of it, so that one comes through.
func (r reach) after(err error) reach {
	switch {
	case err == nil:
		return fullReach
	case isTimeout(err):
		return reach{max(r.entries/4, leastReach.entries), max(r.bytes/4, leastReach.bytes)}
	}
	return r
}

func isTimeout(err error) bool {
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}

// sync asks Redis what changed since what was applied, applies it, and then, and only then, opens the fence for
// MaxStaleness from the moment that it asked. stuck says that nothing of what is pending could be delivered.
func (b *Bus) sync() (stuck bool, err error) {
	b.mu.Lock()
	first, after, known := !b.synced, b.applied, make([]*Member, 0, len(b.members))
	for _, m := range b.members {
		known = append(known, m)
	}
	b.mu.Unlock()
	defer func() {
		for _, m := range known {
			m.attempted()
		}
	}()

	if b.recovery.failed {
		if err := b.connect(); err != nil {
			return false, b.server.failed("coherence: sync", err)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.config.Timeout)
	defer cancel()
	sent := b.Now()
	reply, err := b.askSync(ctx, first, after, known)
	if b.reach = b.reach.after(err); err != nil {
		return false, err
	}
	flushed, overflowed := b.applySync(reply, after, sent, known)
	b.counters.syncs.Add(1)
	if flushed != "" && !first {
		b.counters.flushes.Add(1)
		b.tellOnce(&b.told.flushes, Event{Kind: Flushed, Err: errors.New(flushed)})
	}
	if overflowed {
		b.overflowed(errors.New(flushed))
	}
	delivering, cancel := context.WithTimeout(b.ctx, b.patience())
	defer cancel()
	moved, err := b.deliver(delivering)
	b.openFence(sent, err)
	return err != nil && !moved, nil
}

// patience is how long the SYNC loop may take for what comes before a SYNC, and after it.
func (b *Bus) patience() time.Duration {
	return max(b.config.MaxStaleness/syncFraction, b.config.Timeout)
}

// connect sees to it that a connection of SYNC's stands: to make one takes several round trips, for which the one Timeout of
// a command may be too short.
func (b *Bus) connect() error {
	ctx, cancel := context.WithTimeout(b.ctx, b.patience())
	defer cancel()
	to := b.control.Conn()
	if err := errors.Join(to.Ping(ctx).Err(), to.Close()); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// syncReply is what the script says.
type syncReply struct {
	incarnation string
	time        int64 // µs
	sequence    uint64
	generations []uint64
	missed      []string // refs, by number: after+1, after+2, ...
	complete    bool     // missed reaches from after+1 to sequence exactly
}

func (b *Bus) askSync(ctx context.Context, first bool, after uint64, known []*Member) (syncReply, error) {
	keys := []string{b.layout.Heartbeat(), b.layout.Sequence(), b.layout.Journal(), b.layout.Incarnation()}
	since := strconv.FormatUint(after, 10)
	if first {
		since = ""
	}
	args := []any{since, word.Token(), b.reach.entries, heartbeatLife.Milliseconds(), b.reach.bytes}
	for _, m := range known {
		keys = append(keys, b.Key(word.GenerationName(m.name)))
		args = append(args, strconv.FormatUint(m.Generation(), 10))
	}
	raw, err := syncScript.Run(ctx, b.control, keys, args...).Slice()
	if err != nil {
		return syncReply{}, b.server.failed("coherence: sync", err)
	}
	r, err := readSync(raw, after, len(known))
	if err != nil {
		return syncReply{}, b.server.failed("coherence: sync: unexpected reply", err)
	}
	return r, nil
}

func readSync(raw []any, after uint64, members int) (r syncReply, err error) {
	if len(raw) != 5 {
		return r, fmt.Errorf("%d parts", len(raw))
	}
	var bad error
	text := func(v any) string {
		s, ok := v.(string)
		if !ok {
			bad = fmt.Errorf("a %T where a string belongs", v)
		}
		return s
	}
	number := func(v any) uint64 {
		n, err := strconv.ParseUint(text(v), 10, 64)
		if err != nil && bad == nil {
			bad = err
		}
		return n
	}
	generations, _ := raw[3].([]any)
	missed, _ := raw[4].([]any)
	if len(generations) != members || len(missed)%2 != 0 {
		return r, fmt.Errorf("%d generations, %d of the journal", len(generations), len(missed))
	}
	r.incarnation, r.time, r.sequence = text(raw[0]), int64(number(raw[1])), number(raw[2])
	for _, g := range generations {
		r.generations = append(r.generations, number(g))
	}
	r.complete = r.sequence >= after && uint64(len(missed)/2) == r.sequence-after
	for i := 0; i < len(missed); i += 2 {
		id, ours := strings.CutSuffix(text(missed[i]), "-0")
		n, err := strconv.ParseUint(id, 10, 64)
		r.complete = r.complete && ours && err == nil && n == after+uint64(i/2)+1
		r.missed = append(r.missed, text(missed[i+1]))
	}
	return r, bad
}

// applySync applies a reply under the lock of the messages, in the protocol's order: generations, epochs, applied. It
// returns why everything was flushed, or nothing, and whether more is pending by that than can be remembered.
func (b *Bus) applySync(r syncReply, after uint64, sent time.Duration, known []*Member) (flushed string, overflowed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lag.Store(r.time - sent.Microseconds()) // before the generations, which let a Set begin
	for i, m := range known {
		m.Learn(r.generations[i])
	}
	switch {
	case !b.synced:
		b.epochs.RaiseAll()
		b.applied = r.sequence
	case r.incarnation != b.incarnation:
		flushed = "another incarnation of Redis answered"
		overflowed = b.startAnew(r.sequence)
	case r.sequence < after:
		flushed = "the sequence fell"
		overflowed = b.startAnew(r.sequence)
	case r.complete:
		for _, refs := range r.missed {
			b.apply(refs)
		}
		b.applied = max(b.applied, r.sequence)
	default:
		flushed = "the journal does not reach back"
		b.epochs.RaiseAll()
		b.applied = max(b.applied, r.sequence)
	}
	b.synced, b.incarnation = true, r.incarnation
	b.ring.hear(sent)
	return flushed, overflowed
}
