package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Run runs a command with the services and the four variables in its environment. Services that nobody asked for with
// [Up] are stopped with the last Run that used them. Each signal that arrives on signals is passed on to the command.
// A command that fails is an *exec.ExitError; a service that no longer answers at the end is an error too.
func Run(ctx context.Context, c Config, signals <-chan os.Signal, command ...string) (err error) {
	done, err := c.use(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()

	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	up := make(chan error, 1)
	var env Env
	go func() {
		var err error
		env, err = c.up(starting, false)
		up <- err
	}()
	select {
	case err = <-up:
	case sig := <-signals:
		cancel()
		err = errors.Join(fmt.Errorf("%s while the services started", sig), <-up)
	}
	if err != nil {
		return err
	}

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env.Variables()...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	interrupted := false
	for {
		select {
		case sig := <-signals:
			interrupted = true
			_ = cmd.Process.Signal(sig) // it may have ended just now
		case err := <-ended:
			if interrupted {
				return err
			}
			return errors.Join(err, c.stillThere(ctx, env))
		}
	}
}

// stillThere reports a service that died while the command ran: whatever the command says then is worth little.
func (c Config) stillThere(ctx context.Context, env Env) error {
	used := map[string]instance{
		redisName: {URL: env.RedisURL},
		neo4jName: {URL: env.Neo4jURI, User: env.Neo4jUser, Password: env.Neo4jPassword},
	}
	var failed error
	for name, i := range used {
		if err := i.check(ctx, name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s was lost while the command ran: %w", title[name], err))
		}
	}
	return failed
}

// use marks the services as used by this program until done is called. The last user stops them, unless they are kept.
func (c Config) use(ctx context.Context) (done func() error, err error) {
	path, err := c.folder("users")
	if err != nil {
		return nil, err
	}
	leave, err := flock(ctx, path, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := leave(); err != nil {
			return err
		}
		alone, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		last, err := flock(alone, path, syscall.LOCK_EX)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil // others use them
		}
		if err != nil {
			return err
		}
		defer last() //nolint:errcheck // closing frees the lock, whatever it returns
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s, unlock, err := c.state(ctx)
		if err != nil {
			return err
		}
		defer unlock()
		if s.Keep {
			return nil
		}
		return c.down(ctx, s)
	}, nil
}
