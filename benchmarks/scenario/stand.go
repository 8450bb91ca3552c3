package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/benchmarks/rival"
	"github.com/tieredcache/tieredcache/internal/services"
)

// stand is a Redis that belongs to one scenario: rivals are counted on it, and nobody else writes there.
type stand struct {
	addr   string
	client *redis.Client
	calm   bool // nothing that is merely late is an error
	opened int
}

// onStand starts a Redis, runs f and stops it.
func onStand(ctx context.Context, env Env, f func(*stand) ([]measure.Row, error)) (rows []measure.Row, err error) {
	rival.Quiet()
	server, err := services.StartRedis(ctx, services.RedisOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	s := &stand{addr: server.Addr, calm: env.Tiny, client: redis.NewClient(&redis.Options{Addr: server.Addr})}
	defer s.client.Close()
	return f(s)
}

// reads returns how many GETs and MGETs the stand has answered.
func (s *stand) reads(ctx context.Context) (n int64, err error) {
	info, err := s.client.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		name, rest, _ := strings.Cut(line, ":calls=")
		if name != "cmdstat_get" && name != "cmdstat_mget" {
			continue
		}
		text, _, _ := strings.Cut(rest, ",")
		calls, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, err
		}
		n += calls
	}
	return n, nil
}

// fill has Redis hold the keys, as the rival itself stores them, and closes it. What is not stored at once, because it is
// stored in the background or took too long on a busy machine, is found by a new instance, which asks the source again.
func (s *stand) fill(ctx context.Context, j *subject, keys []string) error {
	const batch, at = 100, 2
	err := until(ctx, "Redis holds what was loaded", func() (bool, error) {
		if err := j.open(ctx); err != nil {
			return false, err
		}
		before := j.source.Loads()
		err := spread((len(keys)+batch-1)/batch, at, func(i int) error {
			_, err := rival.GetMany(ctx, j.cache, keys[i*batch:min((i+1)*batch, len(keys))])
			return err
		})
		return j.source.Loads() == before, err
	})
	return errors.Join(err, j.close())
}

// warm reads the keys until neither the source nor, as far as there is one, Redis is asked any more: memory takes
// entries when it will.
func (s *stand) warm(ctx context.Context, j *subject, keys []string) error {
	asked := func() (int64, error) {
		if s == nil {
			return j.source.Loads(), nil
		}
		n, err := s.reads(ctx)
		return n + j.source.Loads(), err
	}
	for from := 0; from < len(keys); from += 1000 {
		if _, err := rival.GetMany(ctx, j.cache, keys[from:min(from+1000, len(keys))]); err != nil {
			return err
		}
	}
	return until(ctx, fmt.Sprintf("memory holds all of %d keys", len(keys)), func() (bool, error) {
		began := time.Now()
		before, err := asked()
		if err != nil {
			return false, err
		}
		if err := spread(len(keys), 4, func(i int) error { return j.read(ctx, keys[i]) }); err != nil {
			return false, err
		}
		after, err := asked()
		own := int64(syncsReads * time.Since(began).Seconds())
		return after-before <= own+int64(len(keys)/1000), err
	})
}

// syncsReads is how many GETs a second the SYNCs of this library's caches on one stand may make.
const syncsReads = 16

// until polls, with a patience that is for large memories.
func until(ctx context.Context, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("never came: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
