package source

import (
	"context"
	"net"
	"net/rpc"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/benchmarks/sample"
)

// Server lets other processes use a source. Make it with Serve, end it with Close.
type Server struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

// Serve listens on a port of the loopback interface.
func Serve(s *Source) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &Server{listener: listener, conns: map[net.Conn]struct{}{}}
	calls := rpc.NewServer()
	if err := calls.RegisterName("Source", &service{s}); err != nil {
		_ = listener.Close()
		return nil, err
	}
	v.running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			v.mu.Lock()
			if v.closed {
				_ = c.Close()
			}
			v.conns[c] = struct{}{}
			v.mu.Unlock()
			v.running.Go(func() { calls.ServeConn(c) })
		}
	})
	return v, nil
}

// Addr is what Dial needs.
func (v *Server) Addr() string { return v.listener.Addr().String() }

// Close ends all connections.
func (v *Server) Close() {
	_ = v.listener.Close()
	v.mu.Lock()
	v.closed = true
	for c := range v.conns {
		_ = c.Close()
	}
	v.mu.Unlock()
	v.running.Wait()
}

// service is what clients call. Only versions travel: a client makes the lists itself.
type service struct{ s *Source }

// Load is Source.Load.
func (v *service) Load(key string, version *int64) error {
	list, err := v.s.Load(context.Background(), key)
	*version = Version(list)
	return err
}

// Write is Source.Write.
func (v *service) Write(key string, version *int64) (err error) {
	*version, err = v.s.Write(key)
	return err
}

// Asked is a version of a key.
type Asked struct {
	Key     string
	Version int64
}

// Overtaken is Source.Overtaken.
func (v *service) Overtaken(a Asked, at *time.Duration) error {
	*at = v.s.Overtaken(a.Key, a.Version)
	return nil
}

// Client is another process's way to a source.
type Client struct {
	rpc  *rpc.Client
	base *Source // has version 0 of every list
}

// Dial connects to a Server.
func Dial(addr string) (*Client, error) {
	c, err := rpc.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: c, base: New(0)}, nil
}

// Load reads a list; ctx ends the waiting.
func (c *Client) Load(ctx context.Context, key string) (sample.List, error) {
	list, err := c.base.Now(key)
	if err != nil {
		return nil, err
	}
	var version int64
	call := c.rpc.Go("Source.Load", key, &version, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if call.Error != nil || version == 0 {
		return list, call.Error
	}
	list = append(sample.List(nil), list...)
	for j := range list {
		list[j].Rejections = version
	}
	return list, nil
}

// Write makes the next version of a key.
func (c *Client) Write(_ context.Context, key string) (version int64, err error) {
	err = c.rpc.Call("Source.Write", key, &version)
	return version, err
}

// Overtaken says when a version of a key was overtaken, 0 if it was not.
func (c *Client) Overtaken(key string, version int64) (at time.Duration, err error) {
	err = c.rpc.Call("Source.Overtaken", Asked{key, version}, &at)
	return at, err
}

// Close ends the connection.
func (c *Client) Close() error { return c.rpc.Close() }
