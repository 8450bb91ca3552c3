package l2

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

//go:embed lua/lease.lua
var leaseLua string

//go:embed lua/fill.lua
var fillLua string

//go:embed lua/renew.lua
var renewLua string

var (
	leaseScript = redis.NewScript(word.Lib + leaseLua)
	fillScript  = redis.NewScript(fillLua)
	renewScript = redis.NewScript(renewLua)
)

// ErrEncode is wrapped where a codec could not encode a value.
var ErrEncode = errors.New("l2: encode")

// Lease is the right to load an entry and to store what was loaded, with the versions that its tags had before.
type Lease struct {
	token    string
	versions []version
}

// Value is what a load brought.
type Value[V any] struct {
	Value      V
	Missing    bool          // the source has none; Value is ignored
	Generation uint64        // of the cache, known before the load
	TTL        time.Duration // of the word in Redis
	Expires    int64         // the moment that this means, in ms of Redis time
}

// Lease asks for the right to load, having seen an unusable word. It decides on the words as they are now: the lease
// is nil where the word that is returned stands in the way. A lease of somebody else is then marked as waited for.
// Beside a lease, the word is Garbage if that is what it was granted over. Beside an error, the lease is one that may have
// been granted all the same: GiveUp ends it before its time.
func (s *Store[V]) Lease(ctx context.Context, e Entry, seen Word[V], ttl time.Duration, generation uint64, now int64) (*Lease, Word[V], error) {
	if seen.Kind == Absent && len(e.Tags) == 0 {
		token, cmd := take(ctx, e)
		raw, err := s.reads.take(ctx, cmd)
		if lease, _, err := s.taken(token, raw, err, generation, now); lease != nil {
			return lease, Word[V]{}, err
		}
	}
	token, call := s.leaseCall(e, seen, ttl)
	return s.leased(token, leaseScript.Run(ctx, s.config.Redis, call.keys, call.args...), generation, now)
}

// GetOrLease is Get and, where that finds nothing, Lease, in one round trip: for who expects to find nothing, since
// where it finds something it costs Redis more than Get. Another's lease may not have been marked as waited for.
func (s *Store[V]) GetOrLease(ctx context.Context, e Entry, ttl time.Duration, generation uint64, now int64) (*Lease, Word[V], error) {
	if len(e.Tags) == 0 {
		token, cmd := take(ctx, e)
		raw, err := s.reads.take(ctx, cmd)
		return s.taken(token, raw, err, generation, now)
	}
	token, call := s.leaseCall(e, Word[V]{}, ttl)
	return s.leased(token, leaseScript.Run(ctx, s.config.Redis, call.keys, call.args...), generation, now)
}

// take is Get and Lease of an entry without tags: one command in place of a script, which costs Redis ten times as much.
func take(ctx context.Context, e Entry) (token string, cmd *redis.StringCmd) {
	token = word.Token()
	return token, redis.NewStringCmd(ctx, "set", e.Key, string(word.Lease)+token, "px", word.LeaseLife.Milliseconds(), "nx", "get")
}

// taken reads the reply of take.
func (s *Store[V]) taken(token, raw string, err error, generation uint64, now int64) (*Lease, Word[V], error) {
	switch {
	case errors.Is(err, redis.Nil):
		return &Lease{token: token}, Word[V]{Kind: Absent}, nil
	case err == nil:
		return nil, s.read(bytesOf(raw), nil, generation, now), nil
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return nil, Word[V]{Kind: Garbage}, nil
	}
	return &Lease{token: token}, Word[V]{}, fmt.Errorf("l2: lease: %w", err)
}

func (s *Store[V]) leaseCall(e Entry, seen Word[V], ttl time.Duration) (token string, c call) {
	token = word.Token()
	args := []any{token, word.LeaseLife.Milliseconds(), seen.id, max(ttl, word.TagLife).Milliseconds()}
	return token, call{keys: append([]string{e.Key}, e.Tags...), args: addRandom(args, len(e.Tags))}
}

// leased reads the reply of LEASE.
func (s *Store[V]) leased(token string, cmd *redis.Cmd, generation uint64, now int64) (*Lease, Word[V], error) {
	reply, err := cmd.Slice()
	if err != nil {
		return &Lease{token: token}, Word[V]{}, fmt.Errorf("l2: lease: %w", err)
	}
	if len(reply) != 3 {
		return &Lease{token: token}, Word[V]{}, fmt.Errorf("l2: lease: a reply of %d parts", len(reply))
	}
	what, _ := reply[0].(string)
	met, _ := reply[1].(string)
	versions := readVersions(reply[2])
	switch what {
	case "G":
		return &Lease{token: token, versions: versions}, Word[V]{Kind: Absent}, nil
	case "R":
		return &Lease{token: token, versions: versions}, Word[V]{Kind: Garbage}, nil
	case "T":
		return nil, Word[V]{Kind: Intended}, nil
	}
	w := s.read([]byte(met), versions, generation, now)
	if met != "" && met[0] == word.Intent {
		w.Kind = Intended // the script has looked at the clock of Redis itself
	}
	return nil, w, nil
}

// Fill stores what was loaded if the lease is still held, and says whether it was.
func (s *Store[V]) Fill(ctx context.Context, e Entry, l *Lease, v Value[V]) (bool, error) {
	w, err := s.Encode(l, v)
	if err != nil {
		return false, errors.Join(err, s.GiveUp(ctx, e, l))
	}
	return s.end(ctx, Filling{Entry: e, Lease: l, Word: w, TTL: v.TTL})
}

// Encode makes the word that stores what was loaded under a lease.
func (s *Store[V]) Encode(l *Lease, v Value[V]) ([]byte, error) {
	return s.encode(v, l.versions, word.Random())
}

// GiveUp ends a lease without a value, so that somebody else can load at once.
func (s *Store[V]) GiveUp(ctx context.Context, e Entry, l *Lease) error {
	_, err := s.end(ctx, Filling{Entry: e, Lease: l})
	return err
}

func (s *Store[V]) end(ctx context.Context, f Filling) (bool, error) {
	c := s.fillCall(f)
	return ended(fillScript.Run(ctx, s.config.Redis, c.keys, c.args...))
}

func (s *Store[V]) fillCall(f Filling) call {
	return call{keys: []string{f.Entry.Key}, args: []any{f.Lease.token, f.Word, ms(f.TTL), s.config.Channel, f.Entry.Name}}
}

// ended reads the reply of FILL.
func ended(cmd *redis.Cmd) (bool, error) {
	held, err := cmd.Bool()
	if err != nil {
		return false, fmt.Errorf("l2: fill: %w", err)
	}
	return held, nil
}

// encode makes a value's word.
func (s *Store[V]) encode(v Value[V], versions []version, id version) ([]byte, error) {
	e := envelope{
		id: id, schema: s.schema, codec: s.codec.ID(), generation: v.Generation,
		versions: versions, expires: v.Expires, missing: v.Missing,
	}
	b, err := e.appendHead(make([]byte, 0, 512)) // what most values need
	if head := len(b); err == nil && !v.Missing {
		if b, err = s.appendValue(b, v.Value, id); err == nil {
			b = compress(b, head, s.config.CompressAbove)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	seal(b)
	return b, nil
}

// appendValue makes what a codec does wrong an error.
func (s *Store[V]) appendValue(head []byte, v V, id version) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the codec panicked: %v", p)
		}
	}()
	if b, err = s.codec.Append(head, v); err == nil && (len(b) < len(head) || !bytes.HasPrefix(b[idAt:], id[:])) {
		err = errors.New("the codec did not append to what it was given")
	}
	return b, err
}

// ms returns a duration in ms, at least 1: Redis refuses a life of 0.
func ms(d time.Duration) int64 { return max(d.Milliseconds(), 1) }

func readVersions(reply any) []version {
	list, _ := reply.([]any)
	versions := make([]version, 0, len(list))
	for _, r := range list {
		s, _ := r.(string)
		var v version
		copy(v[:], s)
		versions = append(versions, v)
	}
	return versions
}

// addRandom adds a new version for each tag whose word may be missing.
func addRandom(args []any, tags int) []any {
	for range tags {
		v := word.Random()
		args = append(args, v[:])
	}
	return args
}
