// Package replica is the program that a contract test runs several times at once: one cache on one bus, told what to
// do over its standard input, one JSON-RPC message a line. It uses the library's public names alone.
//
// # Concurrency
//
// A Replica's methods are called by many goroutines at once.
package replica

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/internal/contract/source"
	"github.com/tieredcache/tieredcache/tiered"
)

// Cache is the name of the cache that every replica has: its Redis keys begin with it and ':'.
const Cache = "rows"

// Options say what the replica is made of. Zero durations and counts are the library's defaults.
type Options struct {
	Name         string // what the source calls it
	Redis        string // its address
	Source       string // its address
	MaxStaleness time.Duration
	Timeout      time.Duration
	IntentLife   time.Duration
	MaxLoads     int
	Strict       bool
	Linearizable bool
}

// Replica is what the test calls.
type Replica struct {
	bus    *coherence.Bus
	cache  *tiered.Cache[string, source.Row]
	redis  *redis.Client
	source *source.Client

	mu      sync.Mutex
	events  []Event
	watch   *watch
	gone    map[string]<-chan time.Duration
	stopped func()
	heard   chan time.Duration
}

// Event is an event of the bus, and what was pending then.
type Event struct {
	Kind    string
	At      time.Duration
	Pending int
}

// Run is the program: it serves until in ends.
func Run(options string, in io.ReadCloser, out io.WriteCloser) error {
	logging.Disable() // go-redis writes a line for each dial that fails
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	r, err := open(o)
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Replica", r); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(struct {
		io.Reader
		io.WriteCloser
	}{in, out}))
	return r.close()
}

func open(o Options) (r *Replica, err error) {
	r = &Replica{redis: redis.NewClient(&redis.Options{Addr: o.Redis}), gone: map[string]<-chan time.Duration{}}
	if r.source, err = source.Dial(o.Source, o.Name); err != nil {
		return nil, err
	}
	ready := make(chan struct{}) // an event may come before New has returned
	config := coherence.Config{
		Redis: r.redis, MaxStaleness: o.MaxStaleness, Timeout: o.Timeout, IntentLife: o.IntentLife,
		OnEvent: func(e coherence.Event) { <-ready; r.event(e) },
	}
	if o.Strict {
		config.Mode = coherence.Strict
	}
	if r.bus, err = coherence.New(config); err != nil {
		return nil, err
	}
	close(ready)
	r.cache, err = tiered.New(tiered.Config[string, source.Row]{
		Name: Cache, Bus: r.bus, Load: r.source.Load, MaxLoads: o.MaxLoads, Linearizable: o.Linearizable,
	})
	return r, err
}

func (r *Replica) close() error {
	if r.watch != nil {
		r.watch.stop()
	}
	if r.stopped != nil {
		r.stopped()
	}
	err := r.cache.Close()
	_ = r.bus.Close() // Redis may be gone by now, which it says
	return errors.Join(err, r.redis.Close(), r.source.Close())
}

func (r *Replica) event(e coherence.Event) {
	pending := r.bus.State().Pending
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, Event{Kind: e.Kind.String(), At: mono.Now(), Pending: pending})
}

// Reading is one read.
type Reading struct {
	Row          source.Row
	Began, Ended time.Duration
	Tier         string
	Err          string
}

// Get reads a key.
func (r *Replica) Get(key string, out *Reading) error {
	ctx, origin := tiered.WithOrigin(context.Background())
	out.Began = mono.Now()
	row, err := r.cache.Get(ctx, key)
	out.Ended = mono.Now()
	out.Row, out.Err, out.Tier = row, text(err), origin.Tier().String()
	return nil
}

// Write is one write.
type Write struct {
	Key   string
	Value int64
}

// Written is what became of it. Version is 0 where the source did not say.
type Written struct {
	Version      int64
	Began, Ended time.Duration
	Ran          bool // the source was asked
	Err          string
}

// Update writes a key.
func (r *Replica) Update(w Write, out *Written) error {
	out.Began = mono.Now()
	err := r.cache.Update(context.Background(), w.Key, func(ctx context.Context) error {
		out.Ran = true
		row, err := r.source.Write(ctx, w.Key, w.Value)
		out.Version = row.Version
		if errors.Is(err, source.ErrRolledBack) {
			return coherence.RolledBack(err)
		}
		return err
	})
	out.Ended = mono.Now()
	out.Err = text(err)
	return nil
}

// Invalidate invalidates a key.
func (r *Replica) Invalidate(key string, out *Written) error {
	out.Began = mono.Now()
	err := r.cache.Invalidate(context.Background(), key)
	out.Ended = mono.Now()
	return err
}

// Peek returns which of the keys memory holds, and in which version.
func (r *Replica) Peek(keys []string, held *map[string]int64) error {
	*held = map[string]int64{}
	for _, k := range keys {
		if row, ok := r.cache.Peek(k); ok {
			(*held)[k] = row.Version
		}
	}
	return nil
}

// Keep reads the keys until memory holds each of them.
func (r *Replica) Keep(keys []string, _ *struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), keepWithin)
	defer cancel()
	todo := make(chan string)
	errs := make(chan error, keepers)
	for range keepers {
		go func() {
			var err error
			for k := range todo {
				if err == nil {
					err = r.keep(ctx, k)
				}
			}
			errs <- err
		}()
	}
	for _, k := range keys {
		todo <- k
	}
	close(todo)
	var err error
	for range keepers {
		err = errors.Join(err, <-errs)
	}
	return err
}

func (r *Replica) keep(ctx context.Context, key string) error {
	for {
		if _, err := r.cache.Get(ctx, key); err != nil {
			return err
		}
		if _, ok := r.cache.Peek(key); ok {
			return nil
		}
		time.Sleep(50 * time.Microsecond) // memory takes a value a moment after it was answered
	}
}

const (
	keepWithin = 30 * time.Second
	keepers    = 16
)

// State is how the replica is.
type State struct {
	Condition string
	Pending   int
	Events    []Event
	Bus       coherence.Stats
	Cache     tiered.Stats
}

// State says how the replica is.
func (r *Replica) State(_ struct{}, out *State) error {
	s := r.bus.State()
	r.mu.Lock()
	defer r.mu.Unlock()
	*out = State{Condition: s.Condition.String(), Pending: s.Pending, Events: r.events, Bus: r.bus.Stats(), Cache: r.cache.Stats()}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
