package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/benchmarks/measure"
	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/tiered"
)

// idleProcesses is how many idle processes, or what is measured beside them, share a server.
const idleProcesses = 20

// idle measures what a process that does nothing costs Redis: servers of its own run side by side, one with many such
// processes' buses, one with as many connections that PING as often as a process SYNCs, and one with nobody; what they
// use beyond the last is theirs.
func idle(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	span := pick(env, 20*time.Second, 4*time.Second, time.Second)
	var servers [3]*server // with nobody, processes, connections that PING
	for i := range servers {
		s, err := newServer(ctx)
		if err != nil {
			return nil, err
		}
		defer s.close()
		servers[i] = s
	}
	used, pinged := servers[1], servers[2]
	for range idleProcesses {
		bus, err := coherence.New(coherence.Config{Redis: used.client}) // replicas of one service share their keys
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
	stop := pinged.pings(ctx)
	defer stop()
	return idleRow(ctx, servers, span)
}

// pings has connections PING twice a second each, until stop is called.
func (s *server) pings(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range idleProcesses {
		all.Go(func() {
			options := *s.options
			options.PoolSize = 1
			client := redis.NewClient(&options)
			defer client.Close()
			select { // as processes do, which did not start together
			case <-time.After(time.Duration(i) * pingEvery / idleProcesses):
			case <-ctx.Done():
			}
			for tick := time.NewTicker(pingEvery); ; {
				select {
				case <-tick.C:
					_ = client.Ping(ctx).Err() // one that fails costs Redis nothing, and is seen by what it answers next
				case <-ctx.Done():
					tick.Stop()
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// pingEvery is how often a process SYNCs.
const pingEvery = 500 * time.Millisecond

func idleRow(ctx context.Context, servers [3]*server, span time.Duration) ([]measure.Row, error) {
	used := servers[1]
	if err := used.client.ConfigResetStat(ctx).Err(); err != nil {
		return nil, err
	}
	var costs [3]float64 // µs a second
	for i, s := range servers {
		before, err := s.cpu(ctx)
		if err != nil {
			return nil, err
		}
		costs[i] = -before
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for i, s := range servers {
		after, err := s.cpu(ctx)
		if err != nil {
			return nil, err
		}
		costs[i] = (costs[i] + after) / span.Seconds()
	}
	inCommands, err := used.commands(ctx)
	if err != nil {
		return nil, err
	}
	return []measure.Row{{
		Scenario: "idle/redis-cpu", Unit: "µs of Redis's CPU in a second",
		Floor: measure.Figure{Name: "a Redis without clients", Value: costs[0], Ratio: 1, Low: 1, High: 1},
		Subjects: []measure.Figure{
			{
				Name: ours, Value: (costs[1] - costs[0]) / idleProcesses,
				Note: fmt.Sprintf("beyond the floor, mean of %v idle processes over %v; %.1f of it inside commands", idleProcesses, span, inCommands/span.Seconds()/idleProcesses),
			},
			{
				Name: "PING twice a second", Value: (costs[2] - costs[0]) / idleProcesses,
				Note: fmt.Sprintf("beyond the floor, mean of %v connections over %v", idleProcesses, span),
			},
		},
	}}, nil
}

// server is a Redis of a scenario's own.
type server struct {
	redis   *services.Redis
	options *redis.Options // as given: those of a client change while it connects
	client  *redis.Client
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
	return &server{redis: r, options: opt, client: redis.NewClient(opt)}, nil
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
