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
	if !r.crowded() {
		defer r.running.Add(-1)
		return r.client.Get(ctx, key).Result()
	}
	defer r.running.Add(-1)
	cmd := redis.NewStringCmd(ctx, "get", key)
	if err := r.together.Submit(ctx, cmd).WaitContext(ctx); err != nil {
		return "", err
	}
	return cmd.Val(), nil
}

func (r *reads) mget(ctx context.Context, keys []string) ([]any, error) {
	if !r.crowded() {
		defer r.running.Add(-1)
		return r.client.MGet(ctx, keys...).Result()
	}
	defer r.running.Add(-1)
	args := make([]any, 0, 1+len(keys))
	args = append(args, "mget")
	for _, k := range keys {
		args = append(args, k)
	}
	cmd := redis.NewSliceCmd(ctx, args...)
	if err := r.together.Submit(ctx, cmd).WaitContext(ctx); err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// crowded counts a read, and says whether it is to share a pipeline.
func (r *reads) crowded() bool {
	if r.running.Add(1) <= r.beyond || r.beyond < 0 {
		return false
	}
	r.start.Do(func() { r.together, _ = r.client.AsyncAutoPipeline() })
	return r.together != nil
}
