package neo4jstore

import (
	"context"
	"fmt"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// The server's clock of the moment, in ns: that of the transaction has ms, too coarse to say what is newest.
const createPreference = `
WITH datetime.realtime() AS now
CREATE (p:Preference {
	id: randomUUID(), tenant_id: $tenant, user_id: $user, key: $key, value: $value, sentiment: $sentiment,
	confidence: $confidence, domain: $domain, created_at: now, updated_at: now, reinforcement_count: 0, rejection_count: 0
})
RETURN p`

// In each of these the first SET takes the node's lock, so that what is read after it nobody changes meanwhile. MATCH has
// looked without one: a node that was deleted until the SET has nothing set, and is as one that was never found.
const updateConfidence = `
MATCH (p:Preference {id: $id, tenant_id: $tenant, user_id: $user})
SET p.updated_at = datetime.realtime()
WITH p, p.confidence + $delta AS wanted WHERE p.updated_at IS NOT NULL
SET p.confidence = CASE WHEN wanted < 0 THEN 0.0 WHEN wanted > $max THEN $max ELSE wanted END,
	p.reinforcement_count = p.reinforcement_count + CASE WHEN $delta > 0 THEN 1 ELSE 0 END,
	p.rejection_count = p.rejection_count + CASE WHEN $delta < 0 THEN 1 ELSE 0 END
RETURN p`

const deletePreference = `
MATCH (p:Preference {id: $id, tenant_id: $tenant, user_id: $user})
SET p.updated_at = datetime.realtime()
WITH p WHERE p.updated_at IS NOT NULL
DETACH DELETE p
RETURN count(*) AS n`

const deletePreferences = `
MATCH (p:Preference {tenant_id: $tenant, user_id: $user})
SET p.updated_at = datetime.realtime()
WITH p WHERE p.updated_at IS NOT NULL
DETACH DELETE p
RETURN count(*) AS n`

// Create stores a preference of the user, and returns it as the server stored it.
func (s *PreferenceStore) Create(ctx context.Context, user UserKey, preference NewPreference) (Preference, error) {
	const doing = "create preference"
	if err := s.usable(doing, user); err != nil {
		return Preference{}, err
	}
	if err := preference.check(); err != nil {
		return Preference{}, failed(doing, err)
	}
	params := user.params()
	params["key"], params["value"], params["sentiment"] = preference.Key, preference.Value, preference.Sentiment
	params["confidence"], params["domain"] = preference.confidence(), preference.domain()
	p, err := change(ctx, s, user, func(tx neo4j.ManagedTransaction) (Preference, error) {
		return one(ctx, tx, createPreference, params, decodePreference)
	})
	return p, failed(doing, err)
}

// UpdateConfidence adds delta to a preference's confidence, which stays within 0 and MaxConfidence. A positive delta counts
// as a reinforcement, a negative one as a rejection.
func (s *PreferenceStore) UpdateConfidence(ctx context.Context, user UserKey, id string, delta float64) (Preference, error) {
	const doing = "update confidence"
	if err := s.usable(doing, user); err != nil {
		return Preference{}, err
	}
	if err := checkDelta(delta); err != nil {
		return Preference{}, failed(doing, err)
	}
	params := preferenceKey{user, id}.params()
	params["delta"], params["max"] = delta, MaxConfidence
	p, err := change(ctx, s, user, func(tx neo4j.ManagedTransaction) (Preference, error) {
		return one(ctx, tx, updateConfidence, params, decodePreference)
	})
	return p, failed(doing, named(id, err))
}

// Delete deletes one preference of the user; of calls at once, one does, and the others are ErrNotFound. Situations that it
// was the last of stay: see CleanupOrphanedSituations.
func (s *PreferenceStore) Delete(ctx context.Context, user UserKey, id string) error {
	const doing = "delete preference"
	if err := s.usable(doing, user); err != nil {
		return err
	}
	_, err := change(ctx, s, user, func(tx neo4j.ManagedTransaction) (int, error) {
		n, err := one(ctx, tx, deletePreference, preferenceKey{user, id}.params(), decodeCount)
		if err == nil && n == 0 {
			err = tiered.ErrNotFound
		}
		return n, err
	})
	return failed(doing, named(id, err))
}

// DeleteAll deletes all preferences of the user and says how many it has deleted. Their situations stay: see
// CleanupOrphanedSituations.
func (s *PreferenceStore) DeleteAll(ctx context.Context, user UserKey) (int, error) {
	const doing = "delete preferences"
	if err := s.usable(doing, user); err != nil {
		return 0, err
	}
	n, err := change(ctx, s, user, func(tx neo4j.ManagedTransaction) (int, error) {
		return one(ctx, tx, deletePreferences, user.params(), decodeCount)
	})
	return n, failed(doing, err)
}

// change writes, and invalidates everything that is cached of the user.
func change[T any](ctx context.Context, s *PreferenceStore, user UserKey, write func(neo4j.ManagedTransaction) (T, error)) (T, error) {
	return Write(ctx, s.source, s.bus, []coherence.Ref{user.Tag()}, write)
}

// one runs a query that returns a row, or none: ErrNotFound.
func one[T any](ctx context.Context, tx neo4j.ManagedTransaction, cypher string, params map[string]any, decode func(*neo4j.Record) (T, error)) (row T, err error) {
	rows, err := run(ctx, tx, cypher, params, decode)
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, tiered.ErrNotFound
	}
	return rows[0], nil
}

// named says which preference an error is about. Around the driver's errors it belongs outside of the transaction: within,
// the driver would not know them for those that it retries.
func named(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%.80q: %w", id, err)
}

// decodeCount reads the number that a row calls n.
func decodeCount(record *neo4j.Record) (int, error) {
	value, _ := record.Get("n")
	n, ok := value.(int64)
	if !ok {
		return 0, fmt.Errorf("neo4jstore: n is a %T, not an integer", value)
	}
	return int(n), nil
}
