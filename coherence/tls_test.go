package coherence_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
)

// certificate returns one that nobody trusts, and what does not ask for trust.
func certificate() (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}

// front stands before a Redis, as a load balancer does, and ends connections.
type front struct {
	net.Listener
	to   string
	mu   sync.Mutex
	open []net.Conn
}

// front returns one that speaks TLS where over is not nil.
func (r *rig) front(t testing.TB, over *tls.Config) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	if over != nil {
		l = tls.NewListener(l, over)
	}
	f := &front{Listener: l, to: r.Options().Addr}
	var carried sync.WaitGroup
	carried.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			carried.Go(func() { f.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.end(net.Conn.Close)
		carried.Wait()
	})
	return f
}

func (f *front) carry(from net.Conn) {
	to, err := net.Dial("tcp", f.to)
	if err != nil {
		_ = from.Close()
		return
	}
	f.mu.Lock()
	f.open = append(f.open, from)
	f.mu.Unlock()
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// end ends all connections of now.
func (f *front) end(how func(net.Conn) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.open {
		_ = how(conn)
	}
	f.open = nil
}

// cut ends a connection without TLS's leave.
func cut(conn net.Conn) error {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	return conn.Close()
}

// opaque is a connection whose socket cannot be seen.
type opaque struct{ net.Conn }

// TestConnectionsThatHaveEnded while nobody used them cost no write: a Strict one would be refused, although Redis is well.
func TestConnectionsThatHaveEnded(t *testing.T) {
	t.Parallel()
	server, trusting := certificate()
	older := trusting.Clone()
	older.MaxVersion = tls.VersionTLS12
	left := func(_ *rig, f *front) { f.end(net.Conn.Close) }
	dropped := func(_ *rig, f *front) { f.end(cut) }
	renewed := func(r *rig, _ *front) { r.becomeAnother(t) }
	for name, c := range map[string]struct {
		client  *tls.Config
		end     func(*rig, *front)
		flushes uint64 // by a new incarnation
		opaque  bool
	}{
		"plain":                   {nil, left, 0, false},
		"plain, made anew":        {nil, renewed, 1, false},
		"TLS":                     {trusting, left, 0, false},
		"TLS, cut":                {trusting, dropped, 0, false},
		"TLS, made anew":          {trusting, renewed, 1, false},
		"TLS 1.2":                 {older, left, 0, false},
		"TLS 1.2, cut":            {older, dropped, 0, false},
		"something else, renewed": {nil, renewed, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := own(t, services.RedisOptions{})
			over := server
			if c.client == nil {
				over = nil
			}
			f := r.front(t, over)
			options := redis.Options{Addr: f.Addr().String(), TLSConfig: c.client}
			if c.opaque {
				options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					return opaque{conn}, err
				}
			}
			client := redis.NewClient(&options)
			t.Cleanup(func() { _ = client.Close() })
			p := r.openPeer(t, coherence.Config{Redis: client, Mode: coherence.Strict, MaxStaleness: patient, Timeout: 10 * time.Second})
			const many = 9
			p.lend(t, many)
			syncs := p.Stats().Syncs
			c.end(r, f)
			eventually(t, "Redis is well", soon, func() bool {
				s := p.Stats()
				return s.Syncs > syncs && s.Flushes == c.flushes
			})
			for range many {
				check(t, p.Update(t.Context(), []coherence.Ref{entry("k")}, func(context.Context) error { return nil }))
			}
		})
	}
}

// lend makes the pool of the caches hold so many connections that nobody uses.
func (p *peer) lend(t testing.TB, many int) {
	t.Helper()
	var lent []*redis.Conn
	for range many {
		conn := p.Redis().Conn()
		check(t, conn.Ping(t.Context()).Err())
		lent = append(lent, conn)
	}
	for _, conn := range lent {
		check(t, conn.Close())
	}
	eventually(t, "nobody uses them", soon, func() bool { return int(p.Redis().PoolStats().IdleConns) >= many })
}

// TestLookAtAConnection: what TLS says of its own accord is no answer that nobody asked for.
func TestLookAtAConnection(t *testing.T) {
	t.Parallel()
	server, trusting := certificate()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for name, c := range map[string]struct {
		then func(net.Conn) error
		want error
	}{
		"nothing": {func(net.Conn) error { return nil }, nil},
		"a leave": {net.Conn.Close, io.EOF},
		"a cut":   {cut, io.ErrUnexpectedEOF},
		"an answer": {func(conn net.Conn) error {
			_, err := conn.Write([]byte("+PONG\r\n"))
			return err
		}, coherence.ErrUnasked},
	} {
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				err = conn.(*tls.Conn).HandshakeContext(t.Context()) // which sends a ticket, in the end
			}
			if err != nil {
				t.Error(err)
			}
			accepted <- conn
		}()
		conn, err := tls.Dial("tcp", l.Addr().String(), trusting)
		check(t, err)
		there := <-accepted
		for range 3 {
			check(t, coherence.LookAt(conn))
		}
		check(t, c.then(there))
		if err := coherence.LookAt(conn); !errors.Is(err, c.want) && (c.want == nil || err == nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		_, _ = there.Close(), conn.Close()
	}
}
