package neo4jstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// reads are one of each cache's, of a user's.
func reads(p *process, user neo4jstore.UserKey) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Lists":    func(ctx context.Context) error { _, err := p.List(ctx, user); return err },
		"Singles":  func(ctx context.Context) error { _, err := p.Get(ctx, user, "unknown"); return err },
		"Contexts": func(ctx context.Context) error { _, err := p.ForContext(ctx, user, morning); return err },
	}
}

func statsOf(p *process) map[string]tiered.Stats {
	s := p.Stats()
	return map[string]tiered.Stats{"Lists": s.Lists, "Singles": s.Singles, "Contexts": s.Contexts}
}

// late is a driver whose sessions begin when they may.
type late struct {
	neo4j.DriverWithContext
	goOn chan struct{}
}

func (l late) NewSession(ctx context.Context, config neo4j.SessionConfig) neo4j.SessionWithContext {
	<-l.goOn
	return l.DriverWithContext.NewSession(ctx, config)
}

// MaxLoads and LoadTimeout are those of each of the three caches.
func TestLimitsOfEachCache(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	goOn := make(chan struct{})
	const limit = 200 * time.Millisecond
	p := r.process(func(c *neo4jstore.PreferenceConfig) {
		c.MaxLoads, c.LoadTimeout = 1, limit
		c.Source.Driver = late{c.Source.Driver, goOn}
	})
	ended := make(chan error, 6)
	var all sync.WaitGroup
	for _, user := range []string{"ada", "bob"} {
		for name, read := range reads(p, neo4jstore.UserKey{Tenant: r.user.Tenant, User: user}) {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second) // far less than what is the default
				defer cancel()
				if err := read(ctx); err == nil || !strings.Contains(err.Error(), "LoadTimeout, 200ms") {
					ended <- fmt.Errorf("%s: got %w", name, err)
				}
			})
		}
	}
	all.Wait()
	close(goOn)
	close(ended)
	for err := range ended {
		t.Error(err)
	}
	for name, s := range statsOf(p) { // the first of each waits for Neo4j, the second for the first
		if s.Loads != 1 || s.NoPlace != 1 {
			t.Errorf("%s: %d loads, %d without a place", name, s.Loads, s.NoPlace)
		}
	}
}

// Capacity is that of each of the three caches: what is more than that makes room.
func TestCapacityOfEachCache(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.process(func(c *neo4jstore.PreferenceConfig) { c.Capacity = tiered.MinCapacity })
	n := 0
	eventually(t, 10*time.Second, func() bool {
		n++
		for _, read := range reads(p, neo4jstore.UserKey{Tenant: r.user.Tenant, User: fmt.Sprint(n)}) {
			if err := read(r.ctx); err != nil && !errors.Is(err, tiered.ErrNotFound) {
				t.Fatal(err)
			}
		}
		for _, s := range statsOf(p) {
			if s.Evicted == 0 {
				return false
			}
		}
		return true
	})
	for name, s := range statsOf(p) {
		if s.Bytes > tiered.MinCapacity {
			t.Errorf("%s: %d bytes", name, s.Bytes)
		}
	}
}
