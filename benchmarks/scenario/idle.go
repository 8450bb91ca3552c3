package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/tiered"
)

// idle measures what a process that does nothing costs Redis: two servers of its own run side by side, one of them
// with many such processes' buses, and the difference in their CPU time is theirs.
func idle(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	const processes = 20
	span := pick(env, 20*time.Second, 4*time.Second, time.Second)
	quiet, err := newServer(ctx)
	if err != nil {
		return nil, err
	}
	defer quiet.close()
	used, err := newServer(ctx)
	if err != nil {
		return nil, err
	}
	defer used.close()
	for range processes {
		bus, err := coherence.New(coherence.Config{Redis: used.client, Namespace: "idle-" + rand.Text()})
		if err != nil {
			return nil, err
		}
		defer bus.Close()
		c, err := tiered.New(tiered.Config[string, string]{
			Name: "idle", Bus: bus, Capacity: 1 << 20,
			Load: func(context.Context, string) (string, error) { return "v", nil },
		})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if _, err := c.Get(ctx, "k"); err != nil { // waits for the first SYNC
			return nil, err
		}
	}
	return idleRow(ctx, quiet, used, span, processes)
}

func idleRow(ctx context.Context, quiet, used *server, span time.Duration, processes float64) ([]measure.Row, error) {
	if err := used.client.ConfigResetStat(ctx).Err(); err != nil {
		return nil, err
	}
	quietBefore, err := quiet.cpu(ctx)
	if err != nil {
		return nil, err
	}
	usedBefore, err := used.cpu(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	quietAfter, err := quiet.cpu(ctx)
	if err != nil {
		return nil, err
	}
	usedAfter, err := used.cpu(ctx)
	if err != nil {
		return nil, err
	}
	inCommands, err := used.commands(ctx)
	if err != nil {
		return nil, err
	}
	baseline := (quietAfter - quietBefore) / span.Seconds()
	each := ((usedAfter-usedBefore)/span.Seconds() - baseline) / processes
	return []measure.Row{{
		Scenario: "idle/redis-cpu", Unit: "µs of Redis's CPU in a second",
		Floor: measure.Figure{Name: "a Redis without clients", Value: baseline, Ratio: 1, Low: 1, High: 1},
		Subjects: []measure.Figure{{
			Name: ours, Value: each,
			Note: fmt.Sprintf("beyond the floor, mean of %v idle processes over %v; %.1f of it inside commands", processes, span, inCommands/span.Seconds()/processes),
		}},
	}}, nil
}

// server is a Redis of a scenario's own.
type server struct {
	redis  *services.Redis
	client *redis.Client
}

func newServer(ctx context.Context) (*server, error) {
	r, err := services.StartRedis(ctx, services.RedisOptions{})
	if err != nil {
		return nil, err
	}
	opt, err := redis.ParseURL(r.URL)
	if err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return &server{redis: r, client: redis.NewClient(opt)}, nil
}

func (s *server) close() { _ = errors.Join(s.client.Close(), s.redis.Stop()) }

// cpu returns the CPU time that the server has used, in µs.
func (s *server) cpu(ctx context.Context) (float64, error) {
	info, err := s.info(ctx, "cpu")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, name := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info[name], 64)
		if err != nil {
			return 0, fmt.Errorf("INFO cpu: %s: %w", name, err)
		}
		total += seconds * 1e6
	}
	return total, nil
}

// commands returns the time spent in commands since the last reset, in µs, without those that measure it.
func (s *server) commands(ctx context.Context) (float64, error) {
	info, err := s.info(ctx, "commandstats")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for name, stats := range info {
		if name == "cmdstat_info" || strings.HasPrefix(name, "cmdstat_config") {
			continue
		}
		_, rest, _ := strings.Cut(stats, "usec=")
		usec, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseFloat(usec, 64)
		if err != nil {
			return 0, fmt.Errorf("INFO commandstats: %s: %w", name, err)
		}
		total += n
	}
	return total, nil
}

func (s *server) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := s.client.Info(ctx, section).Result()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			all[name] = value
		}
	}
	return all, nil
}
