// Package service is the small service that the torture run tortures: it is built on the public names of the library
// alone, and holds every read of its own against the truth.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/torture/source"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
	"github.com/tieredcache/tieredcache/tiered"
)

// Config says what one replica of the service is told when it starts.
type Config struct {
	Table    string // the file of the truth
	Slot     int    // its place among the replicas
	Life     int
	Commands string // addresses of its two proxies
	PubSub   string
	Source   string // the socket of the source; empty: the Neo4j that the environment names
	Run      string // names the nodes of the run there
	Seed     uint64
	Strict   bool

	MaxStaleness, IntentLife, TTL time.Duration
	Timeout                       time.Duration // of one operation on Redis
	Rest, WriteEvery              time.Duration // between a reader's bursts; between a writer's writes
}

// Value is what is cached.
type Value struct {
	Key     int
	Version uint64
}

// Name is the name of the cache.
const Name = "torture"

// ClientName is what the connections of a slot are called in Redis.
func ClientName(slot int) string { return fmt.Sprintf("torture-%d", slot) }

// TagOf returns the tag of a key's group.
func TagOf(key int) coherence.Ref { return coherence.Tag("group", fmt.Sprint(key/truth.Group)) }

const (
	readers = 48
	writers = 3
)

type service struct {
	config Config
	table  *truth.Table
	check  *truth.Checker
	source source.Source
	bus    *coherence.Bus
	cache  *tiered.Cache[int, Value]
	late   sync.WaitGroup // commits that land after their Update
}

// Run reads and writes until ctx ends. It tells what it finds to out.
func Run(ctx context.Context, config Config, from source.Source, table *truth.Table, out io.Writer) (err error) {
	s := &service{config: config, table: table, source: from, check: truth.NewChecker(table, config.Life, out)}
	redis.SetLogger(Silence{})
	client := redis.NewClient(&redis.Options{
		Addr: config.Commands, Dialer: dialer(config.Commands, config.PubSub, s.unanswered), ClientName: ClientName(config.Slot),
		PoolSize: 2 * readers, // else readers wait for each other, which no fault is
	})
	defer client.Close()
	mode := coherence.Available
	if config.Strict {
		mode = coherence.Strict
	}
	s.bus, err = coherence.New(coherence.Config{
		Redis: client, MaxStaleness: config.MaxStaleness, IntentLife: config.IntentLife, Timeout: config.Timeout, Mode: mode,
	})
	if err != nil {
		return err
	}
	s.cache, err = tiered.New(tiered.Config[int, Value]{
		Name: Name, Bus: s.bus, TTL: config.TTL, Load: s.load, LoadMany: s.loadMany, Capacity: 16 << 20,
		Tags: func(key int) []coherence.Ref { return tags[key/truth.Group : key/truth.Group+1] },
	})
	if err != nil {
		return errors.Join(err, s.bus.Close())
	}
	var work sync.WaitGroup
	for i := range readers {
		work.Go(func() { s.read(ctx, s.random(i), s.one) })
	}
	work.Go(func() { s.read(ctx, s.random(readers), s.impatient) })
	work.Go(func() { s.read(ctx, s.random(readers+1), s.batch) })
	work.Go(func() { s.read(ctx, s.random(readers+2), s.impatientBatch) })
	for i := range writers {
		work.Go(func() { s.write(ctx, s.random(100+i), i) })
	}
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(watching)
	}()
	work.Wait()
	s.late.Wait()
	stop()
	<-watched
	if closed := s.cache.Close(); closed != nil {
		err = fmt.Errorf("close the cache: %w", closed)
	}
	_ = s.bus.Close() // says what Redis did not take: nobody asks any more
	return errors.Join(err, s.source.Close())
}

// Silence is a logger for go-redis, which says whenever it cannot dial: here that is no news.
type Silence struct{}

// Printf says nothing.
func (Silence) Printf(context.Context, string, ...any) {}

// unanswered records that a command had no answer, unless a fault explains that.
func (s *service) unanswered() {
	now := s.table.Now()
	s.table.Unanswered(s.config.Slot, now-int64(s.config.Timeout), now)
}

// watch records when this process was not given the processor for so long that Redis may have answered in vain.
func (s *service) watch(ctx context.Context) {
	for last := s.table.Now(); rest(ctx, 5*time.Millisecond); last = s.table.Now() {
		if now := s.table.Now(); time.Duration(now-last) > s.config.Timeout/3 {
			s.table.Stalled(s.config.Slot, last, now)
		}
	}
}

// tags are made once: a hit must not pay for them.
var tags = func() (all []coherence.Ref) {
	for group := range truth.Keys / truth.Group {
		all = append(all, TagOf(group*truth.Group))
	}
	return all
}()

func (s *service) random(n int) *rand.Rand {
	return rand.New(rand.NewPCG(s.config.Seed, uint64(s.config.Life)<<16|uint64(n)))
}

// rest waits; it says whether the service goes on.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
