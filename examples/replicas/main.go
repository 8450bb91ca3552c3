// Command replicas runs three instances of the example service as local processes, on the services that REDIS_URL,
// NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD name, and prints what to try. Ctrl-C stops them; they end with this program,
// however it ends.
//
// They listen on 127.0.0.1, on the ports 8081 to 8083 where those are free.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/tieredcache/tieredcache/examples/service/server"
)

// serveArgument is what an instance is started with.
const serveArgument = "serve"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	run := replicas
	if len(os.Args) == 2 && os.Args[1] == serveArgument {
		run = instance
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}

// instance is the service in a process of its own, until its parent ends or stops it.
func instance(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the parent
		cancel()
	}()
	return server.Run(ctx, os.Getenv, os.Stdout, os.Stderr)
}

// replicas starts three instances, says where they are, and stops them when ctx ends or one of them does.
func replicas(ctx context.Context) error {
	var all []*replica
	defer func() {
		var stopped sync.WaitGroup
		for _, r := range all {
			stopped.Go(r.stop)
		}
		stopped.Wait()
	}()
	ended := make(chan *replica, count)
	for n := 1; n <= count; n++ {
		r, err := start(n, ended)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	for _, r := range all {
		if err := r.await(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // asked to stop before they were up
			}
			return err
		}
	}
	fmt.Print(instructions(all))
	select {
	case <-ctx.Done():
		return nil
	case r := <-ended:
		return fmt.Errorf("replica %d ended: its log says why", r.number)
	}
}

// instructions are lines to paste.
func instructions(all []*replica) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "replica %d on %s\n", r.number, r.url)
	}
	const path = "/tenants/acme/users/ada/preferences"
	fmt.Fprintf(&b, `
write on replica 1, then read on the others (X-Cache says which tier answered: source, redis or memory):

  curl -s  -d '{"key":"food.spice","value":"hot","sentiment":"positive"}' %s%s
  curl -si %s%s
  curl -si %s%s

Ctrl-C stops all three.
`, all[0].url, path, all[1].url, path, all[2].url, path)
	return b.String()
}
