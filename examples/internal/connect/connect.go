// Package connect opens the Redis and the Neo4j that the environment names.
//
// # Failure
//
// A service that does not answer is an error of one line that names the variable and what to do. No error holds a
// value of REDIS_URL, NEO4J_URI, NEO4J_USER or NEO4J_PASSWORD beyond the host and port: a mistyped URL may hold a
// password anywhere.
package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	"github.com/redis/go-redis/v9"
)

// Database is the Neo4j database that the examples use: the default one, by name, which saves a question per session.
const Database = "neo4j"

const patience = 5 * time.Second

// RedisLater returns a client for REDIS_URL, made with go-redis's defaults, and asks nothing yet: a cache does not need
// Redis to begin. The caller closes it.
func RedisLater(getenv func(string) string) (*redis.Client, error) {
	text := getenv("REDIS_URL")
	if text == "" {
		return nil, errors.New("REDIS_URL is not set: give redis://user:password@host:port/db")
	}
	options, err := redis.ParseURL(text)
	if err != nil { // its text quotes the URL
		return nil, errors.New("REDIS_URL is not of the form redis://user:password@host:port/db (in a password, write %40 for @, and so on)")
	}
	return redis.NewClient(options), nil
}

// Redis returns the client of RedisLater, after it was answered.
func Redis(ctx context.Context, getenv func(string) string) (*redis.Client, error) {
	client, err := RedisLater(getenv)
	if err != nil {
		return nil, err
	}
	if err := answers(ctx, client); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

func answers(ctx context.Context, client *redis.Client) error {
	options := client.Options()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// go-redis writes a failed dial to standard error, and tries again: so it gets no chance to fail.
	connection, err := (&net.Dialer{}).DialContext(ctx, options.Network, options.Addr)
	if err != nil {
		return fmt.Errorf("REDIS_URL: no Redis at %s: %w", options.Addr, err)
	}
	connection.Close()
	if err := ping(ctx, client); err != nil {
		return fmt.Errorf("REDIS_URL: Redis at %s: %w", options.Addr, err)
	}
	return nil
}

// ping gives up with ctx, which go-redis by default does not while it waits for an answer.
func ping(ctx context.Context, client *redis.Client) error {
	answered := make(chan error, 1)
	go func() { answered <- client.Ping(ctx).Err() }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return errors.New("it accepts connections and does not answer")
	}
}

// Neo4j returns a driver for NEO4J_URI, after the server has let NEO4J_USER in. The caller closes it.
func Neo4j(ctx context.Context, getenv func(string) string) (neo4j.DriverWithContext, error) {
	text := getenv("NEO4J_URI")
	if text == "" {
		return nil, errors.New("NEO4J_URI is not set: give bolt://host:port or neo4j://host:port")
	}
	target, err := url.Parse(text)
	schemes := []string{"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"}
	switch {
	case err != nil || target.Host == "" || !slices.Contains(schemes, target.Scheme):
		return nil, errors.New("NEO4J_URI is not of the form bolt://host:port or neo4j://host:port (bolt+s and neo4j+s with TLS)")
	case target.User != nil:
		return nil, errors.New("NEO4J_URI holds a user or a password: they go into NEO4J_USER and NEO4J_PASSWORD")
	}
	auth := neo4j.BasicAuth(getenv("NEO4J_USER"), getenv("NEO4J_PASSWORD"), "")
	driver, err := neo4j.NewDriverWithContext(text, auth, func(c *config.Config) {
		c.SocketConnectTimeout = patience
		c.MaxTransactionRetryTime = patience
	})
	if err != nil {
		return nil, fmt.Errorf("NEO4J_URI: the driver refuses what was given for %s", target.Host)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := driver.VerifyConnectivity(ctx); err != nil {
		_ = driver.Close(context.WithoutCancel(ctx))
		var refused *neo4j.Neo4jError
		if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "Neo.ClientError.Security.") {
			return nil, fmt.Errorf("Neo4j at %s does not let NEO4J_USER in with NEO4J_PASSWORD: %s", target.Host, refused.Code)
		}
		return nil, fmt.Errorf("NEO4J_URI: no Neo4j at %s: %s", target.Host, oneLine(err))
	}
	return driver, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
