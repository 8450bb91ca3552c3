package neo4jstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// Defaults of PreferenceConfig.
const (
	DefaultPreferenceTTL = 5 * time.Minute
	DefaultContextTTL    = 10 * time.Minute
)

// PreferenceConfig configures a PreferenceStore. Every field but Source.Driver has a usable zero value.
type PreferenceConfig struct {
	// Source is where the preferences are.
	Source Source

	// Bus keeps what is cached coherent; one store per bus, as its caches are named "prefs", "context" and "pref": stores
	// of different databases on one Redis need a Namespace each, or they answer for each other. It stays the caller's to
	// close, after the store. nil: no cache at all; the store answers the same, from Neo4j, and tells nobody what it writes:
	// the caches of others answer the old until its TTL ends. Where one process has a bus, all that write need one.
	Bus *coherence.Bus

	// TTL is the life of lists and single preferences in memory and in Redis. Zero: 5 min; at least 1 ms, at
	// most 100 years.
	TTL time.Duration

	// ContextTTL is the life of what ForContext found. Zero: 10 min; at least 1 ms, at most 100 years.
	ContextTTL time.Duration

	// Capacity is the memory, in bytes, that each of the three caches may take. Zero: 64 MiB; at least 1 KiB.
	Capacity int64

	// MaxLoads and LoadTimeout are those of each of the three caches: how many reads of Neo4j run at once, and how long one
	// may take, or wait for its turn. Zero: 64, and 1 min; a negative LoadTimeout: for as long as it takes. Without a bus
	// neither counts: give each call a deadline, as writes need one too.
	MaxLoads    int
	LoadTimeout time.Duration
}

// PreferenceStore keeps the preferences of users, and the situations in which they hold, in Neo4j; with a bus it caches
// what it reads. Make it with NewPreferenceStore, end it with Close. It is safe for concurrent use.
//
// Lists are shared between callers and with the cache, and are read-only: slices.Clone one before you change it. Every
// write is one transaction, and one invalidation of the user's tag: after it, this process reads what it wrote in every
// list, context and single preference of the user, and others do as coherence.Bus.Update says.
//
// Errors: ErrInvalid, wrapped with what is unusable and why; tiered.ErrNotFound for an id that is unknown or another
// user's, which look the same; tiered.ErrClosed after Close; of writes also what coherence.Bus.Update returns, ErrCoherence on
// a Strict bus for one; the driver's, wrapped once.
type PreferenceStore struct {
	source Source
	bus    *coherence.Bus
	closed atomic.Bool

	list   func(context.Context, UserKey) ([]Preference, error)
	single func(context.Context, preferenceKey) (Preference, error)

	// All nil without a bus.
	lists    *tiered.Cache[UserKey, []Preference]
	singles  *tiered.Cache[preferenceKey, Preference]
	contexts *tiered.Cache[contextKey, []Preference]
}

// NewPreferenceStore returns a store, also when Neo4j or Redis cannot be reached. The error names the field of config
// that is unusable.
func NewPreferenceStore(config PreferenceConfig) (*PreferenceStore, error) {
	if err := config.Source.check(); err != nil {
		return nil, err
	}
	var err error
	if config.TTL, err = life("TTL", config.TTL, DefaultPreferenceTTL); err != nil {
		return nil, err
	}
	if config.ContextTTL, err = life("ContextTTL", config.ContextTTL, DefaultContextTTL); err != nil {
		return nil, err
	}
	if config.Capacity != 0 && config.Capacity < tiered.MinCapacity {
		return nil, fmt.Errorf("neo4jstore: Capacity is %d: give bytes, at least %d, or zero for %d", config.Capacity, tiered.MinCapacity, tiered.DefaultCapacity)
	}
	s := &PreferenceStore{source: config.Source, bus: config.Bus}
	s.list = Query(s.source, listPreferences, UserKey.params, decodePreference)
	s.single = QueryOne(s.source, getPreference, preferenceKey.params, decodePreference)
	if s.bus == nil {
		return s, nil
	}
	if err := s.open(config); err != nil {
		return nil, errors.Join(fmt.Errorf("neo4jstore: %w", err), s.Close())
	}
	return s, nil
}

func life(field string, ttl, zero time.Duration) (time.Duration, error) {
	switch {
	case ttl == 0:
		return zero, nil
	case ttl < time.Millisecond:
		return 0, fmt.Errorf("neo4jstore: %s is %v: give at least 1ms, or zero for %v", field, ttl, zero)
	case ttl > tiered.MaxTTL:
		return 0, fmt.Errorf("neo4jstore: %s is %v: give at most 100 years, or zero for %v", field, ttl, zero)
	}
	return ttl, nil
}

// open makes the caches.
func (s *PreferenceStore) open(config PreferenceConfig) (err error) {
	if s.lists, err = open[UserKey, []Preference](config, "prefs", config.TTL); err != nil {
		return err
	}
	if s.singles, err = open[preferenceKey, Preference](config, "pref", config.TTL); err != nil {
		return err
	}
	s.contexts, err = open[contextKey, []Preference](config, "context", config.ContextTTL)
	return err
}

func open[K interface {
	comparable
	Tag() coherence.Ref
}, V any](config PreferenceConfig, name string, ttl time.Duration) (*tiered.Cache[K, V], error) {
	return tiered.New(tiered.Config[K, V]{
		Name: name, Bus: config.Bus, TTL: ttl, Capacity: config.Capacity,
		MaxLoads: config.MaxLoads, LoadTimeout: config.LoadTimeout, Codec: Codec[V](),
		Tags: func(k K) []coherence.Ref { return []coherence.Ref{k.Tag()} },
	})
}

// ClearCache makes every process forget what is cached of the user: one tag, whatever the number of entries. Without a
// bus it does nothing. It is needed only after somebody changed the graph without the store.
func (s *PreferenceStore) ClearCache(ctx context.Context, user UserKey) error {
	if err := s.usable("clear cache", user); err != nil || s.bus == nil {
		return err
	}
	return s.bus.Invalidate(ctx, user.Tag())
}

// Close ends the store's caches and returns when their loads have ended; writes that run go on. The driver and the bus
// stay open. Closing again does nothing and returns nil.
func (s *PreferenceStore) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	if s.lists != nil {
		errs = append(errs, s.lists.Close())
	}
	if s.singles != nil {
		errs = append(errs, s.singles.Close())
	}
	if s.contexts != nil {
		errs = append(errs, s.contexts.Close())
	}
	return errors.Join(errs...)
}

// PreferenceStats are the counts of a store's caches.
type PreferenceStats struct {
	Lists, Singles, Contexts tiered.Stats
}

// Stats returns what the store's caches have done since NewPreferenceStore; zeros without a bus.
func (s *PreferenceStore) Stats() PreferenceStats {
	if s.bus == nil {
		return PreferenceStats{}
	}
	return PreferenceStats{Lists: s.lists.Stats(), Singles: s.singles.Stats(), Contexts: s.contexts.Stats()}
}

// usable is where each method begins.
func (s *PreferenceStore) usable(doing string, user UserKey) error {
	if s.closed.Load() {
		return tiered.ErrClosed
	}
	return failed(doing, user.check())
}

// failed wraps an error with what was done, once; nil stays nil.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("neo4jstore: %s: %w", doing, err)
}
