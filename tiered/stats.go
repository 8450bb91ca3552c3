package tiered

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/l2"
)

// Stats counts what a cache has done in this process since New; Entries, Bytes, Loading and Queued are of this moment.
type Stats struct {
	MemoryHits   uint64 // lookups in memory that found a valid entry
	MemoryMisses uint64 // and those that did not; a flight looks once more
	Evicted      uint64 // entries that have left memory to make room: many, beside misses, say that Config.Capacity is small
	RedisHits    uint64 // flights that Redis answered
	RedisMisses  uint64 // words that were absent, or of an older generation or other tags
	Leased       uint64 // words that said that somebody else loads
	Foreign      uint64 // words of a newer format, another schema or another codec
	Garbage      uint64 // words that were damaged or none of ours
	RedisErrors  uint64 // reads and writes of a key that Redis did not answer, or answered with an error; in a batch, the rest that was not sent after that
	Bypasses     uint64 // flights that went round memory and Redis: right after a write of this process, too
	Shared       uint64 // readers that shared another's flight
	Waited       uint64 // times that a reader waited for the end of a flight that it could not share
	Loads        uint64 // keys asked of the source
	LoadErrors   uint64 // and those that failed, cancelled ones and those that LoadTimeout ended included, ErrNotFound not
	NoPlace      uint64 // keys that were not asked, for no place among MaxLoads came free in time
	FillsRefused uint64 // loads whose value was not stored, because somebody wrote meanwhile
	EncodeErrors uint64 // loads whose value was not stored, because the codec could not encode it

	Entries int   // in memory; expired and invalidated ones stay until memory is full, and go as others come
	Bytes   int64 // that they take of Config.Capacity

	Loading int // calls of a loader that run, at most Config.MaxLoads; less those that read a cache meanwhile
	Queued  int // those that wait for others to end: where it stays above zero, the source is slow or MaxLoads small
}

type counters struct {
	redisHits, redisMisses, leased, foreign, garbage, redisErrors                    atomic.Uint64
	bypasses, shared, waited, loads, loadErrors, noPlace, fillsRefused, encodeErrors atomic.Uint64

	loading, queued atomic.Int64
}

// saw counts what a look at Redis found.
func (c *counters) saw(k l2.Kind, err error) {
	if err != nil {
		return
	}
	switch k {
	case l2.Absent, l2.Stale:
		c.redisMisses.Add(1)
	case l2.Leased:
		c.leased.Add(1)
	case l2.Foreign:
		c.foreign.Add(1)
	case l2.Garbage:
		c.garbage.Add(1)
	}
}

// filled counts and tells how storing what was loaded has ended.
func (c *Cache[K, V]) filled(stored bool, err error) {
	switch {
	case errors.Is(err, l2.ErrEncode):
		c.count.encodeErrors.Add(1)
		c.member.Tell(coherence.NotEncoded, l2.WithoutKeys(err))
	case err != nil:
		c.redisFailed(err)
	case !stored:
		c.count.fillsRefused.Add(1)
	}
}

// redisFailed counts and tells what readers do not see.
func (c *Cache[K, V]) redisFailed(err error) {
	c.count.redisErrors.Add(1)
	c.member.Tell(coherence.CacheFailed, err)
}

// Stats returns the counts. They are read one by one, not at one moment.
func (c *Cache[K, V]) Stats() Stats {
	n := &c.count
	s := Stats{
		RedisHits: n.redisHits.Load(), RedisMisses: n.redisMisses.Load(), Leased: n.leased.Load(), Foreign: n.foreign.Load(),
		Garbage: n.garbage.Load(), RedisErrors: n.redisErrors.Load(), Bypasses: n.bypasses.Load(), Shared: n.shared.Load(), Waited: n.waited.Load(),
		Loads: n.loads.Load(), LoadErrors: n.loadErrors.Load(), NoPlace: n.noPlace.Load(), FillsRefused: n.fillsRefused.Load(), EncodeErrors: n.encodeErrors.Load(),
		Loading: int(n.loading.Load()), Queued: int(n.queued.Load()),
	}
	if c.l1 != nil {
		s.MemoryHits, s.MemoryMisses = c.l1.Lookups()
		used := c.l1.Usage()
		s.Entries, s.Bytes, s.Evicted = used.Entries, used.Bytes, used.Evicted
	}
	return s
}

// Tier is where an answer came from.
type Tier int

// The tiers, from the nearest.
const (
	Memory Tier = iota
	Redis
	Source
)

// String returns the tier in lower case.
func (t Tier) String() string {
	return [...]string{"memory", "redis", "source"}[min(max(t, Memory), Source)]
}

// Origin tells where the answers to reads came from: the farthest tier that one of them needed.
type Origin struct{ tier atomic.Int32 }

// Tier returns the farthest tier so far; Memory, if no read went further.
func (o *Origin) Tier() Tier { return Tier(o.tier.Load()) }

type originKey struct{}

// WithOrigin returns a context whose reads report to the Origin. It is safe for concurrent use, and costs a hit in
// memory nothing. A reader who shares a flight has needed what that has: also in the 2 ms after its answer, before that is
// in memory.
func WithOrigin(ctx context.Context) (context.Context, *Origin) {
	o := new(Origin)
	return context.WithValue(ctx, originKey{}, o), o
}

// origin reports that a read needed a tier.
func origin(ctx context.Context, t Tier) {
	o, ok := ctx.Value(originKey{}).(*Origin)
	if !ok {
		return
	}
	for old := o.tier.Load(); int32(t) > old && !o.tier.CompareAndSwap(old, int32(t)); {
		old = o.tier.Load()
	}
}
