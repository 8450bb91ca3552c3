package tiered

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/word"
	"github.com/tieredcache/tieredcache/l1"
	"github.com/tieredcache/tieredcache/l2"
)

// Defaults of Config.
const (
	DefaultTTL         = 5 * time.Minute
	DefaultMissingTTL  = 30 * time.Second
	DefaultCapacity    = 64 << 20
	DefaultMaxLoads    = 64
	DefaultLoadTimeout = time.Minute
)

// The least that Config.Capacity may be, in bytes (below it, surely entries were meant), and the shortest and the longest
// life: Redis counts in ms.
const (
	MinCapacity = 1 << 10
	MinTTL      = time.Millisecond
	MaxTTL      = 100 * 365 * 24 * time.Hour
)

// Config configures a Cache. Every field but Name has a usable zero value; New validates it once. Its functions are called
// by several goroutines at once.
type Config[K comparable, V any] struct {
	// Name is what Redis keys begin with, before ':', and what events call the cache: 1 to 64 of a-z A-Z 0-9 . _ -,
	// once per bus; "tieredcache" is the bus's own. Processes that share a Redis and a name share the entries.
	Name string

	// Bus keeps this cache coherent with those of other processes. It stays the caller's to close, after the cache.
	// nil: this process alone, without Redis; nothing is promised across processes.
	Bus *coherence.Bus

	// Load reads a value from the source. It returns ErrNotFound, plain or wrapped, where the source has none; that is
	// cached for MissingTTL, and not where it is joined to another error. It may change its entry's life with SetTTL.
	// Its context carries the values of the reader that led the flight, not its deadline: it has that of LoadTimeout,
	// and ends when the last reader has left. A panic becomes the readers' error. It may read this cache with that
	// context, but for the entry that it loads; loaders that read each other's entries wait for each other. nil, with
	// LoadMany nil too: Get answers only what was Set.
	Load func(context.Context, K) (V, error)

	// LoadMany reads several values at once; a key that is absent from its map is ErrNotFound. Its error is that of all the
	// keys, but a *BatchError that of those which it names: the GetMany of another cache is a LoadMany. It must not read,
	// through this cache, a key of its own batch, nor one of a batch that reads a key of its own: the batches would wait for
	// each other. Where Load is nil, Get uses it too, for one key. nil: Load for each key.
	LoadMany func(context.Context, []K) (map[K]V, error)

	// Key makes the text of a key; different keys must have different texts. ':' in it stays, what else Redis or the
	// protocol could misread is escaped. nil: strings, integers and structs of them, the fields escaped and joined
	// with ':'. A part of more than 200 bytes, and a text of more than 700, is replaced by its SHA-256. New refuses a K that
	// holds floats (0 and -0 are equal), and one that is no such type and has no Key.
	Key func(K) string

	// Tags names the groups that an entry belongs to, from its key alone: to invalidate a tag is to invalidate them
	// all. At most 255, made with coherence.Tag: else a read that memory does not answer is an error. nil: none.
	Tags func(K) []coherence.Ref

	// Codec encodes values for Redis. nil: l2.MessagePack. Where there is a Redis, New refuses a V that its codec cannot keep
	// whole.
	Codec l2.Codec[V]

	// Schema is raised when what V means changes: entries of another schema, or of another codec, are left alone, never read.
	// Until they expire, are written or are cleared, each process of the other release loads them for itself, which
	// Stats.Foreign counts. After a rollout, Clear ends it.
	Schema uint

	// CompressAbove is the size in bytes above which an encoded value is compressed for Redis, if that makes it smaller;
	// every process reads both. Zero: never, for beside a Redis that is near it pays at no size. It saves memory of Redis
	// (a quarter of MessagePack, half of JSON), and time where the link to it is slower than about 3 Gbit/s.
	CompressAbove int

	// TTL is the life of an entry, in memory and in Redis together. Zero: 5 min; at least 1 ms, at most 100 years.
	TTL time.Duration

	// MissingTTL is the life of the answer that the source has no value. Zero: 30 s; at least 1 ms, at most 100 years.
	MissingTTL time.Duration

	// Capacity is the memory, in bytes, that entries may take in this process, not their number. Zero: 64 MiB; at least
	// 1 KiB. What finds the entries, and says which to keep, comes to up to 6 % more, at most 1 GiB.
	Capacity int64

	// Cost measures a value, in bytes. nil: by walking the value.
	Cost func(V) int64

	// MaxLoads bounds the concurrent loads of this cache in this process; a load whose loader waits for a read of a
	// cache, this or another, does not count. Zero: 64.
	MaxLoads int

	// LoadTimeout bounds a call of Load or LoadMany, and again the wait for a place among MaxLoads before it. After it the
	// loader's context ends, the readers get an error that wraps context.DeadlineExceeded, and the next reader, in any
	// process, loads anew. A loader that does not heed its context runs on, and keeps its place. Zero: 1 min; at least 1 ms;
	// negative: never. One that hangs then holds its key up, in every process, for as long as there are readers.
	LoadTimeout time.Duration

	// Clone copies a value for a caller who may change what it gets. nil: values are shared between callers and with
	// the cache, and are read-only.
	Clone func(V) V

	// FillInBackground answers a reader as soon as the source has, and stores in Redis after that: a miss costs one round
	// trip less. What it promises is the same. A process that dies in between has loaded for itself alone.
	FillInBackground bool

	// Linearizable makes every read go to Redis or the source: there is no memory tier, and readers share only loads
	// that began after they did. It is linearizable on a Strict bus only: on another, writes go on where Redis is away.
	Linearizable bool
}

// complete returns the config with its defaults, or an error that names the field that is unusable.
func (c Config[K, V]) complete() (Config[K, V], error) {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.MissingTTL == 0 {
		c.MissingTTL = DefaultMissingTTL
	}
	if c.Capacity == 0 {
		c.Capacity = DefaultCapacity
	}
	if c.MaxLoads == 0 {
		c.MaxLoads = DefaultMaxLoads
	}
	if c.LoadTimeout == 0 {
		c.LoadTimeout = DefaultLoadTimeout
	}
	if c.Cost == nil {
		c.Cost = l1.Sizer[V]()
	}
	wrong := ""
	switch {
	case c.Name == "":
		return c, errors.New("tiered: Name is empty: it is what the Redis keys begin with, such as \"prefs\"")
	case !word.ValidName(c.Name):
		return c, fmt.Errorf("tiered: Name %q: use 1 to 64 of a-z A-Z 0-9 . _ -", c.Name)
	case unusable(c.TTL) != "":
		wrong = fmt.Sprintf("TTL is %v: %s, or zero for %v", c.TTL, unusable(c.TTL), DefaultTTL)
	case unusable(c.MissingTTL) != "":
		wrong = fmt.Sprintf("MissingTTL is %v: %s, or zero for %v", c.MissingTTL, unusable(c.MissingTTL), DefaultMissingTTL)
	case c.Capacity < MinCapacity:
		wrong = fmt.Sprintf("Capacity is %d: give bytes, at least %d, or zero for %d", c.Capacity, MinCapacity, DefaultCapacity)
	case c.MaxLoads < 0:
		wrong = fmt.Sprintf("MaxLoads is %d: give a number, or zero for %d", c.MaxLoads, DefaultMaxLoads)
	case c.LoadTimeout > 0 && c.LoadTimeout < time.Millisecond:
		wrong = fmt.Sprintf("LoadTimeout is %v: give at least 1ms, zero for %v, or less for none", c.LoadTimeout, DefaultLoadTimeout)
	case c.CompressAbove < 0:
		wrong = fmt.Sprintf("CompressAbove is %d: give bytes, or zero for never", c.CompressAbove)
	case c.Schema > math.MaxUint32:
		wrong = fmt.Sprintf("Schema is %d: at most %d", c.Schema, uint32(math.MaxUint32))
	}
	if wrong != "" {
		return c, fmt.Errorf("tiered: cache %q: %s", c.Name, wrong)
	}
	return c, nil
}

// unusable says what is to be done about a life that is none, or nothing.
func unusable(ttl time.Duration) string {
	switch {
	case ttl < MinTTL:
		return "give at least 1ms"
	case ttl > MaxTTL:
		return "give at most 100 years"
	}
	return ""
}

// loader returns what Get loads with: Load, or LoadMany for one key, or nil.
func (c Config[K, V]) loader() loader[K, V] {
	if c.Load != nil || c.LoadMany == nil {
		return c.Load
	}
	return func(ctx context.Context, key K) (V, error) {
		found, err := c.LoadMany(ctx, []K{key})
		return one(found, err, key)
	}
}
