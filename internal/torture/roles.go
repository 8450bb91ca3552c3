package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/source"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// The processes that the driver starts are this program, told its role as the first argument. Each ends in good order
// when its standard input does.
const (
	roleReplica = "replica"
	roleSource  = "source"
)

// play plays the role that the arguments name, and says whether they name one.
func play(args []string) bool {
	if len(args) == 0 {
		return false
	}
	var role func(context.Context, []string) error
	switch args[0] {
	case roleReplica:
		role = replica
	case roleSource:
		role = memory
	default:
		return false
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := role(ctx, args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "torture: %s: %v\n", args[0], err)
		os.Exit(1)
	}
	return true
}

// replica is told its configuration in a file.
func replica(ctx context.Context, args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var config service.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	table, err := truth.Open(config.Table)
	if err != nil {
		return err
	}
	from := source.Dial(config.Source)
	if config.Source == "" {
		if from, err = source.Neo4j(ctx, os.Getenv, config.Run, table); err != nil {
			return err
		}
	}
	return service.Run(ctx, config, from, table, os.Stderr)
}

// memory is the source that keeps its versions in the table: its arguments are the table's file and its own socket.
func memory(ctx context.Context, args []string) error {
	table, err := truth.Open(args[0])
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", args[1])
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	source.Serve(l, table)
	return nil
}
