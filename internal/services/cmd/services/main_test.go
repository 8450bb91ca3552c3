package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/services"
)

// checkout is a folder that the command takes for a checkout, with a Neo4j that comes from the environment.
type checkout struct {
	dir, bin string
	env      []string
}

func TestCommand(t *testing.T) {
	t.Parallel()
	neo4j := services.Neo4j{URI: os.Getenv("NEO4J_URI"), User: os.Getenv("NEO4J_USER"), Password: os.Getenv("NEO4J_PASSWORD")}
	if neo4j.URI == "" {
		started, err := services.StartNeo4j(t.Context(), services.Neo4jOptions{})
		check(t, err)
		t.Cleanup(func() { check(t, started.Stop()) })
		neo4j = *started
	}
	bin := filepath.Join(t.TempDir(), "services")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	newCheckout := func(t *testing.T) checkout {
		t.Helper()
		c := checkout{dir: t.TempDir(), bin: bin}
		check(t, os.WriteFile(filepath.Join(c.dir, "go.mod"), []byte("module github.com/tieredcache/tieredcache\n"), 0o600))
		c.env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
			"NEO4J_URI=" + neo4j.URI, "NEO4J_USER=" + neo4j.User, "NEO4J_PASSWORD=" + neo4j.Password,
		}
		t.Cleanup(func() { c.must(t, "down") })
		return c
	}

	t.Run("up prints four lines and its Redis outlives it", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		first := c.must(t, "up")
		want := `^REDIS_URL=redis://127\.0\.0\.1:\d+/0\nNEO4J_URI=\w+://\S+\nNEO4J_USER=\S+\nNEO4J_PASSWORD=\S*\n$`
		if !regexp.MustCompile(want).MatchString(first) {
			t.Errorf("up printed %q", first)
		}
		if again, found := c.must(t, "up"), c.must(t, "env"); again != first || found != first {
			t.Error("a second up or env gave other services")
		}
		c.must(t, "run", "--", "true")
		if c.must(t, "env") != first {
			t.Error("run stopped services that up had started")
		}
		c.must(t, "down")
		if _, err := c.run(t, "env"); err == nil {
			t.Error("env finds services after down")
		}
	})

	t.Run("run lends the services and stops them", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		// The second run uses the same Redis and leaves it to the first.
		script := `echo "$REDIS_URL"; "$0" run -- sh -c 'echo "$REDIS_URL"'; "$0" env | head -1`
		lines := strings.Fields(c.must(t, "run", "--", "sh", "-c", script, bin))
		if len(lines) != 3 || lines[0] != lines[1] || "REDIS_URL="+lines[0] != lines[2] {
			t.Errorf("got %q, want one Redis three times", lines)
		}
		if _, err := c.run(t, "env"); err == nil {
			t.Error("the services run after the last run")
		}
	})

	t.Run("run ends as its command ends", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		_, err := c.run(t, "run", "--", "sh", "-c", "exit 7")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("got %v, want exit status 7", err)
		}
		if _, err := c.run(t, "env"); err == nil {
			t.Error("the services run after a failed command")
		}
	})

	t.Run("run fails when a service was lost", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		stderr, err := c.run(t, "run", "--", "sh", "-c", `redis-cli -u "$REDIS_URL" shutdown nosave || true`)
		if err == nil || !strings.Contains(stderr, "Redis was lost") {
			t.Errorf("got %v and %q, want a failure that names Redis", err, stderr)
		}
	})

	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run("run stops them on "+sig.String(), func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			cmd := c.command("run", "--", "sh", "-c", "echo running; exec sleep 600")
			stdout, err := cmd.StdoutPipe()
			check(t, err)
			check(t, cmd.Start())
			line := make([]byte, len("running\n"))
			_, err = stdout.Read(line)
			check(t, err)
			check(t, cmd.Process.Signal(sig))
			if err := cmd.Wait(); err == nil {
				t.Error("an interrupted run succeeds")
			}
			if _, err := c.run(t, "env"); err == nil {
				t.Error("the services run after an interrupted run")
			}
		})
	}
}

func (c checkout) command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.bin, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.WaitDelay = time.Minute
	return cmd
}

// must returns what the command prints.
func (c checkout) must(t *testing.T, args ...string) string {
	t.Helper()
	cmd := c.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("services %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// run returns what the command says on standard error, and how it ended.
func (c checkout) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := c.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	return stderr.String(), err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
