// Package source is what the caches of a torture run are in front of: versions in a process of its own, which commits
// them to the truth, or in a real Neo4j.
package source

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// Source reads and commits versions.
type Source interface {
	// Read returns the version of a key.
	Read(ctx context.Context, key int) (uint64, error)
	// Commit raises the version of a key, or with w.Tag those of its whole group, records that in the truth and returns
	// the new version of each.
	Commit(ctx context.Context, key int, w truth.Write) (map[int]uint64, error)
	Close() error
}

// Over the socket, a request is an op, a key, began, the life and whether it is late; a reply, as many versions as keys were asked for.
const (
	opRead = iota
	opCommit
	opCommitGroup
	requestSize = 1 + 4 + 8 + 4 + 1
)

func writeRequest(to io.Writer, op byte, key int, w truth.Write) error {
	b := make([]byte, 0, requestSize)
	b = append(b, op)
	b = binary.LittleEndian.AppendUint32(b, uint32(key))
	b = binary.LittleEndian.AppendUint64(b, uint64(w.Began))
	b = binary.LittleEndian.AppendUint32(b, uint32(w.Life))
	late := byte(0)
	if w.Late {
		late = 1
	}
	_, err := to.Write(append(b, late))
	return err
}

func readRequest(from io.Reader) (op byte, key int, w truth.Write, err error) {
	var b [requestSize]byte
	if _, err := io.ReadFull(from, b[:]); err != nil {
		return 0, 0, w, err
	}
	w = truth.Write{Began: int64(binary.LittleEndian.Uint64(b[5:])), Life: int(binary.LittleEndian.Uint32(b[13:])), Tag: b[0] == opCommitGroup, Late: b[17] == 1}
	return b[0], int(binary.LittleEndian.Uint32(b[1:])), w, nil
}

// changed lists the keys that a commit changes.
func changed(key int, tag bool) (keys []int) {
	if !tag {
		return []int{key}
	}
	for k := range truth.Members(key) {
		keys = append(keys, k)
	}
	return keys
}
