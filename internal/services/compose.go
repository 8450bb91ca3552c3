package services

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// project is this checkout's own project of docker-compose.yml. It shares no port, no volume and no password with one
// that a user started by hand from the same file.
type project struct {
	name string
	file string
}

func (c Config) composeProject() project {
	root, err := filepath.Abs(c.Root)
	if err != nil {
		root = c.Root
	}
	return project{
		name: fmt.Sprintf("tieredcache-services-%x", sha256.Sum256([]byte(root)))[:30],
		file: filepath.Join(root, "docker-compose.yml"),
	}
}

// engine returns the project if docker compose is installed and an engine answers at once.
func (c Config) engine(ctx context.Context) (project, bool) {
	p := c.composeProject()
	if !present(p.file) {
		return p, false
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for _, args := range [][]string{{"info", "--format", "{{.ServerVersion}}"}, {"compose", "version"}} {
		out, err := exec.CommandContext(ctx, "docker", args...).Output()
		if err != nil || len(bytes.TrimSpace(out)) == 0 {
			return p, false
		}
	}
	return p, true
}

// start runs the named services in containers and returns when they answer on this machine's loopback interface.
func (p project) start(ctx context.Context, s *state, names []string) error {
	if err := p.down(ctx, s); err != nil { // leftovers would keep their old passwords
		return err
	}
	var ports [3]string
	for i := range ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		ports[i] = strconv.Itoa(port)
	}
	redisPassword, neo4jPassword := rand.Text(), rand.Text()
	env := []string{
		"REDIS_PORT=" + ports[0], "NEO4J_PORT=" + ports[1], "NEO4J_HTTP_PORT=" + ports[2],
		"REDIS_PASSWORD=" + redisPassword, "NEO4J_PASSWORD=" + neo4jPassword,
	}
	started := map[string]instance{
		redisName: {Container: true, URL: "redis://:" + redisPassword + "@127.0.0.1:" + ports[0] + "/0"},
		neo4jName: {Container: true, URL: "bolt://127.0.0.1:" + ports[1], User: "neo4j", Password: neo4jPassword},
	}
	for _, name := range names { // before they start, so that a kill in the middle leaves nothing that is not remembered
		if err := s.put(name, started[name]); err != nil {
			return err
		}
	}
	err := p.compose(ctx, env, append([]string{"up", "--detach", "--wait", "--wait-timeout", "300"}, names...)...)
	for _, name := range names {
		if err == nil {
			err = started[name].check(ctx, name)
		}
	}
	if err != nil {
		return errors.Join(err, p.down(context.WithoutCancel(ctx), s))
	}
	return nil
}

// down removes the project's containers and volumes, and forgets them.
func (p project) down(ctx context.Context, s *state) error {
	if err := p.compose(ctx, nil, "down", "--volumes", "--remove-orphans"); err != nil {
		return err
	}
	for name, i := range s.Services {
		if i.Container {
			if err := s.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p project) compose(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "--project-name", p.name, "--file", p.file}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker compose %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
