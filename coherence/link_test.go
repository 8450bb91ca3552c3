package coherence_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// link is a way to Redis that may be cut, and takes its time: for each thing that comes, and for bytes each way.
type link struct {
	off      atomic.Bool
	each     atomic.Int64 // ns
	up, down atomic.Int64 // bytes per second; 0: no limit

	mu   sync.Mutex
	made []*over
}

// blackHole swallows whatever comes over the connections that were made until now; new ones are well.
func (l *link) blackHole() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.made {
		o.hole.Store(true)
	}
}

var errCut = errors.New("the link is cut")

func (l *link) options(addr string) *redis.Options {
	return &redis.Options{Addr: addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if l.off.Load() {
			return nil, errCut
		}
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		o := &over{Conn: c, link: l}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.made = append(l.made, o)
		return o, err
	}}
}

// over is a connection over a link.
type over struct {
	net.Conn
	*link
	until atomic.Pointer[time.Time] // the deadline of Read
	hole  atomic.Bool
}

func (o *over) SetDeadline(at time.Time) error {
	o.until.Store(&at)
	return o.Conn.SetDeadline(at)
}

func (o *over) SetReadDeadline(at time.Time) error {
	o.until.Store(&at)
	return o.Conn.SetReadDeadline(at)
}

func (o *over) Write(b []byte) (int, error) {
	<-time.After(taken(len(b), o.up.Load()))
	if o.off.Load() {
		return 0, errCut
	}
	return o.Conn.Write(b)
}

func (o *over) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	for err == nil && o.hole.Load() {
		n, err = o.Conn.Read(b)
	}
	<-time.After(time.Duration(o.each.Load()) + taken(n, o.down.Load()))
	if o.off.Load() {
		return 0, errCut
	}
	if at := o.until.Load(); err == nil && at != nil && !at.IsZero() && time.Now().After(*at) {
		return 0, os.ErrDeadlineExceeded
	}
	return n, err
}

func taken(bytes int, rate int64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(bytes) * time.Second / time.Duration(rate)
}
