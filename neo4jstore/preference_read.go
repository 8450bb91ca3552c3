package neo4jstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/tiered"
)

const listPreferences = `
MATCH (p:Preference {tenant_id: $tenant, user_id: $user})
RETURN p ORDER BY p.created_at DESC, p.id`

const getPreference = `
MATCH (p:Preference {id: $id, tenant_id: $tenant, user_id: $user})
RETURN p`

const preferencesInSituations = `
MATCH (p:Preference {tenant_id: $tenant, user_id: $user})-[:IN_SITUATION]->(s:Situation {tenant_id: $tenant, user_id: $user})
RETURN p, collect(s.factors) AS situations`

// List returns all preferences of the user, newest first. None is an empty list and no error. The list is shared with
// the cache and with other callers: it is read-only. (To copy it would cost several times what a hit in memory does.)
func (s *PreferenceStore) List(ctx context.Context, user UserKey) ([]Preference, error) {
	if err := s.usable("list preferences", user); err != nil {
		return nil, err
	}
	return through(ctx, s.lists, "list preferences", user, s.list)
}

// Get returns one preference of the user.
func (s *PreferenceStore) Get(ctx context.Context, user UserKey, id string) (Preference, error) {
	if err := s.usable("get preference", user); err != nil {
		return Preference{}, err
	}
	return through(ctx, s.singles, "get preference", preferenceKey{user, id}, s.single)
}

// ForContext returns the preferences that are linked to a situation of the user that has at least one of the factors, by
// name and value: first those whose best situation has most of them, then those of higher confidence, then the newest.
// None is an empty list and no error. A situation whose factors another program has written in another form has none. The
// list is shared and read-only, as List's is.
func (s *PreferenceStore) ForContext(ctx context.Context, user UserKey, factors map[string]string) ([]Preference, error) {
	const doing = "preferences for context"
	if err := s.usable(doing, user); err != nil {
		return nil, err
	}
	if err := checkFactors(factors); err != nil {
		return nil, failed(doing, err)
	}
	if len(factors) == 0 {
		return []Preference{}, nil
	}
	text := canonical(factors) // the caller's map may have changed when the load runs
	return through(ctx, s.contexts, doing, contextKey{user, hash(text)}, func(ctx context.Context, _ contextKey) ([]Preference, error) {
		return s.inContext(ctx, user, text)
	})
}

// through reads through the cache, which wraps errors with the key, or without one.
func through[K comparable, V any](ctx context.Context, cache *tiered.Cache[K, V], doing string, key K, load func(context.Context, K) (V, error)) (V, error) {
	if cache != nil {
		return cache.Fetch(ctx, key, load)
	}
	v, err := load(ctx, key)
	return v, failed(doing, err)
}

// preferenceKey names one preference: pref:{tenant}:{user}:{id} in Redis.
type preferenceKey struct {
	UserKey
	ID string
}

func (k preferenceKey) params() map[string]any {
	params := k.UserKey.params()
	params["id"] = k.ID
	return params
}

// contextKey names what was found for factors: context:{tenant}:{user}:{hash} in Redis.
type contextKey struct {
	UserKey
	Hash string
}

// hash is 128 bits of the SHA-256 of canonical factors.
func hash(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:16])
}

// inContext finds the user's linked preferences by index, and compares factors here: the graph has them as one string.
func (s *PreferenceStore) inContext(ctx context.Context, user UserKey, canonical string) ([]Preference, error) {
	factors, err := parseFactors(canonical)
	if err != nil {
		return nil, err
	}
	all, err := read(ctx, s.source, preferencesInSituations, user.params(), func(record *neo4j.Record) (m match, err error) {
		if m.Preference, err = decodePreference(record); err == nil {
			m.factors = best(record, factors)
		}
		return m, err
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m match) bool { return m.factors == 0 })
	slices.SortFunc(all, match.compare)
	list := make([]Preference, len(all))
	for i, m := range all {
		list[i] = m.Preference
	}
	return list, nil
}

// match is a preference and the number of factors that its best situation has in common with those asked for.
type match struct {
	Preference
	factors int
}

func (m match) compare(other match) int {
	return cmp.Or(
		cmp.Compare(other.factors, m.factors),
		cmp.Compare(other.Confidence, m.Confidence),
		other.CreatedAt.Compare(m.CreatedAt),
		cmp.Compare(m.ID, other.ID),
	)
}

func best(record *neo4j.Record, factors map[string]string) (most int) {
	situations, _ := record.Get("situations")
	list, _ := situations.([]any)
	for _, text := range list {
		s, _ := text.(string)
		has, _ := parseFactors(s) // of what another program has written otherwise: none
		common := 0
		for name, value := range factors {
			if v, ok := has[name]; ok && v == value {
				common++
			}
		}
		most = max(most, common)
	}
	return most
}
