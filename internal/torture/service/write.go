package service

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// write writes until ctx ends; one write in six is of a whole group, under its tag.
func (s *service) write(ctx context.Context, r *rand.Rand, place int) {
	read := popular(r)
	draw := func() int { // some of the writes go to what is read most
		if r.IntN(8) == 0 {
			return read()
		}
		return r.IntN(truth.Keys)
	}
	for rest(ctx, rand.N(2*s.config.WriteEvery)) {
		s.update(context.WithoutCancel(ctx), place, draw(), r.IntN(6) == 0)
	}
}

// How a write ends that was told to fail.
const (
	commits   = iota
	rollsBack // and says so
	vanishes  // commits nothing, and nobody knows
	betrays   // has committed, and nobody knows
	lateness  // commits after its Update has returned an error
	endings
)

// update is one write. Its process may be killed at each of three points of it.
func (s *service) update(ctx context.Context, place, key int, tag bool) {
	began := s.table.Now()
	w := truth.Write{Began: began, Life: s.config.Life, Tag: tag}
	ending := commits
	if s.fails(&s.table.Control.FailingEnds, truth.FailingWrites) {
		ending = 1 + rand.IntN(endings-1)
	}
	done := s.table.Writing(s.config.Slot, place, key, tag, began)
	refs := []coherence.Ref{s.cache.Ref(key)}
	if tag {
		refs = []coherence.Ref{TagOf(key)}
	}
	var committed map[int]uint64
	err := s.bus.Update(ctx, refs, func(ctx context.Context) (err error) {
		slow := time.Duration(s.table.Control.SlowWrites.Load())
		if slow > 0 && !s.dawdle(ctx, truth.SlowWrites, slow) {
			return coherence.RolledBack(ctx.Err())
		}
		s.dieAt(truth.BeforeCommit)
		switch ending {
		case rollsBack:
			return coherence.RolledBack(errTold)
		case vanishes, lateness:
			return errTold
		}
		if committed, err = s.source.Commit(context.WithoutCancel(ctx), key, w); err != nil {
			return err
		}
		s.dieAt(truth.AfterCommit)
		if slow > 0 {
			s.dawdle(ctx, truth.SlowWrites, slow)
		}
		if ending == betrays {
			return errTold
		}
		return nil
	})
	s.dieAt(truth.AfterReturn)
	for k, version := range committed {
		s.check.Returned(k, version, err != nil)
	}
	s.table.Counts.Writes.Add(int64(len(committed)))
	if err != nil {
		s.table.Busy(key, tag, s.table.Now())
	}
	if ending == lateness && errors.Is(err, errTold) { // and not because Redis refused the intent
		s.commitLate(key, w)
	}
	done()
}

// commitLate commits within the life of the intent that the write has left.
func (s *service) commitLate(key int, w truth.Write) {
	s.late.Go(func() {
		rest(context.Background(), rand.N(s.config.IntentLife/3))
		w.Late = true
		committed, err := s.source.Commit(context.Background(), key, w)
		if err != nil {
			return
		}
		for k, version := range committed {
			s.table.Return(k, version, s.table.Now(), true)
		}
		s.table.Counts.Writes.Add(int64(len(committed)))
	})
}

// dieAt kills this process, if it was told to die at this stage of a write.
func (s *service) dieAt(stage truth.Stage) {
	if s.table.Doomed(s.config.Slot, stage) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
