package l2

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// reads sends what reads words. As long as few read at once each has a connection of the pool for himself. Those beyond
// share round trips: all their keys are one MGET, and what takes a lease is a command beside it. Who comes while round
// trips are under way waits for the next, which is how databases commit for many at once.
type reads struct {
	client  redis.UniversalClient
	beyond  int64 // negative: nobody shares
	running atomic.Int64

	mu       sync.Mutex
	waiting  []*seat
	underway int
}

// seat is a reader's place in a shared round trip.
type seat struct {
	keys  []string
	take  redis.Cmder // in place of keys
	until time.Time   // the reader waits so long; zero: for ever
	words [][]byte    // of keys
	err   error
	done  chan struct{} // receives when words, take and err may be looked at
}

// The measures of shared round trips; docs/performance.md says what they were tried against.
const (
	queue = 4  // seats that wait, for each round trip that is under way, before another sets out
	seats = 64 // in one round trip
	few   = 8  // keys of a reader who shares: more are worth a round trip of their own
)

// get returns a word. redis.Nil says that there is none; among many readers also that it is no string: LEASE looks for
// itself.
func (r *reads) get(ctx context.Context, key string) ([]byte, error) {
	defer r.running.Add(-1)
	if !r.crowded() {
		cmd := redis.NewStringCmd(ctx, "get", key)
		err := r.client.Process(ctx, cmd)
		return bytesOf(cmd.Val()), err
	}
	s := &seat{keys: []string{key}}
	if err := r.share(ctx, s); err != nil {
		return nil, err
	}
	if s.words[0] == nil {
		return nil, redis.Nil
	}
	return s.words[0], nil
}

// mget returns words as they are at one moment, nil for those that are not there.
func (r *reads) mget(ctx context.Context, keys []string) ([][]byte, error) {
	defer r.running.Add(-1)
	s := &seat{keys: keys}
	if !r.crowded() || len(keys) > few {
		r.send(ctx, []*seat{s})
		return s.words, s.err
	}
	if err := r.share(ctx, s); err != nil {
		return nil, err // the words may be on their way
	}
	return s.words, nil
}

// take sends a command that takes a lease. Beside an error it may still be under way: nobody may look at it.
func (r *reads) take(ctx context.Context, cmd *redis.StringCmd) (string, error) {
	defer r.running.Add(-1)
	var err error
	if r.crowded() {
		err = r.share(ctx, &seat{take: cmd})
	} else {
		err = r.client.Process(ctx, cmd)
	}
	if err != nil {
		return "", err
	}
	return cmd.Val(), nil
}

// crowded counts a read, and says whether it is to share round trips.
func (r *reads) crowded() bool { return r.running.Add(1) > r.beyond && r.beyond >= 0 }

// share waits for the reply to a seat. A reader whose context ends leaves: if he still waits for a round trip, none is made
// for him; else the reply may come later, and nobody may look at it.
func (r *reads) share(ctx context.Context, s *seat) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.done = make(chan struct{}, 1)
	s.until, _ = ctx.Deadline()
	r.mu.Lock()
	r.waiting = append(r.waiting, s)
	if len(r.waiting) > queue*r.underway {
		r.underway++
		go r.shuttle()
	}
	r.mu.Unlock()
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waiting = slices.DeleteFunc(r.waiting, func(w *seat) bool { return w == s })
		return ctx.Err()
	}
}

// shuttle makes round trips until nobody waits.
func (r *reads) shuttle() {
	for full := r.board(); len(full) > 0; full = r.board() {
		r.trip(full)
	}
}

// trip makes a round trip. What panics in it, a dialer of the user's for one, is an error of all whom it is for.
func (r *reads) trip(full []*seat) {
	defer func() {
		p := recover()
		for _, s := range full {
			if p != nil {
				s.err = fmt.Errorf("l2: a panic on the way to Redis: %v", p)
			}
			s.done <- struct{}{}
		}
	}()
	ctx, cancel := latest(full)
	defer cancel()
	r.send(ctx, full)
}

// board takes those who have waited longest. None: the shuttle is not under way any more.
func (r *reads) board() []*seat {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), seats)
	if n == 0 {
		r.underway--
		return nil
	}
	full := r.waiting[:n:n]
	r.waiting = append(make([]*seat, 0, seats), r.waiting[n:]...)
	return full
}

// latest is a context for as long as one of them waits.
func latest(full []*seat) (context.Context, context.CancelFunc) {
	var end time.Time
	for _, s := range full {
		if s.until.IsZero() {
			return context.Background(), func() {}
		}
		if s.until.After(end) {
			end = s.until
		}
	}
	return context.WithDeadline(context.Background(), end)
}

// send makes one round trip for all of them, and gives each the words or the error that is his.
func (r *reads) send(ctx context.Context, full []*seat) {
	args, cmds := make([]any, 1, 1+len(full)), []redis.Cmder(nil)
	args[0] = "mget"
	for _, s := range full {
		if s.take != nil {
			cmds = append(cmds, s.take)
		}
		for i := range s.keys {
			args = append(args, &s.keys[i]) // a string would be copied for the interface
		}
	}
	all := reply{keys: len(args) - 1}
	mget := redis.NewRawWriteToCmd(ctx, &all, args...)
	if all.keys > 0 {
		cmds = append(cmds, mget)
	}
	if len(cmds) == 1 {
		_ = r.client.Process(ctx, cmds[0]) // each command has its own error
	} else {
		pipe := r.client.Pipeline()
		for _, c := range cmds {
			_ = pipe.Process(ctx, c)
		}
		exec(ctx, pipe)
	}
	words, err := all.result(mget.Err())
	for _, s := range full {
		switch {
		case s.take != nil:
			s.err = s.take.Err()
		case err != nil:
			s.err = err
		default:
			s.words, words = words[:len(s.keys)], words[len(s.keys):]
		}
	}
}

// exec sends a pipeline; each command has its own error then. go-redis tells no command what Redis says while a
// connection is opened, that the password is wrong for one.
func exec(ctx context.Context, pipe redis.Pipeliner) {
	cmds, err := pipe.Exec(ctx)
	if err == nil || slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return
	}
	for _, c := range cmds {
		c.SetErr(err)
	}
}
