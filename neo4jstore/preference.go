package neo4jstore

import (
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/coherence"
)

// The sentiments of a preference.
const (
	Positive = "positive"
	Negative = "negative"
)

// A confidence is from 0 to MaxConfidence: nothing about people is certain.
const (
	MaxConfidence     = 0.95
	DefaultConfidence = 0.5
)

// generalDomain is the domain of a key without a dot.
const generalDomain = "general"

// UserKey says whose preferences are meant. User "" means the tenant itself. Both are at most 4,000 bytes of UTF-8, and
// Tenant is not empty.
type UserKey struct{ Tenant, User string }

// Tag names everything that is cached of the user: lists, contexts and single preferences. Who changes the graph without
// the store invalidates it, and other caches may use it among their tags.
func (u UserKey) Tag() coherence.Ref { return coherence.Tag("user", u.Tenant, u.User) }

func (u UserKey) params() map[string]any {
	return map[string]any{"tenant": u.Tenant, "user": u.User}
}

// Preference is what is known of one liking or dislike of a user, or of a tenant.
type Preference struct {
	ID             string // made by the server
	Tenant, User   string
	Key            string    // "food.coffee"
	Value          string    // "espresso"
	Sentiment      string    // Positive or Negative
	Confidence     float64   // 0 to MaxConfidence
	Domain         string    // the part of Key before its first dot, else "general"
	CreatedAt      time.Time // by the server's clock, in UTC
	UpdatedAt      time.Time // likewise
	Reinforcements int64     // how often the confidence was raised
	Rejections     int64     // and lowered
}

// NewPreference is what Create makes a Preference of.
type NewPreference struct {
	Key        string   // 1 to 4,000 bytes of UTF-8
	Value      string   // UTF-8
	Sentiment  string   // Positive or Negative
	Confidence *float64 // 0 to MaxConfidence; nil: DefaultConfidence
}

func (n NewPreference) domain() string {
	if domain, _, dotted := strings.Cut(n.Key, "."); dotted && domain != "" {
		return domain
	}
	return generalDomain
}

func (n NewPreference) confidence() float64 {
	if n.Confidence == nil {
		return DefaultConfidence
	}
	return *n.Confidence
}

// Situation is a set of circumstances in which the preferences that are linked to it hold.
type Situation struct {
	ID           string // made by the server
	Tenant, User string
	Factors      map[string]string // "place": "home", "time": "morning"
	CreatedAt    time.Time         // by the server's clock, in UTC
}

// decodePreference reads the node that a row calls p.
func decodePreference(record *neo4j.Record) (Preference, error) {
	n, err := nodeOf(record, "p")
	if err != nil {
		return Preference{}, err
	}
	p := Preference{
		ID: n.text("id"), Tenant: n.text("tenant_id"), User: n.text("user_id"),
		Key: n.text("key"), Value: n.text("value"), Sentiment: n.text("sentiment"), Confidence: n.number("confidence"), Domain: n.text("domain"),
		CreatedAt: n.time("created_at"), UpdatedAt: n.time("updated_at"),
		Reinforcements: n.count("reinforcement_count"), Rejections: n.count("rejection_count"),
	}
	return p, n.err
}

// decodeSituation reads the node that a row calls s.
func decodeSituation(record *neo4j.Record) (Situation, error) {
	n, err := nodeOf(record, "s")
	if err != nil {
		return Situation{}, err
	}
	s := Situation{ID: n.text("id"), Tenant: n.text("tenant_id"), User: n.text("user_id"), CreatedAt: n.time("created_at")}
	text := n.text("factors")
	if n.err != nil {
		return Situation{}, n.err
	}
	s.Factors, err = parseFactors(text)
	return s, err
}
