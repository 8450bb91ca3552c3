package l2

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/internal/word"
)

// Words are the words of several entries, read in one round trip.
type Words[V any] struct {
	store   *Store[V]
	entries []Entry
	words   [][]byte
	tags    map[string]int // where among the words that of a tag is
	now     int64
}

// GetMany reads several entries in one round trip, at one moment; an entry's tags may be another's too. now is as for
// Get.
func (s *Store[V]) GetMany(ctx context.Context, entries []Entry, now int64) (Words[V], error) {
	w := Words[V]{store: s, entries: entries, now: now}
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	for _, e := range entries {
		for _, t := range e.Tags {
			if _, asked := w.tags[t]; !asked {
				if w.tags == nil {
					w.tags = map[string]int{}
				}
				w.tags[t] = len(keys)
				keys = append(keys, t)
			}
		}
	}
	var err error
	if w.words, err = s.reads.mget(ctx, keys); err != nil {
		return Words[V]{}, fmt.Errorf("l2: get: %w", err)
	}
	return w, nil
}

// Word returns the word of the entry at i; generation is as for Get. A set of words that could not be read has Absent
// ones only.
func (w Words[V]) Word(i int, generation uint64) Word[V] {
	if len(w.words) == 0 {
		return Word[V]{}
	}
	var tags [][]byte
	for _, t := range w.entries[i].Tags {
		tags = append(tags, w.words[w.tags[t]])
	}
	return w.store.view(w.words[i], tags, generation, w.now)
}

// Leases are the replies to several LEASEs.
type Leases[V any] struct {
	store  *Store[V]
	tokens []string
	takes  []*redis.StringCmd // of entries that need no script
	cmds   []*redis.Cmd
}

// LeaseMany asks for several leases in one round trip; seen are the words of the entries.
func (s *Store[V]) LeaseMany(ctx context.Context, entries []Entry, seen []Word[V], ttl time.Duration) Leases[V] {
	l := Leases[V]{store: s, tokens: make([]string, len(entries)), takes: make([]*redis.StringCmd, len(entries))}
	calls := make([]call, len(entries))
	for i, e := range entries {
		if seen[i].Kind == Absent && len(e.Tags) == 0 {
			l.tokens[i], l.takes[i] = take(ctx, e)
			calls[i].plain = l.takes[i]
			continue
		}
		l.tokens[i], calls[i] = s.leaseCall(e, seen[i], ttl)
	}
	l.cmds = runMany(ctx, s.config.Redis, leaseScript, calls)
	return l
}

// Lease returns what Store.Lease would, for the entry at i; where the lease is nil, another's may not have been marked as
// waited for.
func (l Leases[V]) Lease(i int, generation uint64, now int64) (*Lease, Word[V], error) {
	if l.takes[i] != nil {
		raw, err := l.takes[i].Result()
		return l.store.taken(l.tokens[i], raw, err, generation, now)
	}
	return l.store.leased(l.tokens[i], l.cmds[i], generation, now)
}

// Filling is the end of a load: what Store.Fill or Store.GiveUp is told.
type Filling struct {
	Entry Entry
	Lease *Lease
	Word  []byte // that Encode made; nil: the lease is given up
	TTL   time.Duration
}

// Ended says whether a lease was still held, or why that is not known.
type Ended struct {
	Held bool
	Err  error
}

// FillMany ends several loads in one round trip.
func (s *Store[V]) FillMany(ctx context.Context, fills []Filling) []Ended {
	calls := make([]call, len(fills))
	for i, f := range fills {
		calls[i] = s.fillCall(f)
	}
	all := make([]Ended, len(fills))
	for i, cmd := range runMany(ctx, s.config.Redis, fillScript, calls) {
		all[i].Held, all[i].Err = ended(cmd)
	}
	return all
}

// Renew gives leases their full life again, in one round trip, and says whether one of them may still be held.
func (s *Store[V]) Renew(ctx context.Context, leases ...Filling) (held bool) {
	calls := make([]call, len(leases))
	for i, f := range leases {
		calls[i] = call{keys: []string{f.Entry.Key}, args: []any{f.Lease.token, word.LeaseLife.Milliseconds()}}
	}
	for _, cmd := range runMany(ctx, s.config.Redis, renewScript, calls) {
		one, err := cmd.Bool()
		held = held || one || err != nil
	}
	return held
}

// call is one call of a script, or a command in its place.
type call struct {
	keys  []string
	args  []any
	plain redis.Cmder
}

// runMany calls a script several times in one round trip, and those that Redis did not know once more with its text.
func runMany(ctx context.Context, client redis.UniversalClient, script *redis.Script, calls []call) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(calls))
	send := func(run func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd, again bool) {
		pipe := client.Pipeline()
		for i, c := range calls {
			switch {
			case c.plain != nil && !again:
				_ = pipe.Process(ctx, c.plain)
			case c.plain == nil && (!again || redis.HasErrorPrefix(cmds[i].Err(), "NOSCRIPT")):
				cmds[i] = run(ctx, pipe, c.keys, c.args...)
			}
		}
		if pipe.Len() > 0 {
			exec(ctx, pipe)
		}
	}
	send(script.EvalSha, false)
	send(script.Eval, true)
	return cmds
}
