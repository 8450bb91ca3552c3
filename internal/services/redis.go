package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisOptions says how [StartRedis] starts its server. The zero value starts an empty server that persists nothing.
type RedisOptions struct {
	// Dir is an existing folder for the server's files and its log. Empty: a new temporary one, which Stop removes.
	Dir string

	// Port is the loopback port. Zero: a free one.
	Port int

	// Password is what clients must send. Empty: none.
	Password string

	// Args are further arguments of redis-server; they win over the defaults ("--appendonly", "yes").
	Args []string

	// remember is told of the process as soon as there is one. Nil: the server dies with this program.
	remember func(process) error
}

// Redis is a running redis-server that belongs to one test. The caller ends it with Stop.
// One goroutine at a time may call its methods.
type Redis struct {
	// URL is for redis.ParseURL; it holds the password.
	URL string

	// Addr is host:port.
	Addr string

	opt  RedisOptions
	temp bool
	proc process
}

// StartRedis starts a redis-server and returns when it answers. It ends with Stop, or when this program dies;
// the end of ctx only ends the waiting. Where redis-server is missing it is installed as [Up] would.
func StartRedis(ctx context.Context, opt RedisOptions) (*Redis, error) {
	r := &Redis{opt: opt}
	if opt.Dir == "" {
		dir, err := os.MkdirTemp("", "tieredcache-redis-")
		if err != nil {
			return nil, fmt.Errorf("start Redis: %w", err)
		}
		r.opt.Dir, r.temp = dir, true
	}
	err := onFreePort(opt.Port, func(port int) error {
		r.opt.Port = port
		return r.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

func (r *Redis) start(ctx context.Context) error {
	path, err := need(ctx, redisServer)
	if err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	r.Addr = "127.0.0.1:" + strconv.Itoa(r.opt.Port)
	r.URL = "redis://" + r.Addr + "/0"
	config := "" // on standard input, as a password is no argument
	if r.opt.Password != "" {
		r.URL = "redis://:" + escape(r.opt.Password) + "@" + r.Addr + "/0"
		config = "requirepass " + strconv.Quote(r.opt.Password) + "\n"
	}
	args := []string{"-", "--port", strconv.Itoa(r.opt.Port), "--bind", "127.0.0.1", "--dir", r.opt.Dir, "--save", "", "--appendonly", "no"}
	r.proc, err = launch{
		name: "redis-server", path: path, args: append(args, r.opt.Args...), stdin: config,
		dir: r.opt.Dir, log: r.log(), remember: r.opt.remember,
	}.start()
	if err != nil {
		return err
	}
	return awaitServer(ctx, "Redis", r.proc, r.log(), 30*time.Second, func(ctx context.Context) error {
		return checkRedis(ctx, r.URL, r.proc.PID)
	})
}

func (r *Redis) log() string { return filepath.Join(r.opt.Dir, "redis.log") }

// Kill ends the server with SIGKILL and returns when it is gone.
func (r *Redis) Kill() error { return r.proc.kill() }

// Pause freezes the server: it accepts connections and never answers. Resume goes on.
func (r *Redis) Pause() error { return r.proc.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (r *Redis) Resume() error { return r.proc.signal(syscall.SIGCONT) }

// Restart kills the server where it still runs and starts one on the same port and folder. It returns when that answers.
func (r *Redis) Restart(ctx context.Context) error {
	if err := r.Kill(); err != nil {
		return err
	}
	err := r.start(ctx)
	for tries := 0; errors.Is(err, errPortTaken) && tries < 20; tries++ {
		err = r.start(ctx) // a client that dials a port where nobody listens may meet itself there, for a moment
	}
	return err
}

// Stop kills the server and removes its temporary folder. A second Stop does nothing.
func (r *Redis) Stop() error {
	err := r.Kill()
	if r.temp {
		err = errors.Join(err, os.RemoveAll(r.opt.Dir))
	}
	return err
}

// checkRedis reports whether the server at url answers and, unless pid is zero, whether it is that process.
// Its errors hold the address and never the password.
func checkRedis(ctx context.Context, url string, pid int) error {
	opt, err := redis.ParseURL(url)
	if err != nil { // the parser's message quotes the URL, password and all
		return errors.New("not a Redis URL of the form redis://user:password@host:port/db")
	}
	// go-redis writes a failed dial to standard error, so it gets no chance to fail.
	conn, err := (&net.Dialer{}).DialContext(ctx, opt.Network, opt.Addr)
	if err != nil {
		return fmt.Errorf("no Redis at %s: %w", opt.Addr, err)
	}
	conn.Close()
	opt.MaxRetries, opt.DialerRetries = -1, 1
	opt.ContextTimeoutEnabled = true
	client := redis.NewClient(opt)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("no PONG from Redis at %s: %w", opt.Addr, err)
	}
	if pid == 0 {
		return nil
	}
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("INFO of Redis at %s: %w", opt.Addr, err)
	}
	if !strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", pid)) {
		return fmt.Errorf("another Redis listens at %s", opt.Addr)
	}
	return nil
}
