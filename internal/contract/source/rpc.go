package source

import (
	"context"
	"net/rpc"
)

// service is what replicas call.
type service struct{ s *Source }

// Load reads a row.
func (v *service) Load(l Load, row *Row) error {
	hook, end := v.s.begin(&l)
	defer end()
	*row = l.Row
	if hook == nil {
		return nil
	}
	return hook(l)
}

// Write writes a row.
func (v *service) Write(w Write, row *Row) error {
	v.s.mu.Lock()
	hook := v.s.onWrite
	v.s.mu.Unlock()
	commit := func() { *row = v.s.commit(w) }
	if hook == nil {
		commit()
		return nil
	}
	return hook(w, commit)
}

// Client is a replica's way to the source.
type Client struct {
	replica string
	rpc     *rpc.Client
}

// Dial connects a replica.
func Dial(addr, replica string) (*Client, error) {
	c, err := rpc.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Client{replica: replica, rpc: c}, nil
}

// Load reads a row; ctx ends the waiting alone.
func (c *Client) Load(ctx context.Context, key string) (Row, error) {
	return c.call(ctx, "Source.Load", Load{Replica: c.replica, Key: key})
}

// Write writes a row and returns it. Its error is ErrRolledBack, or says nothing of the outcome.
func (c *Client) Write(ctx context.Context, key string, value int64) (Row, error) {
	return c.call(ctx, "Source.Write", Write{Replica: c.replica, Key: key, Value: value})
}

func (c *Client) call(ctx context.Context, method string, args any) (Row, error) {
	row := new(Row)
	call := c.rpc.Go(method, args, row, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return Row{}, ctx.Err()
	}
	if call.Error == nil {
		return *row, nil
	}
	if call.Error.Error() == ErrRolledBack.Error() { // net/rpc carries the text alone
		return Row{}, ErrRolledBack
	}
	return Row{}, call.Error
}

// Close ends the connection.
func (c *Client) Close() error { return c.rpc.Close() }
