package neo4jstore_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/neo4jstore"
)

// TestCommitFails loses COMMIT, or its answer, between the driver and a real Neo4j, or answers in the server's stead.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		fault      fault
		rolledBack bool  // known to be, so that nothing is invalidated
		written    int64 // what Neo4j has in the end
		ok         bool
	}{
		{name: "COMMIT is lost", fault: fault{}},
		{name: "its answer is lost", fault: fault{forward: true}, written: 1},
		{name: "a constraint", fault: refusal("Neo.ClientError.Schema.ConstraintValidationFailed"), rolledBack: true},
		{name: "terminated", fault: refusal("Neo.TransientError.Transaction.Terminated"), rolledBack: true},
		{name: "the database's own error", fault: refusal("Neo.DatabaseError.Transaction.TransactionCommitFailed")},
		{name: "replication", fault: refusal("Neo.TransientError.Cluster.ReplicationFailure")},
		{name: "a deadlock, once", fault: refusal("Neo.TransientError.Transaction.DeadlockDetected").times(1), written: 1, ok: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			bus := r.bus()
			notes := r.notes(bus)
			_, err := notes.Get(r.ctx, r.user.Tenant)
			must(t, err)
			before := bus.Stats().UnknownUpdates

			direct := r.driver
			r.driver = connect(t, proxy(t, direct.Target().Host, c.fault), func(c *config.Config) { c.MaxTransactionRetryTime = 2 * time.Second })
			_, err = neo4jstore.Write(r.ctx, r.source(), bus, []coherence.Ref{notes.Ref(r.user.Tenant)}, r.note)
			r.driver = direct
			if (err == nil) != c.ok {
				t.Errorf("Write: %v", err)
			}
			if got, want := bus.Stats().UnknownUpdates > before, !c.rolledBack && !c.ok; got != want {
				t.Errorf("its outcome is unknown: %v, want %v; the error is %v", got, want, err)
			}
			eventually(t, 10*time.Second, func() bool { // the server may still be at it
				return r.count("MATCH (n:Situation {tenant_id: $t}) RETURN count(n)", map[string]any{"t": r.user.Tenant}) == c.written
			})
			must(t, bus.Invalidate(r.ctx, notes.Ref(r.user.Tenant)))
			got, err := notes.Get(r.ctx, r.user.Tenant)
			must(t, err)
			check(t, "notes", got, c.written)
		})
	}
}

// fault says what happens to COMMIT on its way.
type fault struct {
	forward bool   // the server gets it
	answer  []byte // what the driver gets; nil: the connection ends
	most    int64  // after so many, COMMIT passes; 0: never
}

func (f fault) times(n int64) fault { f.most = n; return f }

// The messages, as Bolt frames them: a length, a structure, a length of zero.
var (
	commit  = []byte{0, 2, 0xB0, 0x12, 0, 0}
	failure = []byte{0xB1, 0x7F}
)

// refusal is the server's FAILURE with a code.
func refusal(code string) fault {
	text := func(s string) []byte { return append([]byte{0xD0, byte(len(s))}, s...) }
	message := append(failure[:2:2], 0xA5)
	for _, pair := range [][2]string{
		{"code", code}, {"neo4j_code", code}, {"message", "refused"}, {"gql_status", "50N42"}, {"description", "refused"},
	} {
		message = append(append(message, text(pair[0])...), text(pair[1])...)
	}
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(message)))
	return fault{answer: append(append(framed, message...), 0, 0)}
}

// proxy passes what a driver and a server say to each other, but for COMMIT, and returns its URI.
func proxy(t *testing.T, server string, f fault) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	commits := new(atomic.Int64)
	go func() {
		for {
			driver, err := listener.Accept()
			if err != nil {
				return
			}
			database, err := net.Dial("tcp", server)
			if err != nil {
				driver.Close()
				return
			}
			go f.pass(driver, database, commits)
		}
	}()
	return "bolt://" + listener.Addr().String()
}

func (f fault) pass(driver, server net.Conn, commits *atomic.Int64) {
	defer driver.Close()
	defer server.Close()
	mute := new(atomic.Bool)
	go func() {
		defer driver.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || mute.Load() { // the answer to COMMIT is lost, and the connection with it
				return
			}
			if _, err := driver.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := driver.Read(buffer)
		if err != nil {
			return
		}
		said := buffer[:n]
		if at := bytes.Index(said, commit); at >= 0 && (f.most == 0 || commits.Add(1) <= f.most) {
			if f.answer == nil && !f.forward {
				return
			}
			if f.answer != nil {
				said = append(said[:at:at], said[at+len(commit):]...)
				if _, err := driver.Write(f.answer); err != nil {
					return
				}
			}
			mute.Store(f.forward)
		}
		if _, err := server.Write(said); err != nil {
			return
		}
	}
}
