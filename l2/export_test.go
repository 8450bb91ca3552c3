package l2

import (
	"reflect"

	"github.com/tieredcache/tieredcache/internal/word"
)

// The scripts, for their own tables of cases.
var (
	LeaseScript = leaseScript
	FillScript  = fillScript
	RenewScript = renewScript
	TagsScript  = tagsScript
	SetScript   = setScript
)

// MaxEncoded is how long a payload may be.
const MaxEncoded = maxEncoded

// Read says what a word is, without Redis.
func (s *Store[V]) Read(raw []byte, versions [][8]byte, generation uint64, now int64) Word[V] {
	return s.read(raw, versions, generation, now)
}

// EncodeWith makes a value's word, without Redis.
func (s *Store[V]) EncodeWith(v Value[V], versions [][8]byte) ([]byte, error) {
	return s.encode(v, versions, word.Random())
}

// Seal writes the checksum of a word that a test has changed.
func Seal(b []byte) { seal(b) }

// ID returns what LEASE may replace.
func (w Word[V]) ID() []byte { return w.id }

// Crowd returns how many readers wait for a shared round trip, and how many of these are under way.
func (s *Store[V]) Crowd() (waiting, underway int) {
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	return len(s.reads.waiting), s.reads.underway
}

// MsgpShape returns the part of a codec's ID that says which fields a type with msgp methods has.
func MsgpShape[T any]() string {
	c := newCompiler(false, nil)
	c.loses(reflect.TypeFor[T](), "", map[reflect.Type]bool{})
	return c.shape.String()
}
