// Package peer runs caches in processes of their own: the benchmark's own binary, started again with an argument, told
// what to do over its standard input, one JSON-RPC message a line.
//
// # Concurrency
//
// A Process and a Peer are safe for concurrent use.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/benchmarks/sample"
	"github.com/tieredcache/tieredcache/benchmarks/source"
)

// argument is what makes the binary a peer; its Options follow.
const argument = "benchmark-peer"

// Options say what a peer is.
type Options struct {
	Rival   string // its name
	Redis   string // host:port
	Source  string // of a source.Server
	Entries int
	Calm    bool // as in rival.Config
}

// Main does the work of a peer and ends the process, if this process was started as one. It is the first thing that a
// main function, and a TestMain, of the benchmarks calls.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != argument {
		return
	}
	if err := serve(os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Peer is what a Process calls.
type Peer struct {
	source *source.Client
	cache  rival.Cache
	redis  *redis.Client
	loads  atomic.Int64

	mu       sync.Mutex
	expected map[string]<-chan time.Duration
}

func serve(options string, in io.ReadCloser, out io.WriteCloser) (err error) {
	rival.Quiet()
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	p := &Peer{expected: map[string]<-chan time.Duration{}}
	if p.source, err = source.Dial(o.Source); err != nil {
		return err
	}
	r, err := rival.Named(o.Rival)
	if err != nil {
		return err
	}
	load := func(ctx context.Context, key string) (sample.List, error) {
		p.loads.Add(1)
		return p.source.Load(ctx, key)
	}
	if p.cache, err = r.Open(context.Background(), rival.Config{Redis: o.Redis, Load: load, Entries: o.Entries, Calm: o.Calm}); err != nil {
		return err
	}
	p.redis = redis.NewClient(&redis.Options{Addr: o.Redis})
	server := rpc.NewServer()
	if err := server.RegisterName("Peer", p); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(struct {
		io.Reader
		io.WriteCloser
	}{in, out}))
	_ = p.cache.Close() // Redis may have gone before
	return errors.Join(p.redis.Close(), p.source.Close())
}

// Reading is one read.
type Reading struct {
	Version      int64
	Began, Ended time.Duration // on source.Clock
	Err          string        // "" where there was none
}

// patience bounds a single read or write: some rivals wait for as long as they are let.
const patience = 5 * time.Second

// Get reads a key.
func (p *Peer) Get(key string, out *Reading) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out.Began = source.Clock()
	list, err := p.cache.Get(ctx, key)
	out.Ended = source.Clock()
	out.Version, out.Err = source.Version(list), text(err)
	return nil
}

// Update writes a key.
func (p *Peer) Update(key string, out *Reading) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out.Began = source.Clock()
	err := p.update(ctx, key, &out.Version)
	out.Ended = source.Clock()
	out.Err = text(err)
	return nil
}

func (p *Peer) update(ctx context.Context, key string, version *int64) error {
	return rival.Update(ctx, p.cache, key, func(ctx context.Context) (err error) {
		*version, err = p.source.Write(ctx, key)
		return err
	})
}

// Keep reads the keys until no read needs the source, and then a few times more: memory takes entries when it will.
func (p *Peer) Keep(keys []string, _ *struct{}) error {
	const more = 4
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for quiet := 0; quiet < more; {
		before := p.loads.Load()
		if err := p.readAll(ctx, keys); err != nil {
			return err
		}
		if p.loads.Load() == before {
			quiet++
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

func (p *Peer) readAll(ctx context.Context, keys []string) error {
	const readers = 16
	errs := make([]error, readers)
	var all sync.WaitGroup
	for w := range readers {
		all.Go(func() {
			for i := w; i < len(keys) && errs[w] == nil; i += readers {
				_, errs[w] = p.cache.Get(ctx, keys[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
