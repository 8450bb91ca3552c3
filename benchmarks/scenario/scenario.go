// Package scenario has what is measured: each scenario runs this library, its rivals where they can do the same, and a
// bare floor in turn, on real services, and returns a row for each thing it measured.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/internal/services"
)

// Scenario is one thing to measure.
type Scenario struct {
	// ID is what -run selects by; goals and plots name rows by it or by what begins with it and a slash.
	ID    string
	Title string
	// Run returns rows whose Scenario is ID, or ID, a slash and a word.
	Run func(ctx context.Context, env Env, o measure.Options) ([]measure.Row, error)
}

// Env is what scenarios run on.
type Env struct {
	RedisURL string // for redis.ParseURL; shared, so every scenario takes keys of its own and removes nothing
	Neo4j    services.Neo4j
	Quick    bool // a first impression: fewer entries, shorter waits
	Tiny     bool // besides, so few and short that figures mean nothing: for tests
}

// NewEnv reads the environment that `services run` makes. The error names what is missing.
func NewEnv(getenv func(string) string) (Env, error) {
	e := Env{
		RedisURL: getenv("REDIS_URL"),
		Neo4j:    services.Neo4j{URI: getenv("NEO4J_URI"), User: getenv("NEO4J_USER"), Password: getenv("NEO4J_PASSWORD")},
	}
	var missing []string
	if e.RedisURL == "" {
		missing = append(missing, "REDIS_URL")
	}
	if e.Neo4j.URI == "" {
		missing = append(missing, "NEO4J_URI")
	}
	if missing != nil {
		return e, fmt.Errorf("%s not set: run under `make services`, or with bin/services run --", strings.Join(missing, " and "))
	}
	if _, err := redis.ParseURL(e.RedisURL); err != nil {
		return e, errors.New("REDIS_URL is not of the form redis://user:password@host:port/db")
	}
	return e, nil
}

// Client returns a client of the shared Redis, with the defaults of go-redis. The caller closes it.
func (e Env) Client() (*redis.Client, error) {
	opt, err := redis.ParseURL(e.RedisURL)
	if err != nil {
		return nil, errors.New("REDIS_URL is not of the form redis://user:password@host:port/db")
	}
	return redis.NewClient(opt), nil
}

// pick returns a size for a run in earnest, for a quick one, or for a test.
func pick[T any](e Env, full, quick T, tiny ...T) T {
	switch {
	case e.Tiny && len(tiny) > 0:
		return tiny[0]
	case e.Quick || e.Tiny:
		return quick
	default:
		return full
	}
}
