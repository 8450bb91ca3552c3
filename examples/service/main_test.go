package main

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/tieredcache/tieredcache/examples/internal/testkit"
)

// TestMain is the command where the tests start this program as one.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_SERVICE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns the service, with the environment that was given and more.
func command(given []string, more ...string) *exec.Cmd {
	service := exec.Command(os.Args[0])
	service.Env = append(append(os.Environ(), given...), "TEST_SERVICE=1", "ADDR=127.0.0.1:0")
	service.Env = append(service.Env, more...)
	return service
}

const secret = "s3cr3t-p4ss"

// TestBadEnvironment: one clear line and exit status 1, and never a password.
func TestBadEnvironment(t *testing.T) {
	given := testkit.Services(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	testkit.Check(t, err)
	t.Cleanup(func() { _ = silent.Close() })

	for name, tt := range map[string]struct{ variable, says string }{
		"no Redis URL":            {"REDIS_URL=", "REDIS_URL is not set"},
		"a Redis URL of no form":  {"REDIS_URL=redis://:" + secret + "%zz@127.0.0.1:1/0", "REDIS_URL is not of the form"},
		"a Redis URL with spaces": {"REDIS_URL=redis://u:" + secret + " x@127.0.0.1:1/0", "REDIS_URL is not of the form"},
		"another scheme":          {"REDIS_URL=http://u:" + secret + "@127.0.0.1:1/0", "REDIS_URL is not of the form"},
		"no Neo4j URI":            {"NEO4J_URI=", "NEO4J_URI is not set"},
		"a Neo4j URI of no form":  {"NEO4J_URI=" + secret, "NEO4J_URI is not of the form"},
		"another Neo4j scheme":    {"NEO4J_URI=http://127.0.0.1:1", "NEO4J_URI is not of the form"},
		"a password in it":        {"NEO4J_URI=bolt://neo4j:" + secret + "@127.0.0.1:1", "NEO4J_USER and NEO4J_PASSWORD"},
		"nobody at Neo4j":         {"NEO4J_URI=bolt://127.0.0.1:1", "no Neo4j at 127.0.0.1:1"},
		"nobody to route":         {"NEO4J_URI=neo4j://127.0.0.1:1", "no Neo4j at 127.0.0.1:1"},
		"a silent Neo4j":          {"NEO4J_URI=bolt://" + silent.Addr().String(), "no Neo4j at"},
		"a wrong Neo4j password":  {"NEO4J_PASSWORD=" + secret, "does not let NEO4J_USER in with NEO4J_PASSWORD"},
		"an address of no form":   {"ADDR=nowhere", "ADDR: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			service := command(given, tt.variable)
			service.Stdout, service.Stderr = &stdout, &stderr
			_ = service.Run() // the status is looked at
			said := stderr.String()
			if got := service.ProcessState.ExitCode(); got != 1 {
				t.Errorf("exit status %d, want 1", got)
			}
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "service: ") || !strings.Contains(said, tt.says) {
				t.Errorf("got %q, want one line with %q", said, tt.says)
			}
			if strings.Contains(said+stdout.String(), secret) {
				t.Errorf("the password is in %q", said)
			}
		})
	}
}

// TestStop: after SIGTERM the service ends with status 0.
func TestStop(t *testing.T) {
	given := testkit.Services(t)
	service := command(given)
	out, err := service.StdoutPipe()
	testkit.Check(t, err)
	testkit.Check(t, service.Start())
	t.Cleanup(func() { _ = service.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	testkit.Check(t, err)
	if !strings.HasPrefix(line, "listening on http://127.0.0.1:") {
		t.Fatalf("it says %q", line)
	}
	testkit.Check(t, service.Process.Signal(syscall.SIGTERM))
	if err := service.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}
