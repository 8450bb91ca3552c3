package neo4jstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/tiered"
)

const createSituation = `
WITH datetime.realtime() AS now
CREATE (s:Situation {id: randomUUID(), tenant_id: $tenant, user_id: $user, factors: $factors, created_at: now, updated_at: now})
RETURN s`

// The SET takes the lock, as in updateConfidence; it changes nothing, as UpdatedAt is not when a preference was linked.
const linkPreferences = `
MATCH (s:Situation {id: $situation})
UNWIND $ids AS id
MATCH (p:Preference {id: id, tenant_id: $tenant, user_id: $user})
SET p.key = p.key
WITH s, p WHERE p.created_at IS NOT NULL
CREATE (p)-[:IN_SITUATION]->(s)
RETURN p.id AS id`

// A situation that anything is linked to stays, whoever linked it.
const deleteOrphans = `
MATCH (s:Situation {tenant_id: $tenant})
WHERE s.user_id IS NOT NULL AND NOT (s)--()
WITH s LIMIT $most
SET s.updated_at = datetime.realtime()
WITH s WHERE s.updated_at IS NOT NULL AND NOT (s)--()
DELETE s
RETURN count(*) AS n`

// mostOrphans bounds what one transaction deletes, and so the memory that it takes in the server.
const mostOrphans = 10_000

// AddSituation stores a situation of the user, with at least one factor, and links preferences of the user to it, in one
// transaction: with an id that is unknown or another user's it is ErrNotFound, and nothing was written. Equal factors
// make another situation each time.
func (s *PreferenceStore) AddSituation(ctx context.Context, user UserKey, factors map[string]string, preferenceIDs ...string) (Situation, error) {
	const doing = "add situation"
	if err := s.usable(doing, user); err != nil {
		return Situation{}, err
	}
	if len(factors) == 0 {
		return Situation{}, failed(doing, invalid("factors is empty: ForContext would never find the situation"))
	}
	if err := checkFactors(factors); err != nil {
		return Situation{}, failed(doing, err)
	}
	params := user.params()
	params["factors"] = canonical(factors)
	ids := slices.Compact(slices.Sorted(slices.Values(preferenceIDs)))
	situation, err := change(ctx, s, user, func(tx neo4j.ManagedTransaction) (Situation, error) {
		situation, err := one(ctx, tx, createSituation, params, decodeSituation)
		if err != nil || len(ids) == 0 {
			return situation, err
		}
		return situation, link(ctx, tx, user, situation.ID, ids)
	})
	return situation, failed(doing, err)
}

// link links preferences to a situation, all or none: an id that is missing fails the transaction.
func link(ctx context.Context, tx neo4j.ManagedTransaction, user UserKey, situation string, ids []string) error {
	params := user.params()
	params["situation"], params["ids"] = situation, ids
	linked, err := run(ctx, tx, linkPreferences, params, func(record *neo4j.Record) (string, error) {
		value, _ := record.Get("id")
		id, _ := value.(string)
		return id, nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.Contains(linked, id) {
			return named(id, tiered.ErrNotFound)
		}
	}
	return nil
}

// CleanupOrphanedSituations deletes the situations of all users of a tenant that nothing is linked to any more, 10,000 a
// transaction, and says how many; also beside an error. Of calls at once each counts what it has deleted itself.
//
// It invalidates nothing: what is cached are preferences, and a situation without a preference is in no answer of
// ForContext, List or Get, before and after. Nor can it meet a situation that is being added: that one becomes visible
// together with its links.
func (s *PreferenceStore) CleanupOrphanedSituations(ctx context.Context, tenant string) (int, error) {
	const doing = "clean up situations"
	if s.closed.Load() {
		return 0, tiered.ErrClosed
	}
	if err := checkTenant(tenant); err != nil {
		return 0, failed(doing, err)
	}
	params := map[string]any{"tenant": tenant, "most": mostOrphans}
	for deleted := 0; ; {
		n, err := Write(ctx, s.source, nil, nil, func(tx neo4j.ManagedTransaction) (int, error) {
			return one(ctx, tx, deleteOrphans, params, decodeCount)
		})
		if deleted += n; err != nil || n < mostOrphans {
			return deleted, failed(doing, err)
		}
	}
}

// canonical returns the one text of factors, which have passed checkFactors: JSON, its names in order.
func canonical(factors map[string]string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(factors) // strings can always be encoded
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func parseFactors(text string) (map[string]string, error) {
	factors := map[string]string{}
	if err := json.Unmarshal([]byte(text), &factors); err != nil {
		return nil, fmt.Errorf("neo4jstore: the factors of a situation are no JSON object of strings: %w", err)
	}
	return factors, nil
}
