package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"time"
)

const replicas = 3

// cluster is three replicas on one Redis and one source.
type cluster struct {
	title    string
	source   string // what a cold read reads
	replicas []*rpc.Client
	warmed   string                              // with what it is warmed up
	sample   int                                 // how many lists are measured
	more     func(context.Context, *table) error // shown at the end; may be nil
	close    func() error
}

// call calls a method of a replica: numbered from 1, as people read it.
func (c *cluster) call(ctx context.Context, replica int, method string, args, reply any) error {
	done := c.replicas[replica-1].Go("Node."+method, args, reply, make(chan *rpc.Call, 1)).Done
	select {
	case call := <-done:
		if call.Error != nil {
			return fmt.Errorf("replica %d: %w", replica, call.Error)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loads counts, at the source, how often the replicas have read it.
func (c *cluster) loads(ctx context.Context) (sum int64, err error) {
	for r := 1; r <= replicas; r++ {
		var n int64
		if err := c.call(ctx, r, "Loads", struct{}{}, &n); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// serve answers the calls that arrive on a connection until it ends.
func serve(n *Node, connection io.ReadWriteCloser) error {
	server := rpc.NewServer()
	if err := server.Register(n); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(connection))
	return nil
}

// closers closes what was opened, the last first.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() (err error) {
	for len(*c) > 0 {
		last := len(*c) - 1
		err = errors.Join(err, (*c)[last]())
		*c = (*c)[:last]
	}
	return err
}

// samples says how many reads of a source fit into the time that a reader of the demo has.
func samples(delay time.Duration) int {
	const most, least, patience = 100, 5, 2 * time.Second
	return max(least, min(most, int(patience/max(delay, time.Millisecond))))
}
