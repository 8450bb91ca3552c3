// Command mutants takes each guard of the protocol out, one at a time, and names the test that then fails:
//
//	killed the epoch is compared on a hit by TestMissByEpoch (0.1s)
//	mutants: killed=N lived=0
//
// It works on a scratch copy of the module. A mutant that lives is a hole in the tests; one whose text is not found
// exactly once, that does not compile, or whose test fails without it, is an error. Both fail the run.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
)

func main() {
	only := flag.String("run", "", "only the mutants whose name matches this regular expression")
	why := flag.Bool("v", false, "say too what the failing test has printed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: -run:", err)
		os.Exit(2)
	}
	chosen := slices.DeleteFunc(guards(), func(m mutant) bool { return !pattern.MatchString(m.name) })
	if err := run(ctx, ".", chosen, *why, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// guards are all that is taken out.
func guards() []mutant { return slices.Concat(memory(), batches(), words(), writes(), syncs()) }

// run tests the mutants of the module at root.
func run(ctx context.Context, root string, mutants []mutant, why bool, out io.Writer) error {
	l, err := newLab(root)
	if err != nil {
		return err
	}
	defer l.close()
	r := &report{out: out, why: why}
	l.unchanged(ctx, mutants, r)
	l.changed(ctx, mutants, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprintln(out, r.summary())
	return r.err()
}
