package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Up starts the checkout's Redis and Neo4j, or finds them running, and returns when both answer. Each is, in this order,
// the one that the environment names; a container, where docker compose has an engine; a local process. What is missing
// for the last is installed when root runs this on a system with apt-get; else the error names the package and the
// command. The services run until [Down].
func Up(ctx context.Context, c Config) (Env, error) {
	return c.up(ctx, true)
}

func (c Config) up(ctx context.Context, keep bool) (Env, error) {
	found, err := c.given(ctx)
	if err != nil || len(found) == 2 {
		return environment(found), err
	}
	s, unlock, err := c.state(ctx)
	if err != nil {
		return Env{}, err
	}
	defer unlock()

	var missing []string
	for _, name := range []string{redisName, neo4jName} {
		if _, ok := found[name]; ok {
			continue
		}
		remembered, ok := s.Services[name]
		if !ok {
			missing = append(missing, name)
			continue
		}
		if err := remembered.check(ctx, name); err != nil {
			if ctx.Err() != nil {
				return Env{}, context.Cause(ctx)
			}
			c.logf("replacing %s: %v", title[name], err)
			if err := c.stop(ctx, s, name); err != nil {
				return Env{}, err
			}
			missing = append(missing, name)
			continue
		}
		found[name] = remembered
	}

	if keep {
		s.Keep = true
	} else if len(s.Services) == 0 {
		s.Keep = false
	}
	if err := c.start(ctx, s, missing); err != nil {
		return Env{}, err
	}
	for _, name := range missing {
		found[name] = s.Services[name]
	}
	return environment(found), s.save()
}

// Find returns the services that the environment names or that run already, and starts nothing.
func Find(ctx context.Context, c Config) (Env, error) {
	found, err := c.given(ctx)
	if err != nil {
		return Env{}, err
	}
	s, unlock, err := c.state(ctx)
	if err != nil {
		return Env{}, err
	}
	defer unlock()
	for name := range title {
		if _, ok := found[name]; ok {
			continue
		}
		i, ok := s.Services[name]
		if !ok {
			return Env{}, fmt.Errorf("no %s runs for this checkout: `make services` starts it", title[name])
		}
		if err := i.check(ctx, name); err != nil {
			return Env{}, fmt.Errorf("%w: `make services` replaces it", err)
		}
		found[name] = i
	}
	return environment(found), nil
}

// Down stops what Up and Run started for this checkout, and removes its data. Nothing to stop is no error.
func Down(ctx context.Context, c Config) error {
	s, unlock, err := c.state(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return c.down(ctx, s)
}

func (c Config) down(ctx context.Context, s *state) error {
	var failed error
	for _, name := range []string{redisName, neo4jName} {
		if _, ok := s.Services[name]; ok {
			failed = errors.Join(failed, c.stop(ctx, s, name))
		}
	}
	return failed
}

// state returns what is remembered, locked.
func (c Config) state(ctx context.Context) (*state, func(), error) {
	path, err := c.folder("lock")
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lock(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	if path, err = c.folder("state.json"); err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	s, err := loadState(path)
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	return s, func() { _ = unlock() }, nil
}

// start starts the named services and remembers them.
func (c Config) start(ctx context.Context, s *state, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if engine, ok := c.engine(ctx); ok {
		c.logf("starting %v with docker compose", names)
		err := engine.start(ctx, s, names)
		if err == nil || ctx.Err() != nil {
			return err
		}
		c.logf("docker compose failed, so local processes follow: %v", err)
	}
	failures := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { failures[i] = c.startLocal(ctx, s, name) })
	}
	all.Wait()
	return errors.Join(failures...)
}

// startLocal starts a process. It is remembered from its first moment, so that also a half-started one can be stopped.
func (c Config) startLocal(ctx context.Context, s *state, name string) error {
	dir, err := c.folder(name)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return fmt.Errorf("folder of %s: %w", title[name], err)
	}
	i := instance{}
	remember := func(p process) error {
		i.Process = &p
		return s.put(name, i)
	}
	if name == redisName {
		c.logf("starting Redis as a local process")
		var r *Redis
		if r, err = StartRedis(ctx, RedisOptions{Dir: dir, remember: remember}); err == nil {
			i.URL = r.URL
		}
	} else {
		c.logf("starting Neo4j as a local process: 10 s, and some minutes the first time, to fetch it")
		var n *Neo4j
		if n, err = StartNeo4j(ctx, Neo4jOptions{Dir: dir, remember: remember}); err == nil {
			i.URL, i.User, i.Password = n.URI, n.User, n.Password
		}
	}
	if err != nil {
		return errors.Join(err, s.remove(name))
	}
	return s.put(name, i)
}

// stop ends one remembered service, whatever its state, and forgets it.
func (c Config) stop(ctx context.Context, s *state, name string) error {
	i := s.Services[name]
	if i.Container {
		return c.composeProject().down(ctx, s)
	}
	if i.Process != nil {
		if err := i.Process.kill(); err != nil {
			return err
		}
	}
	dir, err := c.folder(name)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), s.remove(name))
}
