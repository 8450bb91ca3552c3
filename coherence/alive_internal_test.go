//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || solaris || illumos

package coherence

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// A connection that TLS has left a ticket on is good: the look reads that, ends at once, and leaves no deadline behind.
// With an answer that nobody asked for, or the end of it, it is not.
func TestLookUnderTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	certificates := s.TLS.Certificates
	s.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan *tls.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			close(served)
			return
		}
		server := tls.Server(conn, &tls.Config{
			Certificates: certificates, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, // so the ticket comes after the handshake
		})
		_ = server.Handshake()
		served <- server
	}()
	over, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ClientSessionCache: tls.NewLRUClientSessionCache(1), // asks for a ticket
	})
	if err != nil {
		t.Fatal(err)
	}
	server := <-served
	defer time.AfterFunc(5*time.Second, func() { _ = server.Close() }).Stop() // a look that waits fails
	c := &connection{Conn: over, of: new(connections)}
	arrives := func(what string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; {
			switch some, err := readable(over.NetConn().(syscall.Conn)); {
			case some || err != nil:
				return
			case time.Now().After(end):
				t.Fatalf("%s does not arrive", what)
			}
		}
	}

	arrives("the ticket")
	if err := c.ended(); err != nil {
		t.Errorf("with a ticket: %v", err)
	}
	_, _ = server.Write([]byte("a"))
	b := make([]byte, 2)
	if n, err := c.Read(b); n != 1 || err != nil {
		t.Errorf("after a look: read %d, %v", n, err)
	}
	_, _ = server.Write([]byte("bc"))
	arrives("what was not asked for")
	if err := c.ended(); !errors.Is(err, errUnasked) {
		t.Errorf("with what was not asked for: %v", err)
	}
	_, _ = c.Read(b)
	_ = server.Close()
	arrives("the end")
	if err := c.ended(); err == nil {
		t.Error("the end was not seen")
	}
	_ = c.Conn.Close()
}
