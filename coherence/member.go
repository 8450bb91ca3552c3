package coherence

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/internal/word"
)

// Places are what one entry depends on.
type Places = epoch.Places

// Member is the seat of one cache on a bus: its generation and its epoch. It is safe for concurrent use.
type Member struct {
	bus        *Bus
	name       string
	place      uint32 // of a Clear that is pending
	epoch      epoch.Counter
	learning   sync.Mutex
	generation atomic.Uint64 // the highest ever learnt; 0: none yet
	tried      chan struct{} // closed when a SYNC that asked for the generation has ended, however
	once       sync.Once
	lookups    func() uint64 // in the cache's memory, ever; nil: not told
	told       [2]rarely     // of CacheFailed, and of NotEncoded
}

// Join gives a cache a seat; entries is how many its memory can hold, for the size of the epoch table. The error says
// that the name is unusable or taken, or is ErrClosed.
func (b *Bus) Join(cache string, entries int64) (*Member, error) {
	switch {
	case !word.ValidName(cache):
		return nil, fmt.Errorf("name %q: use 1 to 64 of a-z A-Z 0-9 . _ -", cache)
	case cache == word.Reserved:
		return nil, fmt.Errorf("name %q is the bus's own: choose another", cache)
	case b.closed.Load():
		return nil, ErrClosed
	}
	m := &Member{bus: b, name: cache, place: b.epochs.Place(word.GenerationName(cache)), tried: make(chan struct{})}
	b.epochs.Grow(entries)
	if b.data == nil {
		m.generation.Store(1)
		m.attempted()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[cache] != nil {
		return nil, fmt.Errorf("name %q: this bus has a cache of that name: one per name", cache)
	}
	b.members[cache] = m
	b.syncNow()
	return m, nil
}

// Leave gives the seat up; the name is free again.
func (m *Member) Leave() {
	m.bus.mu.Lock()
	defer m.bus.mu.Unlock()
	if m.bus.members[m.name] == m {
		delete(m.bus.members, m.name)
	}
}

// Tell tells OnEvent what the cache has met, CacheFailed or NotEncoded: once in ten seconds for each, for it may meet them at
// every read.
func (m *Member) Tell(k Kind, err error) {
	if m.told[k-CacheFailed].again(m.bus.Now()) {
		m.bus.emit(Event{Kind: k, Err: m.names(k, err)})
	}
}

// names says which cache err is of, and which Redis, where that has failed.
func (m *Member) names(k Kind, err error) error {
	what := fmt.Sprintf("cache %q", m.name)
	if k == CacheFailed {
		return m.bus.server.failed(what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Ready is for who is about to ask Redis. It waits until a SYNC has brought the cache's generation, for the first attempt
// only, and where nobody has read for long and the fence has closed by that, for the SYNC that opens it; at most the Redis
// timeout each, or until ctx ends.
func (m *Member) Ready(ctx context.Context) {
	if l := m.bus.use(); l != nil {
		m.bus.await(ctx, l.over)
	}
	select {
	case <-m.tried:
	default:
		m.bus.await(ctx, m.tried)
	}
}

// Generation returns the highest generation learnt, 0 before the first.
func (m *Member) Generation() uint64 { return m.generation.Load() }

// Usable says, in the order that the protocol asks for, whether memory and Redis may be used for the places at a time
// of Now: the fence is open, the generation is known and nothing of them is pending. The epoch is read after it.
func (m *Member) Usable(now time.Duration, p *Places) bool {
	return m.bus.Open(now) && m.generation.Load() != 0 && !m.Pending(p)
}

// Pending says whether a write to the cache or to any of the places has not been acknowledged.
func (m *Member) Pending(p *Places) bool { return m.bus.pending.has(m.place, p) }

// Settled says that nothing at all is pending in this process.
func (m *Member) Settled() bool { return m.bus.pending.none() }

// Prefix is what the Redis keys of the cache's entries begin with; the escaped key follows.
func (m *Member) Prefix() string { return m.bus.layout.Key(word.EntryName(m.name, "")) }

// Entry names an entry by the Redis key of its word, which it returns too.
func (m *Member) Entry(key string) (Ref, string) {
	return Ref{name: key[len(m.bus.layout.Key("")):]}, key
}

// Places returns what an entry depends on: its cache, itself, and its tags.
func (m *Member) Places(entry Ref, tags []Ref) Places {
	p := epoch.At(&m.epoch, m.bus.epochs.Place(entry.name))
	for _, t := range tags {
		p.Add(m.bus.epochs.Place(t.name))
	}
	return p
}

// Counter is the epoch of the last raise of all entries of the cache.
func (m *Member) Counter() *epoch.Counter { return &m.epoch }

// Epoch returns the epoch of this moment.
func (m *Member) Epoch() uint64 { return m.bus.epochs.Now() }

// Holds says whether what was read at an epoch is valid: none of the places has been raised since.
func (m *Member) Holds(at uint64, p *Places) bool { return m.bus.epochs.Holds(at, p) }

// Raise raises the epoch of one entry.
func (m *Member) Raise(p *Places) { m.bus.epochs.Raise(p.Key()) }

func (m *Member) raiseAll() { m.bus.epochs.RaiseCounter(&m.epoch) }

// Learn takes a generation; it never falls, and raises the epoch when it rises. The lock makes everybody who learns of it
// return after that: the message of a Clear may overtake its reply.
func (m *Member) Learn(g uint64) {
	m.learning.Lock()
	defer m.learning.Unlock()
	if g > m.generation.Load() {
		m.generation.Store(g)
		m.raiseAll()
	}
}

// Remember says that a Set of the entry is about to be sent, and returns the id that its value is to carry: a Redis that
// loses what this process wrote is told again, and keeps the entry only if it is that value.
func (m *Member) Remember(entry Ref) (id [8]byte) {
	id = word.Random()
	m.bus.remember([]string{entry.name}, string(id[:]))
	return id
}

// attempted ends the waiting for the first SYNC.
func (m *Member) attempted() { m.once.Do(func() { close(m.tried) }) }
