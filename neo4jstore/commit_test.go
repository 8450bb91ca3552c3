package neo4jstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
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

// TestBeginRefusedAfterCommit: a COMMIT has landed, the driver was told to try again, and the server does not let it begin.
// What it refuses then is not the COMMIT.
func TestBeginRefusedAfterCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	f := refusal("Neo.TransientError.Cluster.ReplicationFailure")
	f.forward, f.begin = true, refusal("Neo.ClientError.Transaction.InvalidBookmark").answer
	source := neo4jstore.Source{Driver: connect(t, proxy(t, r.driver.Target().Host, f)), Database: database}
	_, err := neo4jstore.Write(r.ctx, source, bus, []coherence.Ref{r.user.Tag()}, r.note)
	if refused, ok := errors.AsType[*neo4j.Neo4jError](err); !ok || refused.Title() != "InvalidBookmark" {
		t.Errorf("got %v, want the answer to BEGIN", err)
	}
	check(t, "written", r.count("MATCH (n:Situation {tenant_id: $t}) RETURN count(n)", map[string]any{"t": r.user.Tenant}), int64(1))
	check(t, "writes of unknown outcome", bus.Stats().UnknownUpdates, uint64(1))
}

// fault says what happens to COMMIT on its way.
type fault struct {
	on      []byte // or to what says this, in place of COMMIT
	forward bool   // the server gets it
	answer  []byte // what the driver gets; nil: the connection ends
	silent  bool   // the driver gets nothing, and the connection stays
	most    int64  // after so many, COMMIT passes; 0: never
	begin   []byte // what the driver gets for the BEGIN of another attempt; nil: the server's answer
}

func (f fault) times(n int64) fault { f.most = n; return f }

// The messages, as Bolt frames them: a length, a structure, a length of zero.
var (
	commit  = []byte{0, 2, 0xB0, 0x12, 0, 0}
	begin   = []byte{0xB1, 0x11}
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
			if err != nil {
				return
			}
			said := buffer[:n]
			if mute.Load() {
				if f.silent {
					continue
				}
				if said = f.answer; said == nil { // the answer to COMMIT is lost, and the connection with it
					return
				}
				mute.Store(false)
			}
			if _, err := driver.Write(said); err != nil {
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
		if f.begin != nil && commits.Load() > 0 && bytes.Contains(said, begin) {
			if _, err := driver.Write(f.begin); err != nil {
				return
			}
			continue
		}
		on := commit
		if f.on != nil {
			on = f.on
		}
		if at := bytes.Index(said, on); at >= 0 && (commits.Add(1) <= f.most || f.most == 0) {
			if f.answer == nil && !f.forward {
				return
			}
			if f.answer != nil && !f.forward {
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
