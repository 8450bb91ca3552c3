package tiered_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// A cache whose looks find nothing asks for word and lease at once.
func TestOddsFollowTheLooks(t *testing.T) {
	c, _ := pair(t, tiered.Config[int, string]{Load: func(_ context.Context, k int) (string, error) { return fmt.Sprint(k), nil }})
	if tiered.ExpectsNothing(c) {
		t.Error("a new cache expects nothing in Redis")
	}
	for k := range 10 {
		mustGet(t, c, k, fmt.Sprint(k))
	}
	if !tiered.ExpectsNothing(c) {
		t.Error("after ten looks that found nothing: expects something")
	}
}

// What is in Redis is found as well by who expected nothing there, which is then forgotten.
func TestWhoExpectsNothingFinds(t *testing.T) {
	for name, tags := range map[string]func(int) []coherence.Ref{
		"plain":  nil,
		"tagged": func(int) []coherence.Ref { return []coherence.Ref{coherence.Tag("all")} },
	} {
		t.Run(name, func(t *testing.T) {
			var loads atomic.Int64
			c, other := pair(t, tiered.Config[int, string]{Tags: tags, Load: func(_ context.Context, k int) (string, error) {
				loads.Add(1)
				return fmt.Sprint(k), nil
			}})
			for k := range 10 {
				mustGet(t, c, k, fmt.Sprint(k))
			}
			tiered.ExpectNothing(other)
			for k := range 10 {
				mustGet(t, other, k, fmt.Sprint(k))
			}
			if n := loads.Load(); n != 10 || other.Stats().RedisHits != 10 {
				t.Errorf("got %d loads and %d hits in Redis, want 10 of each", n, other.Stats().RedisHits)
			}
			if tiered.ExpectsNothing(other) {
				t.Error("after ten hits: expects nothing")
			}
		})
	}
}

// Whoever asks for word and lease at once, one loads.
func TestOneLoadOfThoseWhoExpectNothing(t *testing.T) {
	var loads atomic.Int64
	c, _, _ := processes(t, 4, tiered.Config[string, string]{
		Tags: func(string) []coherence.Ref { return []coherence.Ref{coherence.Tag("all")} },
		Load: func(_ context.Context, k string) (string, error) {
			loads.Add(1)
			<-time.After(300 * time.Millisecond)
			return k, nil
		},
	})
	for round := range 3 {
		tiered.ExpectNothing(c...)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() { mustGet(t, c[i%4], fmt.Sprint(round), fmt.Sprint(round)) })
		}
		all.Wait()
	}
	if loads.Load() != 3 {
		t.Errorf("got %d loads of 3 keys", loads.Load())
	}
}

// replyLost lets SET through and loses its reply.
type replyLost struct{ armed atomic.Bool }

func (h *replyLost) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *replyLost) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *replyLost) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "set" && h.armed.CompareAndSwap(true, false) {
			err = errors.New("the reply is lost")
			cmd.SetErr(err)
		}
		return err
	}
}

// A lease that may have been granted is given up: others would wait for it. And who was not answered asks the plain way.
func TestLeaseOfALostReplyIsGivenUp(t *testing.T) {
	c, key, rdb := processes(t, 1, tiered.Config[string, string]{Load: func(_ context.Context, k string) (string, error) { return k, nil }})
	mustGet(t, c[0], "other", "other") // the scripts are loaded
	var lost replyLost
	lost.armed.Store(true)
	tiered.BusOf(c[0]).Redis().AddHook(&lost)
	tiered.ExpectNothing(c...)
	begun := time.Now()
	mustGet(t, c[0], "k", "k")
	if lost.armed.Load() {
		t.Fatal("no reply was lost: this shows nothing")
	}
	eventually(t, "the lease is given up before its life is over", time.Second/2, func() bool {
		return errors.Is(rdb.Get(t.Context(), key("k")).Err(), redis.Nil)
	})
	if took := time.Since(begun); took > time.Second/2 {
		t.Errorf("that took %v", took)
	}
	if tiered.ExpectsNothing(c[0]) {
		t.Error("after an error: still asks for word and lease at once")
	}
}
