package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// The servers of the idle scenario, each with a Redis of its own.
const (
	nobody  = iota // connected
	resting        // processes that nobody has read for coherence.Config.IdleAfter
	awake          // processes that never rest
	pinged         // connections that PING as often as those SYNC
	idleServers
)

// idle measures what a process that does nothing costs Redis: servers run side by side, with many of each kind, and one
// with nobody; what they use beyond that is theirs.
func idle(ctx context.Context, env Env, _ measure.Options) ([]measure.Row, error) {
	span := pick(env, 20*time.Second, 4*time.Second, time.Second)
	var servers [idleServers]*server
	for i := range servers {
		s, err := newServer(ctx)
		if err != nil {
			return nil, err
		}
		defer s.close()
		servers[i] = s
	}
	idlers, stop, err := servers[resting].processes(ctx, pick(env, 0, 0, time.Second))
	defer stop()
	if err != nil {
		return nil, err
	}
	_, stop, err = servers[awake].processes(ctx, -1)
	defer stop()
	if err != nil {
		return nil, err
	}
	if err := comeToRest(ctx, idlers); err != nil {
		return nil, err
	}
	stop = servers[pinged].pings(ctx)
	defer stop()
	rows, err := idleRow(ctx, servers, span)
	for _, b := range idlers {
		if s := b.State(); err == nil && (s.Condition != coherence.Open || !s.Idle) {
			err = fmt.Errorf("a bus that was to rest is %+v", s)
		}
	}
	return rows, err
}

// processes starts what processes have, with a read each, and returns their buses and what ends them, also beside an error.
func (s *server) processes(ctx context.Context, idleAfter time.Duration) (buses []*coherence.Bus, stop func(), err error) {
	var ends []func() error
	stop = func() {
		for _, end := range slices.Backward(ends) {
			_ = end()
		}
	}
	for range idleProcesses {
		bus, err := coherence.New(coherence.Config{Redis: s.client, IdleAfter: idleAfter}) // replicas of one service share their keys
		if err != nil {
			return nil, stop, err
		}
		ends = append(ends, bus.Close)
		c, err := tiered.New(tiered.Config[string, string]{
			Name: "idle", Bus: bus, Capacity: 1 << 20,
			Load: func(context.Context, string) (string, error) { return "v", nil },
		})
		if err != nil {
			return nil, stop, err
		}
		ends = append(ends, c.Close)
		if _, err := c.Get(ctx, "k"); err != nil { // waits for the first SYNC
			return nil, stop, err
		}
		buses = append(buses, bus)
	}
	return buses, stop, nil
}

// comeToRest waits until all are idle.
func comeToRest(ctx context.Context, buses []*coherence.Bus) error {
	for _, b := range buses {
		for !b.State().Idle {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("not all processes are idle: %w", ctx.Err())
			}
		}
	}
	return nil
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

func idleRow(ctx context.Context, servers [idleServers]*server, span time.Duration) ([]measure.Row, error) {
	for _, s := range servers {
		if err := s.client.ConfigResetStat(ctx).Err(); err != nil {
			return nil, err
		}
	}
	var costs [idleServers]float64 // µs a second
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
	names := [idleServers]string{resting: ours, awake: "the same before it rests", pinged: "PING twice a second"}
	row := measure.Row{
		Scenario: "idle/redis-cpu", Unit: "µs of Redis's CPU in a second",
		Floor: measure.Figure{Name: "a Redis without clients", Value: costs[nobody], Ratio: 1, Low: 1, High: 1},
	}
	for at := resting; at < idleServers; at++ {
		inCommands, err := servers[at].commands(ctx)
		if err != nil {
			return nil, err
		}
		row.Subjects = append(row.Subjects, measure.Figure{
			Name: names[at], Value: (costs[at] - costs[nobody]) / idleProcesses,
			Note: fmt.Sprintf("beyond the floor, mean of %v over %v; %.1f of it inside commands", idleProcesses, span, inCommands/span.Seconds()/idleProcesses),
		})
	}
	return []measure.Row{row}, nil
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
