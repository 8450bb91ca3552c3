// Package coherence tells every process what changed: a write leaves its intent on words in Redis, numbers it in a
// sequence, keeps it in a journal and publishes it; every process applies what it hears to its epochs, and asks the
// journal twice a second, while its caches are used, for what it did not hear. While an intent stands, nobody caches what
// is being written.
//
// # Guarantees
//
// Pub/sub is only the fast path. A process uses its memory, and Redis, only for MaxStaleness after it last asked Redis
// what changed (SYNC) and was answered; otherwise its fence is closed and reads go to the source. A message that was
// lost is found by the next SYNC.
//
// # Failure
//
// Mode Available, the default: errors of Redis are events and counters, never the caller's error. What could not be
// delivered stays pending and is read from the source here; what had returned when Redis came back is delivered before
// the fence opens again. Mode Strict: a write that cannot be protected does not run.
//
// # Concurrency
//
// A Bus is safe for concurrent use. One per process is enough: it costs one subscription and one SYNC, however many
// caches share it.
//
// # Who uses what
//
// An application uses New, Config and Tag, and of a Bus Update, Invalidate, State, Stats, Close and Shutdown. Member,
// Places and the rest of Bus are for package tiered.
package coherence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/epoch"
	"github.com/tieredcache/tieredcache/internal/word"
)

// Defaults of Config.
const (
	DefaultMaxStaleness = 2 * time.Second
	DefaultTimeout      = 100 * time.Millisecond
	DefaultIntentLife   = 30 * time.Second
	DefaultIdleAfter    = 30 * time.Second
)

// Mode says what a write does when Redis cannot be reached.
type Mode int

// The modes of a bus. Available is the zero value.
const (
	// Available: the write runs. Other processes may be served what was before it until MaxStaleness after Redis has been
	// told; if this process dies before that, until the entry's TTL.
	Available Mode = iota
	// Strict: the write does not run, and returns ErrCoherence.
	Strict
)

// syncEvery is the longest time between two SYNCs; a fraction of MaxStaleness shortens it.
const (
	syncEvery    = 500 * time.Millisecond
	syncFraction = 4
)

// longest is what MaxStaleness and IntentLife may be.
const longest = 24 * time.Hour

// partitions is how many sequences and journals there are: one, until a Cluster is supported.
const partitions = 1

// ErrClosed is returned by what is used after Close.
var ErrClosed = errors.New("coherence: closed: Close was called on the cache or on its bus")

// ErrUndelivered is returned where the bus was closed before it could tell the other processes what a write had changed:
// they may answer what was before until the entries' TTL. The write itself has run, and is not to be repeated.
var ErrUndelivered = errors.New("coherence: other processes were not told")

// ErrCoherence is returned where Redis cannot be reached, or a write is under way: by writes on a Strict bus, by Set, and by
// reads of a cache that has no loader.
var ErrCoherence = errors.New("coherence: Redis is unreachable, or a write is under way")

// Config configures a Bus. The zero value is a bus of this process alone.
type Config struct {
	// Redis is the caller's client, of redis.NewClient or redis.NewFailoverClient (New refuses others), and stays the
	// caller's to close. The bus makes private clients from its options: masters only, no retries, context timeouts on,
	// Timeout as their timeouts, RESP2. Hooks are not carried over. nil: no Redis; the bus keeps the caches of this process
	// coherent, and promises nothing across processes.
	Redis redis.UniversalClient
	// Namespace is put before every key and channel, followed by '/'. Give staging and production on one Redis one each, also
	// in two of its databases: those share their channels, so each would be told of the other's invalidations, and SYNC for
	// each. 1 to 64 of a-z A-Z 0-9 . _ -; empty: nothing is put before them.
	Namespace string
	// MaxStaleness is the longest time that a process goes on serving from memory and Redis without hearing from
	// Redis. Zero: 2 s. At least 100 ms, at most 24 h.
	MaxStaleness time.Duration
	// Mode says what a write does when Redis cannot be reached. Zero: Available.
	Mode Mode
	// Timeout bounds each round trip to Redis, of which a write takes one for each 1,000 refs, and a GetMany for each 256
	// keys. Where there is no connection, making one is part of it, which takes several round trips: give more for a Redis
	// that is 30 ms away, or for large values. Zero: 100 ms, or a quarter of MaxStaleness where that is less. At least 1 ms,
	// and at most a third of MaxStaleness and of IntentLife, which leaves time for a second try.
	Timeout time.Duration
	// IntentLife is how long a writer that died leaves what it was writing uncached, and how long one that is cut off
	// from Redis, or frozen, stays protected. A write that runs on renews its intent. Zero: 30 s. At least 1 s, at
	// most 24 h.
	IntentLife time.Duration
	// PipelineBeyond is how many of a cache's reads may run at once on connections of their own; further ones share
	// round trips: one MGET for all that wait. Zero: 4; negative: they never do.
	PipelineBeyond int
	// IdleAfter is how long nobody reads before the bus asks Redis every 10 s only, in place of twice a second or more. The
	// next read then asks Redis first, which costs it a round trip, once; what memory holds stays. A bus that has written
	// goes on for 30 to 60 s. Zero: 30 s; negative: it never idles.
	IdleAfter time.Duration
	// OnEvent is told what the bus meets; nil: nobody. It is called by the goroutines that meet it, several at once, also
	// before New has returned: it must not block, for SYNC or a write would wait, nor panic, nor close the bus. While Redis
	// is away it is told of few writes, and of each reason once in ten seconds: let alerts go by Stats and State.
	// It is not called any more when Close has returned.
	OnEvent func(Event)
}

// Bus tells other processes what this one changes, and hears what they change. It is safe for concurrent use. Make it with
// New, end it with Close.
type Bus struct {
	config Config
	layout word.Layout
	start  time.Time
	epochs *epoch.Table

	data        *redis.Client // of the caches; nil without Redis, as control
	control     *redis.Client // SYNC and the subscription, which must not queue behind loads
	connections connections   // of both
	server      server        // where they lead

	within     within
	fence      atomic.Int64 // open until then, on the clock of Now; 0: closed
	lag        atomic.Int64 // Redis time minus Now, in µs, never too small
	pending    pending
	ring       ring
	waiters    waiters
	counters   counters
	status     status
	idleness   idleness
	subscribed atomic.Bool
	events     gate // to OnEvent
	told       told

	mu          sync.Mutex // a MESSAGE, and SYNC's reply, are applied under it
	synced      bool
	applied     uint64
	incarnation string
	renewed     int // how often the connections were made anew
	members     map[string]*Member
	writes      map[*write]struct{} // those that run, and those whose outcome is unknown

	recovery   recovery // the SYNC loop's own
	toldClosed bool     // likewise: that the fence is closed was told, ever
	reach      reach    // likewise

	delivering sync.Mutex
	clearing   clearing
	hindrance  hindrance
	lot        lot
	refusals   rarely // when what Redis refused is tried again

	closed atomic.Bool
	kick   chan struct{} // SYNC now
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// New returns a bus, also when Redis cannot be reached: it starts fenced, and opens when Redis has answered. The error
// names the field of config that is unusable.
func New(config Config) (*Bus, error) {
	if config.MaxStaleness == 0 {
		config.MaxStaleness = DefaultMaxStaleness
	}
	if config.Timeout == 0 {
		config.Timeout = min(DefaultTimeout, config.MaxStaleness/syncFraction)
	}
	if config.IntentLife == 0 {
		config.IntentLife = DefaultIntentLife
	}
	if config.IdleAfter == 0 {
		config.IdleAfter = DefaultIdleAfter
	}
	switch {
	case config.Namespace != "" && !word.ValidName(config.Namespace):
		return nil, fmt.Errorf("coherence: Namespace %q: use 1 to 64 of a-z A-Z 0-9 . _ -", config.Namespace)
	case config.MaxStaleness < 100*time.Millisecond || config.MaxStaleness > longest:
		return nil, fmt.Errorf("coherence: MaxStaleness is %v: give at least 100ms and at most %v, or zero for %v", config.MaxStaleness, longest, DefaultMaxStaleness)
	case config.Mode != Available && config.Mode != Strict:
		return nil, fmt.Errorf("coherence: Mode is %d: give Available or Strict", config.Mode)
	case config.IntentLife < time.Second || config.IntentLife > longest:
		return nil, fmt.Errorf("coherence: IntentLife is %v: give at least 1s and at most %v, or zero for %v", config.IntentLife, longest, DefaultIntentLife)
	case config.Timeout < time.Millisecond:
		return nil, fmt.Errorf("coherence: Timeout is %v: give at least 1ms, or zero for %v", config.Timeout, DefaultTimeout)
	case config.Timeout > config.MaxStaleness/3 || config.Timeout > config.IntentLife/3:
		return nil, fmt.Errorf("coherence: Timeout is %v: give at most a third of MaxStaleness (%v) and of IntentLife (%v)", config.Timeout, config.MaxStaleness, config.IntentLife)
	}
	b := &Bus{
		config:  config,
		layout:  word.NewLayout(config.Namespace).In(0, partitions),
		start:   time.Now(),
		epochs:  epoch.New(),
		members: map[string]*Member{},
		writes:  map[*write]struct{}{},
		kick:    make(chan struct{}, 1),
		reach:   fullReach,
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if config.Redis == nil {
		b.fence.Store(math.MaxInt64)
		b.status.set(Open, "no Redis: this process alone")
		return b, nil
	}
	options, err := privateOptions(config.Redis, config.Timeout, &b.connections)
	if err != nil {
		b.cancel()
		return nil, err
	}
	b.server = server{addr: options.Addr, db: options.DB, all: &b.connections}
	b.status.set(Fenced, "not synced yet")
	b.data, b.control = newClients(options)
	b.done.Go(b.syncLoop)
	b.done.Go(b.receiveLoop)
	return b, nil
}

// Redis returns the private client of the caches, nil on a bus without Redis. Closing it is the bus's affair.
func (b *Bus) Redis() *redis.Client { return b.data }

// Timeout returns the bound of one operation on Redis.
func (b *Bus) Timeout() time.Duration { return b.config.Timeout }

// PipelineBeyond returns how many reads of a cache may run at once before further ones share round trips; 0: the default.
func (b *Bus) PipelineBeyond() int { return b.config.PipelineBeyond }

// IntentLife returns the life of a write's intent.
func (b *Bus) IntentLife() time.Duration { return b.config.IntentLife }

// Key returns the Redis key of a name.
func (b *Bus) Key(name string) string { return b.layout.Key(name) }

// GenerationKey returns the Redis key of a cache's generation.
func (b *Bus) GenerationKey(cache string) string { return b.Key(word.GenerationName(cache)) }

// IsClosed says whether Close or Shutdown was called.
func (b *Bus) IsClosed() bool { return b.closed.Load() }

// Announce says where invalidations are announced: the keys of the sequence and of the journal,
// and the pub/sub channel.
func (b *Bus) Announce() (sequence, journal, channel string) {
	return b.layout.Sequence(), b.layout.Journal(), b.layout.Channel()
}

// Now is the clock of the fence and of expiry: monotonic, from the bus's start.
func (b *Bus) Now() time.Duration { return time.Since(b.start) }

// Open says whether the fence is open at a time of Now: whether memory and Redis may be used.
func (b *Bus) Open(now time.Duration) bool { return int64(now) < b.fence.Load() }

// RedisNow returns Redis's own time, in ms since 1970, at a time of Now: never earlier than it is. It means nothing
// before the fence has opened for the first time.
func (b *Bus) RedisNow(now time.Duration) int64 { return (now.Microseconds() + b.lag.Load()) / 1000 }

// Epochs returns the table of this process's epochs.
func (b *Bus) Epochs() *epoch.Table { return b.epochs }
