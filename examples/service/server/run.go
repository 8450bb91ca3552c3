// Package server is the preference service, as command service and the replicas run it: what is opened and in which
// order (run.go), what is served (api.go, preferences.go, health.go) and how (json.go).
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/connect"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// How long a stop may take: for requests that run, then for invalidations that Redis has not taken yet.
const (
	drainRequests = 10 * time.Second
	drainBus      = 5 * time.Second
)

// service is what the handlers work with.
type service struct {
	redis  *redis.Client
	driver neo4j.DriverWithContext
	bus    *coherence.Bus
	store  *neo4jstore.PreferenceStore
	log    *slog.Logger
}

// Run serves on ADDR (127.0.0.1:8080 where it is empty) until ctx ends, then stops in good order. It writes
// "listening on http://…" to stdout when it serves, and its log to stderr.
//
// Errors: what cannot be opened, in one line and without secrets.
func Run(ctx context.Context, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	logging.Disable() // go-redis writes to standard error by itself; what matters of it arrives as the bus's events
	addr := getenv("ADDR")
	if addr == "" {
		addr = "127.0.0.1:8080"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("ADDR: %w", err)
	}
	defer listener.Close()
	s := &service{log: slog.New(slog.NewTextHandler(stderr, nil))}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx, getenv); err != nil {
		return err
	}
	return s.serve(ctx, listener, stdout)
}

// open connects to what the environment names, and puts the library in between.
func (s *service) open(ctx context.Context, getenv func(string) string) (err error) {
	if s.redis, err = connect.RedisLater(getenv); err != nil {
		return err
	}
	if s.driver, err = connect.Neo4j(ctx, getenv); err != nil {
		return err
	}
	s.bus, err = coherence.New(coherence.Config{
		Redis:   s.redis,
		OnEvent: s.event,
	})
	if err != nil {
		return err
	}
	s.store, err = neo4jstore.NewPreferenceStore(neo4jstore.PreferenceConfig{
		Source: neo4jstore.Source{Driver: s.driver, Database: connect.Database},
		Bus:    s.bus,
	})
	if err != nil {
		return err
	}
	return s.store.EnsureSchema(ctx)
}

// event logs what the bus meets. It knows no keys and no secrets.
func (s *service) event(e coherence.Event) {
	if e.Err != nil {
		s.log.Warn(e.Kind.String(), "cause", e.Err)
		return
	}
	s.log.Info(e.Kind.String())
}

func (s *service) serve(ctx context.Context, listener net.Listener, stdout io.Writer) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      requestTimeout + 5*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    1 << 17, // a path may hold long names
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainRequests)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("requests did not end within %v: %w", drainRequests, err), server.Close())
	}
	return nil
}

// close closes what was opened, the last first: the caches, the bus with what it still has to tell, the connections.
func (s *service) close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), drainBus)
	defer cancel()
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if s.bus != nil {
		err = errors.Join(err, s.bus.Shutdown(ctx))
	}
	if s.driver != nil {
		err = errors.Join(err, s.driver.Close(ctx))
	}
	if s.redis != nil {
		err = errors.Join(err, s.redis.Close())
	}
	return err
}
