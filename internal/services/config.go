package services

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Env is how a program reaches the two services.
type Env struct {
	RedisURL, Neo4jURI, Neo4jUser, Neo4jPassword string
}

// Variables returns the four environment variables as NAME=value. They hold the passwords.
func (e Env) Variables() []string {
	return []string{
		"REDIS_URL=" + e.RedisURL,
		"NEO4J_URI=" + e.Neo4jURI,
		"NEO4J_USER=" + e.Neo4jUser,
		"NEO4J_PASSWORD=" + e.Neo4jPassword,
	}
}

// Config says for which checkout services are started.
type Config struct {
	// Root is the root of the checkout. What runs is remembered in its folder .services; docker-compose.yml is read from it.
	Root string

	// Getenv looks up REDIS_URL, NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD. Nil: none is set.
	Getenv func(string) string

	// Log receives a line for each thing that takes a while. Nil: nothing is written.
	Log io.Writer
}

func (c Config) logf(format string, args ...any) {
	if c.Log != nil {
		fmt.Fprintf(c.Log, "services: "+format+"\n", args...)
	}
}

// folder returns the path of a file in the state folder, which it makes.
func (c Config) folder(name string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(c.Root, ".services"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	return filepath.Join(dir, name), nil
}

// given returns the services that the environment names. They are used as they are, so one that does not answer is an error.
func (c Config) given(ctx context.Context) (map[string]instance, error) {
	found := map[string]instance{}
	if c.Getenv == nil {
		return found, nil
	}
	if url := c.Getenv("REDIS_URL"); url != "" {
		found[redisName] = instance{URL: url}
	}
	if uri := c.Getenv("NEO4J_URI"); uri != "" {
		user := c.Getenv("NEO4J_USER")
		if user == "" {
			user = "neo4j"
		}
		found[neo4jName] = instance{URL: uri, User: user, Password: c.Getenv("NEO4J_PASSWORD")}
	}
	var failed error
	for name, i := range found {
		if err := i.check(ctx, name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s is set, but: %w (unset it to have one started)", variable[name], err))
		}
	}
	return found, failed
}

// The names of the services: in docker-compose.yml, in the state folder and in its file.
const (
	redisName = "redis"
	neo4jName = "neo4j"
)

var (
	title    = map[string]string{redisName: "Redis", neo4jName: "Neo4j"}
	variable = map[string]string{redisName: "REDIS_URL", neo4jName: "NEO4J_URI"}
)

// instance is a service that runs.
type instance struct {
	URL      string `json:"url"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`

	Process   *process `json:"process,omitempty"`   // started by this package
	Container bool     `json:"container,omitempty"` // started by this package in a container
}

// check reports whether the service lives: it is the process that was remembered, and it answers.
func (i instance) check(ctx context.Context, name string) error {
	pid := 0
	if i.Process != nil {
		if pid = i.Process.PID; !i.Process.alive() {
			return fmt.Errorf("%s's process has ended", title[name])
		}
	}
	limit := 15 * time.Second // Neo4j beside a compiler
	if name == redisName {
		limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	if name == redisName {
		return checkRedis(ctx, i.URL, pid)
	}
	return checkNeo4j(ctx, i.URL, i.User, i.Password)
}

func environment(found map[string]instance) Env {
	return Env{
		RedisURL: found[redisName].URL,
		Neo4jURI: found[neo4jName].URL, Neo4jUser: found[neo4jName].User, Neo4jPassword: found[neo4jName].Password,
	}
}
