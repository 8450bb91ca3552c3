// Command demo shows what the cache does, with figures: a cold read, a hit in Redis, a hit in memory, a write and the
// moment when the other replicas have dropped their copies, and 100 readers who cause one load.
//
// It needs nothing: three replicas inside this program share an embedded Redis, and a source in memory that takes 8 ms
// (SOURCE_DELAY=20ms changes that). With SERVICES=real the replicas are three processes on the Redis and the Neo4j that
// REDIS_URL, NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD name.
//
// The last line is "demo: ok loads=1 redis_speedup=… memory_speedup=… peers_evicted_after=…". Anything that is wrong,
// a second load or a stale read, is said instead, and the exit status is 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"
)

const defaultDelay = 8 * time.Millisecond

func main() {
	logging.Disable() // go-redis would write between the lines of the table
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == replicaArgument {
		if err := serveReplica(ctx, os.Args[2]); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "demo: replica:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "demo: FAILED:", err)
		stop()
		os.Exit(1)
	}
}

// run shows everything and prints the last line.
func run(ctx context.Context, getenv func(string) string, stdout *os.File) (err error) {
	open, err := choose(getenv)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("not done within 3 minutes"))
	defer cancel()
	c, err := open(ctx)
	if err != nil {
		return err
	}
	out := newTable(stdout, getenv)
	var f figures
	err = func() (err error) {
		defer func() { err = errors.Join(err, c.close()) }()
		if f, err = c.show(ctx, out); err != nil || c.more == nil {
			return err
		}
		return c.more(ctx, out)
	}()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\ndemo: ok loads=%d redis_speedup=%.1f memory_speedup=%.0f peers_evicted_after=%v\n",
		f.loads, f.redisSpeedup(), f.memorySpeedup(), f.evicted.Round(time.Microsecond))
	return nil
}

// choose says what the environment asks for.
func choose(getenv func(string) string) (func(context.Context) (*cluster, error), error) {
	switch services := getenv("SERVICES"); services {
	case "":
		delay := defaultDelay
		if text := getenv("SOURCE_DELAY"); text != "" {
			var err error
			if delay, err = time.ParseDuration(text); err != nil || delay < 0 || delay > time.Second {
				return nil, fmt.Errorf("SOURCE_DELAY is %q: give a duration from 0s to 1s, such as 20ms", text)
			}
		}
		return func(context.Context) (*cluster, error) { return embedded(delay) }, nil
	case "real":
		return func(ctx context.Context) (*cluster, error) { return processes(ctx, getenv) }, nil
	default:
		return nil, fmt.Errorf("SERVICES is %q: give real, or nothing for the embedded Redis", services)
	}
}
