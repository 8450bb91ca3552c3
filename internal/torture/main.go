// Command torture runs a small service as several processes on a real Redis, breaks what can break, and holds every
// single read against the truth:
//
//	torture -duration=60s -replicas=4 [-seed=n] [-source=memory|neo4j] [-break=epoch|lease|fence|intent]
//
// It prints the seed that the faults are drawn from, each violation with the versions, times and faults around it, and
// one line that counts. It fails unless no promise was broken and every kind of fault has struck. With -break, the
// replicas run a library from which that guard was taken out, and it fails unless violations were found.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if play(os.Args[1:]) {
		return
	}
	o := options{out: os.Stdout}
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long it tortures")
	flag.IntVar(&o.replicas, "replicas", 4, "how many replicas: 2 to 12")
	flag.Uint64Var(&o.seed, "seed", 0, "what the faults are drawn from; 0: the clock")
	flag.StringVar(&o.source, "source", "memory", "memory: a process of its own; neo4j: the one that the environment names")
	flag.StringVar(&o.without, "break", "", "take a guard out of the library: epoch, lease, fence or intent")
	flag.Parse()
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1e9
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := torture(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		stop()
		os.Exit(1)
	}
}
