package l2

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// reads sends what reads words. One that is alone takes a connection of the pool; those that run at once beyond a number
// share pipelines of go-redis's AutoPipeliner, which it marks as experimental: this file is all that knows it. The
// AutoPipeliner is the client's, and is closed with it.
type reads struct {
	client  redis.UniversalClient
	beyond  int64 // negative: never
	running atomic.Int64

	start    sync.Once
	together *redis.AutoPipeliner // nil: it could not be had
}

func (r *reads) get(ctx context.Context, key string) (string, error) {
	return r.text(ctx, redis.NewStringCmd(ctx, "get", key))
}

func (r *reads) mget(ctx context.Context, keys []string) ([]any, error) {
	args := make([]any, 0, 1+len(keys))
	args = append(args, "mget")
	for _, k := range keys {
		args = append(args, k)
	}
	cmd := redis.NewSliceCmd(ctx, args...)
	if err := r.do(ctx, cmd); err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// text sends a command, and returns its reply.
func (r *reads) text(ctx context.Context, cmd *redis.StringCmd) (string, error) {
	if err := r.do(ctx, cmd); err != nil {
		return "", err
	}
	return cmd.Val(), nil
}

// do sends a command. Beside an error the command may still be under way: nobody may look at it.
func (r *reads) do(ctx context.Context, cmd redis.Cmder) error {
	defer r.running.Add(-1)
	if !r.crowded() {
		return r.client.Process(ctx, cmd)
	}
	return r.together.Submit(ctx, cmd).WaitContext(ctx)
}

// crowded counts a read, and says whether it is to share a pipeline.
func (r *reads) crowded() bool {
	if r.running.Add(1) <= r.beyond || r.beyond < 0 {
		return false
	}
	r.start.Do(func() { r.together, _ = r.client.AsyncAutoPipeline() })
	return r.together != nil
}
