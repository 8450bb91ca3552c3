// Package report keeps what was measured, and shows it: files of JSON, plots, and the README's table. The README is made
// from the files alone, so that they cannot tell different stories.
package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/benchmarks/scenario"
)

// Run says where, when and with what a run measured.
type Run struct {
	Date    string            `json:"date"`
	Command string            `json:"command"`
	CPU     string            `json:"cpu"`
	Cores   int               `json:"cores"`
	OS      string            `json:"os"`
	Go      string            `json:"go"`
	Redis   string            `json:"redis"`
	Neo4j   string            `json:"neo4j"`
	Modules map[string]string `json:"modules"` // path: version, of what go.mod requires itself
}

// Describe describes the run that begins now. gomod is the text of this module's go.mod.
func Describe(ctx context.Context, env scenario.Env, command, gomod string) (Run, error) {
	r := Run{
		Date: time.Now().UTC().Format(time.DateOnly), Command: command,
		CPU: processor(ctx), Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Go: strings.TrimPrefix(runtime.Version(), "go"),
	}
	var err error
	if r.Redis, err = redisVersion(ctx, env); err != nil {
		return r, err
	}
	if r.Neo4j, err = neo4jVersion(ctx, env); err != nil {
		return r, err
	}
	r.Modules, err = modules(gomod)
	return r, err
}

// processor returns the model of the CPU, or the architecture where nobody tells.
func processor(ctx context.Context) string {
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(model)
			}
		}
	}
	if out, err := exec.CommandContext(ctx, "sysctl", "-n", "machdep.cpu.brand_string").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	return runtime.GOARCH
}

func redisVersion(ctx context.Context, env scenario.Env) (string, error) {
	client, err := env.Client()
	if err != nil {
		return "", err
	}
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("version of Redis: %w", err)
	}
	for line := range strings.Lines(info) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			return version, nil
		}
	}
	return "", errors.New("INFO of Redis names no version")
}

func neo4jVersion(ctx context.Context, env scenario.Env) (string, error) {
	driver, err := neo4j.NewDriverWithContext(env.Neo4j.URI, neo4j.BasicAuth(env.Neo4j.User, env.Neo4j.Password, ""))
	if err != nil {
		return "", err
	}
	defer driver.Close(ctx)
	server, err := driver.GetServerInfo(ctx)
	if err != nil {
		return "", fmt.Errorf("version of Neo4j: %w", err)
	}
	return strings.TrimPrefix(server.Agent(), "Neo4j/"), nil
}

// modules returns the versions, as they were built in, of the modules that go.mod requires for itself.
func modules(gomod string) (map[string]string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("this program does not know what it was built of")
	}
	built := map[string]string{}
	for _, m := range info.Deps {
		built[m.Path] = m.Version
	}
	versions := map[string]string{}
	for line := range strings.Lines(gomod) {
		path, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "require ")), " ")
		if version, ok := built[path]; ok && !strings.Contains(rest, "// indirect") && strings.HasPrefix(rest, "v") {
			versions[path] = version
		}
	}
	return versions, nil
}
