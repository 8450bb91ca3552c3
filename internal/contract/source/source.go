// Package source is the database behind the replicas: a table in the test's own process, which counts what it is asked
// and does what the test tells it to: be slow, fail, or lose its answer.
//
// # Concurrency
//
// A Source is safe for concurrent use. Hooks are called by many goroutines at once, and may block.
package source

import (
	"errors"
	"net"
	"net/rpc"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
)

// Row is what stands under a key. Version counts the writes, and so orders them; Value is the writer's. The zero Row
// stands under a key that was never written.
type Row struct{ Version, Value int64 }

// Load is one read that a replica asked for. Row is what it read, when it began.
type Load struct {
	Replica, Key string
	Row          Row
}

// Write is one write that a replica asked for.
type Write struct {
	Replica, Key string
	Value        int64
}

// ErrRolledBack says that surely nothing was committed.
var ErrRolledBack = errors.New("rolled back")

// Source is the table. Make it with Start, end it with Close.
type Source struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu          sync.Mutex
	connections []net.Conn
	closed      bool
	rows        map[string]*history
	onLoad      func(Load) error
	onWrite     func(w Write, commit func()) error
	running     map[Load]int   // loads that run, by replica and key
	byReplica   map[string]int // and by replica
	most        Most
}

type history struct {
	Row
	loads     int
	committed []time.Duration // of version 1, 2, ...
}

// Most is how many loads ran at once, at most.
type Most struct{ OfKey, OfReplica int }

// Start starts an empty source on a loopback port.
func Start() (*Source, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Source{listener: listener, rows: map[string]*history{}, running: map[Load]int{}, byReplica: map[string]int{}}
	server := rpc.NewServer()
	if err := server.RegisterName("Source", &service{s}); err != nil {
		return nil, err
	}
	s.serving.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if s.keep(connection) {
				s.serving.Go(func() { server.ServeConn(connection) })
			}
		}
	})
	return s, nil
}

func (s *Source) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.connections = append(s.connections, c)
	return true
}

// Addr is where replicas find it.
func (s *Source) Addr() string { return s.listener.Addr().String() }

// Close ends the source, once its hooks have returned.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	_ = s.listener.Close()
	for _, c := range s.connections {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// OnLoad has each load call a hook between its reading and its answer. The hook's error is the load's.
func (s *Source) OnLoad(hook func(Load) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onLoad = hook
}

// OnWrite has each write call a hook that commits, or does not, and whose error is the write's. ErrRolledBack is told
// to the library as such, any other error leaves the outcome unknown.
func (s *Source) OnWrite(hook func(w Write, commit func()) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWrite = hook
}

// Loads says how often a key was loaded.
func (s *Source) Loads(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row(key).loads
}

// Now returns what stands under a key.
func (s *Source) Now(key string) Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row(key).Row
}

// Committed says when a version of a key was committed: not later than anybody could see it.
func (s *Source) Committed(key string, version int64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row(key).committed[version-1]
}

// TakeMost returns how many loads ran at once since it was last called.
func (s *Source) TakeMost() Most {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.most
	s.most = Most{}
	return m
}

func (s *Source) row(key string) *history {
	if s.rows[key] == nil {
		s.rows[key] = &history{}
	}
	return s.rows[key]
}

func (s *Source) commit(w Write) Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.row(w.Key)
	h.Row = Row{Version: h.Version + 1, Value: w.Value}
	h.committed = append(h.committed, mono.Now())
	return h.Row
}

// begin counts a load and reads the row, as a database does: when the transaction begins.
func (s *Source) begin(l *Load) (hook func(Load) error, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := *l
	h := s.row(l.Key)
	h.loads++
	s.running[at]++
	s.byReplica[at.Replica]++
	s.most.OfKey = max(s.most.OfKey, s.running[at])
	s.most.OfReplica = max(s.most.OfReplica, s.byReplica[at.Replica])
	l.Row = h.Row
	return s.onLoad, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running[at]--
		s.byReplica[at.Replica]--
	}
}
