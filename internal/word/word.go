// Package word holds what the packages that speak to Redis must agree on: the first byte of a word, where each word
// lives, how names are escaped, and the Lua functions that their scripts share.
package word

import (
	_ "embed"
	"fmt"
	"hash/crc32"
	"time"
)

// The first byte of a word is its type.
const (
	Value  = 'V' // a value, or the fact that the source has none; for a tag: its version
	Lease  = 'L' // somebody is loading
	Intent = 'I' // somebody is writing
)

// LeaseLife is how long a load lease lives without being renewed. A lease found with more is garbage.
const LeaseLife = time.Second

// TagLife is how long a tag's word lives at least. A tag word that is gone costs misses, never a stale hit.
const TagLife = time.Hour

// Reserved is the name that no cache may have: the words of the bus itself live under it.
const Reserved = "tieredcache"

const tagPrefix = Reserved + ":tag:"

// Lib is the Lua that the scripts of l2 and coherence share; it goes in front of each.
//
//go:embed lib.lua
var Lib string

// EntryName names an entry: the cache's name and the escaped key.
func EntryName(cache, key string) string { return cache + ":" + key }

// TagName names a tag from its escaped parts.
func TagName(tag string) string { return tagPrefix + tag }

// GenerationName names the generation of a cache.
func GenerationName(cache string) string { return Reserved + ":g:" + cache }

// Layout says under which Redis key a name lives. The zero value puts nothing before it.
type Layout struct{ prefix string }

// NewLayout returns the layout of a namespace; "" is none. A namespace ends in '/', which no cache's name contains, so
// that no two namespaces can meet.
func NewLayout(namespace string) Layout {
	if namespace == "" {
		return Layout{}
	}
	return Layout{prefix: namespace + "/"}
}

// In returns the layout of one of several partitions. Where there are several, as on a Cluster, each has a hash tag of
// its own, so that its words, its sequence and its journal live in one slot; where there is one, keys carry no tag.
func (l Layout) In(partition, of int) Layout {
	if of > 1 {
		l.prefix = fmt.Sprintf("{%02d}%s", partition, l.prefix)
	}
	return l
}

// Partition returns the partition of an entry's name, the same in every process. A tag's word lives in all of them.
func Partition(name string, of int) int {
	if of == 1 {
		return 0
	}
	return int(crc32.Checksum([]byte(name), castagnoli) % uint32(of))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Key returns the Redis key of a name.
func (l Layout) Key(name string) string { return l.prefix + name }

// Sequence is the key of the sequence s.
func (l Layout) Sequence() string { return l.prefix + Reserved + ":s" }

// Journal is the key of the stream j.
func (l Layout) Journal() string { return l.prefix + Reserved + ":j" }

// Channel is the pub/sub channel ch.
func (l Layout) Channel() string { return l.prefix + Reserved + ":ch" }

// Heartbeat is the key hb, which each SYNC writes.
func (l Layout) Heartbeat() string { return l.prefix + Reserved + ":hb" }

// Incarnation is the key inc: the server that the journal belongs to.
func (l Layout) Incarnation() string { return l.prefix + Reserved + ":inc" }

// ValidName says whether s can name a cache or a namespace: 1 to 64 of a-z A-Z 0-9 . _ -.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
