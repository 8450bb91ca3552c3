package neo4jstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// TestBrokenConnectionIsRetried: the connection ends under the query, once, and the driver tries again.
func TestBrokenConnectionIsRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	direct := r.uncached()
	for name, c := range map[string]struct {
		on   string
		call func(p *process, id string) error
	}{
		"List":             {"ORDER BY p.created_at", func(p *process, _ string) error { _, err := p.List(r.ctx, r.user); return err }},
		"Get":              {"MATCH (p:Preference {id: $id", func(p *process, id string) error { _, err := p.Get(r.ctx, r.user, id); return err }},
		"Create":           {"CREATE (p:Preference", func(p *process, _ string) error { p.create(t, r.user, "another"); return nil }},
		"UpdateConfidence": {"SET p.confidence", func(p *process, id string) error { _, err := p.UpdateConfidence(r.ctx, r.user, id, 0.1); return err }},
		"AddSituation":     {"IN_SITUATION", func(p *process, id string) error { _, err := p.AddSituation(r.ctx, r.user, morning, id); return err }},
		"Delete":           {"DETACH DELETE p", func(p *process, id string) error { return p.Delete(r.ctx, r.user, id) }},
		"DeleteAll":        {"DETACH DELETE p", func(p *process, _ string) error { _, err := p.DeleteAll(r.ctx, r.user); return err }},
	} {
		made := direct.create(t, r.user, "k")
		driver := connect(t, proxy(t, r.driver.Target().Host, fault{on: []byte(c.on), most: 1}))
		p := r.store(nil, func(config *neo4jstore.PreferenceConfig) { config.Source.Driver = driver })
		if err := c.call(p, made.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDeadline: what the driver says after the caller's deadline is context.DeadlineExceeded too, and Canceled is not.
func TestDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	const slow = "UNWIND range(1, 100000000) AS i WITH i WHERE i < 0 RETURN count(i)"
	for name, call := range map[string]func(context.Context) error{
		"Query": func(ctx context.Context) error {
			_, err := neo4jstore.Query(r.source(), slow, upTo, decodeInt)(ctx, 1)
			return err
		},
		"QueryMany": func(ctx context.Context) error {
			_, err := neo4jstore.QueryMany(r.source(), slow, upTo, decodeInt)(ctx, []int{1})
			return err
		},
		"Write": func(ctx context.Context) error {
			_, err := neo4jstore.Write(ctx, r.source(), bus, []coherence.Ref{r.user.Tag()}, func(tx neo4j.ManagedTransaction) (any, error) {
				result, err := tx.Run(ctx, slow, nil)
				if err != nil {
					return nil, err
				}
				return result.Consume(ctx)
			})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(r.ctx, 200*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%s after its deadline: %v", name, err)
		}
		cancel()
		ctx, cancel = context.WithCancel(r.ctx)
		time.AfterFunc(200*time.Millisecond, cancel)
		if err := call(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
		cancel()
	}
	check(t, "writes of unknown outcome before COMMIT", bus.Stats().UnknownUpdates, uint64(0))
}

// TestDeadlineOfCommit: a COMMIT that the server has, and no answer until the deadline.
func TestDeadlineOfCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	source := neo4jstore.Source{Driver: connect(t, proxy(t, r.driver.Target().Host, fault{forward: true, silent: true})), Database: database}
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
	defer cancel()
	_, err := neo4jstore.Write(ctx, source, bus, []coherence.Ref{r.user.Tag()}, r.note)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	check(t, "writes of unknown outcome", bus.Stats().UnknownUpdates, uint64(1))
}

// TestDeadlineOfRetries: the deadline ends the wait for another attempt.
func TestDeadlineOfRetries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithTimeout(r.ctx, 200*time.Millisecond)
	defer cancel()
	_, err := neo4jstore.Query(r.source(), "RETURN 1", upTo, func(*neo4j.Record) (int, error) {
		return 0, &neo4j.Neo4jError{Code: "Neo.TransientError.Transaction.DeadlockDetected"}
	})(ctx, 1)
	if _, gaveUp := errors.AsType[*neo4j.TransactionExecutionLimit](err); !gaveUp || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the driver's error, and the deadline's", err)
	}
}
