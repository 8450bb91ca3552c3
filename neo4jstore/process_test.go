package neo4jstore_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// process is a store with a bus of its own, as another process has it, whose reads of Neo4j are counted.
type process struct {
	*neo4jstore.PreferenceStore
	bus *coherence.Bus
	spy *spy
}

func (r *rig) process(change ...func(*neo4jstore.PreferenceConfig)) *process {
	r.t.Helper()
	return r.store(r.bus(), change...)
}

// uncached is a store without a bus.
func (r *rig) uncached() *process {
	r.t.Helper()
	return r.store(nil)
}

func (r *rig) store(bus *coherence.Bus, change ...func(*neo4jstore.PreferenceConfig)) *process {
	r.t.Helper()
	p := &process{bus: bus, spy: &spy{DriverWithContext: r.driver}}
	config := neo4jstore.PreferenceConfig{Source: neo4jstore.Source{Driver: p.spy, Database: database}, Bus: bus}
	for _, c := range change {
		c(&config)
	}
	store, err := neo4jstore.NewPreferenceStore(config)
	must(r.t, err)
	p.PreferenceStore = store
	r.t.Cleanup(func() { store.Close() })
	return p
}

// spy counts the read transactions, and calls read, if it is set, when one has read.
type spy struct {
	neo4j.DriverWithContext
	reads atomic.Int64
	read  atomic.Pointer[func()]
}

func (s *spy) NewSession(ctx context.Context, config neo4j.SessionConfig) neo4j.SessionWithContext {
	return &spySession{s.DriverWithContext.NewSession(ctx, config), s}
}

type spySession struct {
	neo4j.SessionWithContext
	spy *spy
}

func (s *spySession) ExecuteRead(ctx context.Context, work neo4j.ManagedTransactionWork, configurers ...func(*neo4j.TransactionConfig)) (any, error) {
	s.spy.reads.Add(1)
	result, err := s.SessionWithContext.ExecuteRead(ctx, work, configurers...)
	if read := s.spy.read.Load(); read != nil {
		(*read)()
	}
	return result, err
}

func (p *process) list(user neo4jstore.UserKey) func(context.Context) ([]neo4jstore.Preference, error) {
	return func(ctx context.Context) ([]neo4jstore.Preference, error) { return p.List(ctx, user) }
}

func (p *process) get(user neo4jstore.UserKey, id string) func(context.Context) (neo4jstore.Preference, error) {
	return func(ctx context.Context) (neo4jstore.Preference, error) { return p.Get(ctx, user, id) }
}

func (p *process) context(user neo4jstore.UserKey, factors map[string]string) func(context.Context) ([]neo4jstore.Preference, error) {
	return func(ctx context.Context) ([]neo4jstore.Preference, error) { return p.ForContext(ctx, user, factors) }
}

// create makes a preference that is liked.
func (p *process) create(t testing.TB, user neo4jstore.UserKey, key string) neo4jstore.Preference {
	t.Helper()
	got, err := p.Create(t.Context(), user, neo4jstore.NewPreference{Key: key, Value: "much", Sentiment: neo4jstore.Positive})
	must(t, err)
	return got
}

// createIn makes a preference that is linked to a situation.
func (p *process) createIn(t testing.TB, user neo4jstore.UserKey, key string, factors map[string]string) neo4jstore.Preference {
	t.Helper()
	got := p.create(t, user, key)
	_, err := p.AddSituation(t.Context(), user, factors, got.ID)
	must(t, err)
	return got
}
