package source

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// Serve answers requests until the listener is closed. The versions are those of the table: only the source commits.
func Serve(l net.Listener, t *truth.Table) {
	s := &server{table: t}
	for {
		connection, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(connection)
	}
}

type server struct {
	table *truth.Table
	locks [truth.Keys]sync.Mutex
}

func (s *server) serve(connection net.Conn) {
	defer connection.Close()
	for {
		op, key, w, err := readRequest(connection)
		if err != nil || key < 0 || key >= truth.Keys {
			return
		}
		var reply []byte
		if op == opRead {
			reply = binary.LittleEndian.AppendUint64(reply, s.table.Current(key))
		} else {
			for _, k := range changed(key, op == opCommitGroup) {
				reply = binary.LittleEndian.AppendUint64(reply, s.commit(k, w))
			}
		}
		if _, err := connection.Write(reply); err != nil {
			return
		}
	}
}

func (s *server) commit(key int, w truth.Write) uint64 {
	s.locks[key].Lock()
	defer s.locks[key].Unlock()
	w.Version = s.table.Current(key) + 1
	s.table.Commit(key, w)
	return w.Version
}
