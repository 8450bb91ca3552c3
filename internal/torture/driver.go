package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/source"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// What the service is told. The intent outlives a freeze of two bounds that begins just before its renewal.
var limits = truth.Limits{Bound: time.Second, IntentLife: 4 * time.Second, TTL: 15 * time.Second, Settle: time.Second}

// timeout is of one operation on Redis.
const timeout = 200 * time.Millisecond

type options struct {
	duration time.Duration
	patience time.Duration // how much longer it may take until every kind of fault has landed
	replicas int
	seed     uint64
	source   string
	without  string // a guard
	out      io.Writer
}

// run is one run.
type run struct {
	options
	dir     string
	self    string // this program
	program string // the program of the replicas
	table   *truth.Table
	redis   *services.Redis
	admin   *redis.Client
	source  source.Source // the driver's own way to it
	socket  string

	replicas []*replicaProcess
	landed   [truth.Kinds]int
	stalls   atomic.Int64
	mu       sync.Mutex // landed
}

// torture is a whole run; its error says why it did not pass.
func torture(ctx context.Context, o options) (err error) {
	if o.replicas < 2 || o.replicas > 12 {
		return errors.New("give 2 to 12 replicas")
	}
	r := &run{options: o}
	if r.dir, err = scratch(); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	if r.self, err = os.Executable(); err != nil {
		return err
	}
	if r.program = r.self; o.without != "" {
		if r.program, err = buildWithout(ctx, o.without, r.dir); err != nil {
			return err
		}
	}
	redis.SetLogger(service.Silence{})
	fmt.Fprintf(r.out, "torture: seed=%d duration=%v replicas=%d source=%s D=%v\n", o.seed, o.duration, o.replicas, o.source, limits.Bound)
	ended, err := r.begin(ctx)
	if err == nil {
		err = r.strike(ctx)
	}
	if broken := ended(); broken != nil {
		err = errors.Join(err, broken)
	}
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return r.report()
}

// begin starts everything; ended ends what was started, also after an error.
func (r *run) begin(ctx context.Context) (ended func() error, err error) {
	var ends []func() error
	ended = func() (err error) {
		for _, end := range slices.Backward(ends) {
			err = errors.Join(err, end())
		}
		return err
	}
	path := filepath.Join(r.dir, "truth")
	if r.table, err = truth.Create(path, limits); err != nil {
		return ended, err
	}
	dir := filepath.Join(r.dir, "redis")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return ended, err
	}
	port, err := freePort()
	if err != nil {
		return ended, err
	}
	r.redis, err = services.StartRedis(ctx, services.RedisOptions{Dir: dir, Port: port, Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	if err != nil {
		return ended, err
	}
	ends = append(ends, r.redis.Stop)
	r.admin = redis.NewClient(&redis.Options{Addr: r.redis.Addr})
	ends = append(ends, r.admin.Close)
	end, err := r.startSource(ctx, path)
	if err != nil {
		return ended, err
	}
	ends = append(ends, end)
	for slot := range r.options.replicas {
		p := &replicaProcess{run: r, slot: slot}
		if p.commands, err = newProxy(r.redis.Addr); err != nil {
			return ended, err
		}
		if p.pubsub, err = newProxy(r.redis.Addr); err != nil {
			return ended, err
		}
		if err := p.start(); err != nil {
			return ended, err
		}
		r.replicas = append(r.replicas, p)
		ends = append(ends, p.stop)
	}
	for _, p := range r.replicas {
		if err := p.awaitReads(ctx, 0); err != nil {
			return ended, err
		}
	}
	return ended, nil
}

func (r *run) startSource(ctx context.Context, table string) (end func() error, err error) {
	if r.options.source == "neo4j" {
		if r.source, err = source.Neo4j(ctx, os.Getenv, r.name(), r.table); err != nil {
			return nil, err
		}
		remove, err := source.Prepare(ctx, r.source)
		if err != nil {
			return nil, errors.Join(err, r.source.Close())
		}
		return func() error { return errors.Join(remove(context.Background()), r.source.Close()) }, nil
	}
	r.socket = filepath.Join(r.dir, "source")
	c, err := start(r.self, roleSource, table, r.socket)
	if err != nil {
		return nil, err
	}
	r.source = source.Dial(r.socket)
	err = poll(ctx, 10*time.Second, func() bool { _, err := r.source.Read(ctx, 0); return err == nil })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the source does not answer: %w", err), c.stop())
	}
	return c.stop, nil
}

// scratch makes a folder in memory where the system has one: the table is mapped, and Redis syncs its file after each
// command, which on a busy disk takes longer than its clients wait. A kill loses nothing there.
func scratch() (string, error) {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(memory, "tieredcache-torture-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "tieredcache-torture-")
}

func (r *run) name() string { return fmt.Sprintf("%d-%d", os.Getpid(), r.seed) }

// record writes a fault down from now until the result is called.
func (r *run) record(kind truth.Kind, slot, word int) (done func()) {
	n := r.table.Began(kind, slot, word)
	return func() { r.table.Ended(n) }
}

func (r *run) random(n uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, n)) }

// poll asks until the answer is yes.
func poll(ctx context.Context, most time.Duration, ask func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("not within %v", most))
	defer cancel()
	for !ask() {
		if !rest(ctx, 5*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// rest waits; it says whether the run goes on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
