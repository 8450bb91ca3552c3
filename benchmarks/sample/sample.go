// Package sample has the values that everything here is measured with: lists of ten preferences, about 1 kB encoded.
package sample

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
)

// Size is the number of preferences in a list.
const Size = 10

// List is what is cached.
type List = []neo4jstore.Preference

// Key returns the i-th key, a user of one tenant.
func Key(i int) neo4jstore.UserKey {
	return neo4jstore.UserKey{Tenant: "acme", User: "user-" + strconv.Itoa(i)}
}

// Text returns the i-th key as a string, as a cache with string keys has it.
func Text(i int) string { return "acme:user-" + strconv.Itoa(i) }

var (
	topics = []string{"food.coffee", "food.lunch", "travel.seat", "travel.hotel", "music.genre", "work.hours", "news.topic", "sport.team", "ui.theme", "language"}
	values = []string{"espresso, no sugar", "vegetarian", "aisle", "quiet room", "baroque", "mornings", "science", "none", "dark", "German"}
)

// Preferences returns the i-th list. Ids and times are of the form that Neo4j gives.
func Preferences(i int) List {
	key := Key(i)
	list := make(List, Size)
	for j := range list {
		at := time.Date(2026, 3, 1+j, 9, i%60, j, 123_456_000*(1+j%7), time.UTC)
		sentiment := neo4jstore.Positive
		if j%3 == 2 {
			sentiment = neo4jstore.Negative
		}
		list[j] = neo4jstore.Preference{
			ID:     fmt.Sprintf("%08x-7c1d-4b0e-9f3a-%012x", uint32(i)*2_654_435_761, j),
			Tenant: key.Tenant, User: key.User, Key: topics[j], Value: values[j], Sentiment: sentiment,
			Confidence: 0.5 + float64(j)/25, Domain: topics[j][:4], CreatedAt: at, UpdatedAt: at.Add(time.Duration(j) * time.Hour),
			Reinforcements: int64(j), Rejections: int64(j % 3),
		}
	}
	return list
}
