// Package rival puts this library and the caches that it is compared with behind one small interface. Each is
// configured as its own documentation recommends; what each file says beside its Open is part of the result.
//
// Missing is rueidisaside: its module is on the Go proxy, but the checksum database does not know it, so it cannot be
// had as a Go module without turning that check off. distributed-cache, jetcache-go, gocache and go-cache were measured
// elsewhere (FIELD.md of the design).
//
// # Concurrency
//
// A Cache is safe for concurrent use. Who opened it closes it.
package rival

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

// Tiers says where a cache keeps values.
type Tiers uint8

// The tiers.
const (
	Memory Tiers = 1 << iota
	Redis
)

// Has says whether t has all tiers of other.
func (t Tiers) Has(other Tiers) bool { return t&other == other }

// TTL is the life of every entry, in every tier of every cache: longer than any measurement.
const TTL = time.Hour

// ErrNeedsRedis is returned by Open where a cache has no memory of its own without Redis.
var ErrNeedsRedis = errors.New("rival: has no memory without Redis")

// Config is what every cache is opened with.
type Config struct {
	// Redis is host:port, of a Redis without a password. Empty: memory alone.
	Redis string
	// Load reads a list from the source, LoadMany several; the latter may be nil.
	Load     func(ctx context.Context, key string) (sample.List, error)
	LoadMany func(ctx context.Context, keys []string) (map[string]sample.List, error)
	// Entries is how many lists memory should hold. Zero: what the cache's README has.
	Entries int
}

// or returns n, or what stands for zero.
func or(n, zero int) int {
	if n == 0 {
		return zero
	}
	return n
}

// Cache is what all of them can do.
type Cache interface {
	// Get returns the list of a key from the nearest tier that has it, else from the source.
	Get(ctx context.Context, key string) (sample.List, error)
	// Invalidate makes every process forget a key, as far as the cache can.
	Invalidate(ctx context.Context, key string) error
	Close() error
}

// Batcher is a Cache that reads many keys at once.
type Batcher interface {
	GetMany(ctx context.Context, keys []string) (map[string]sample.List, error)
}

// Updater is a Cache that protects a write of the source.
type Updater interface {
	Update(ctx context.Context, key string, write func(context.Context) error) error
}

// Watcher is a Cache that is told when another process has invalidated a key.
type Watcher interface {
	// Watch returns a channel that receives once memory no longer has the key, and a function that ends the watch.
	Watch(key string) (gone <-chan struct{}, stop func())
}

// Rival is a kind of cache.
type Rival struct {
	Name   string
	Module string // that it comes from
	Tiers  Tiers
	Tells  bool   // other processes are told of an invalidation
	Needs  bool   // a Redis: it has no memory without one
	Bytes  bool   // is what memory keeps: a copy of its own, which each hit decodes
	How    string // it was configured, where that is not plain
	Open   func(context.Context, Config) (Cache, error)
}

// All returns every rival; this library is the first.
func All() []Rival {
	return slices.Concat(tieredcache(), goredisCache(), rueidisCache(), sturdycCache(), gozeroCache(), otterCache(), theineCache(), lruCache(), ristrettoCaches())
}

// With returns those that have all of the tiers.
func With(t Tiers) []Rival {
	return slices.DeleteFunc(All(), func(r Rival) bool { return !r.Tiers.Has(t) })
}

// Named returns the rival of a name, the bare floors included.
func Named(name string) (Rival, error) {
	for _, r := range append(All(), Bare()) {
		if r.Name == name {
			return r, nil
		}
	}
	return Rival{}, fmt.Errorf("rival: there is none called %q", name)
}

// GetMany reads many keys at once, or one after the other where the cache knows no batch.
func GetMany(ctx context.Context, c Cache, keys []string) (map[string]sample.List, error) {
	if b, ok := c.(Batcher); ok {
		return b.GetMany(ctx, keys)
	}
	found := make(map[string]sample.List, len(keys))
	for _, k := range keys {
		list, err := c.Get(ctx, k)
		if err != nil {
			return found, err
		}
		found[k] = list
	}
	return found, nil
}

// Update writes the source and makes every process forget the key, in the order that the cache wants.
func Update(ctx context.Context, c Cache, key string, write func(context.Context) error) error {
	if u, ok := c.(Updater); ok {
		return u.Update(ctx, key, write)
	}
	if err := write(ctx); err != nil {
		return err
	}
	return c.Invalidate(ctx, key)
}
