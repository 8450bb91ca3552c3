// Command services starts, finds and stops the Redis and the Neo4j of this checkout:
//
//	services up                    start or find them; print the variables that programs read
//	services env                   print the variables of what runs; start nothing
//	services down                  stop what was started
//	services run -- COMMAND [ARG…] run a command with them, and stop them if nobody asked for them with up
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tieredcache/tieredcache/internal/services"
)

const usage = "usage: services up | env | down | run -- COMMAND [ARG…]"

func main() {
	err := run(os.Args[1:])
	var exit *exec.ExitError
	switch {
	case err == nil:
		return
	case errors.As(err, &exit) && err.Error() == exit.Error(): // the command has said why
		os.Exit(max(1, exit.ExitCode()))
	default:
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	root, err := checkout()
	if err != nil {
		return err
	}
	c := services.Config{Root: root, Getenv: os.Getenv, Log: os.Stderr}
	caught := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	ctx := context.Background()
	if args[0] == "run" && len(args) > 2 && args[1] == "--" {
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, caught...)
		return services.Run(ctx, c, signals, args[2:]...)
	}
	if len(args) != 1 {
		return errors.New(usage)
	}
	ctx, stop := signal.NotifyContext(ctx, caught...)
	defer stop()
	var env services.Env
	switch args[0] {
	case "up":
		env, err = services.Up(ctx, c)
	case "env":
		env, err = services.Find(ctx, c)
	case "down":
		return services.Down(ctx, c)
	default:
		return errors.New(usage)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Println(strings.Join(env.Variables(), "\n"))
	return err
}

// checkout finds the root of this repository above the working folder.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/tieredcache/tieredcache\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run this inside a checkout of tieredcache")
		}
	}
}
