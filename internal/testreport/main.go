// Command testreport vets and tests every module of the checkout, shows what failed, and ends with one line that counts:
//
//	N passed, N failed, N skipped
//
// It fails when a test failed, when one was skipped and when none ran: a run that left something out proves nothing.
// Its arguments are handed to go test (-run TestSeed).
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	os.Exit(run(".", os.Args[1:], &report{out: os.Stdout}, signals))
}

// run returns the exit status.
func run(root string, args []string, r *report, signals <-chan os.Signal) int {
	modules, err := findModules(root)
	if err != nil {
		r.problem("find modules: %v", err)
	}
	for _, dir := range modules {
		fmt.Fprintf(r.out, "\nmodule %s\n", dir)
		if err := goVet(dir, r, signals); err != nil {
			r.problem("go vet in %s: %v", dir, err)
		}
		if r.interrupted {
			break
		}
		counted := r.failed
		if err := goTest(dir, args, r, signals); err != nil && r.failed == counted && !r.interrupted {
			r.problem("go test in %s: %v", dir, err)
		}
		if r.interrupted {
			break
		}
	}
	if r.interrupted {
		r.problem("interrupted")
	}
	fmt.Fprintf(r.out, "\n%s\n", r.summary())
	if !r.good() {
		return 1
	}
	return 0
}
