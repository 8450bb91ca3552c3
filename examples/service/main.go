// Command service is a small HTTP preference service: the model for embedding the library. README.md says how to run it
// and package server how it is put together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tieredcache/tieredcache/examples/service/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := server.Run(ctx, os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "service:", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}
