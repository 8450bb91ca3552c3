package services

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stub stands in for the docker client, as most machines that test this have no engine. Its one container is a process:
// that way the wiring of ports and passwords is tested on a server that checks them.
const stub = `
echo "$*" >>"$STUB_DIR/calls"
case "$*" in
info*) echo 28.0 ;;
"compose version") echo 2.40 ;;
*" up "*)
	test ! -e "$STUB_DIR/broken" || { echo "no such image"; exit 1; }
	cd "$STUB_DIR" && redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' --requirepass "$REDIS_PASSWORD" --daemonize yes --pidfile "$STUB_DIR/pid" >/dev/null
	until redis-cli -p "$REDIS_PORT" ping >/dev/null 2>&1; do :; done ;;
*" down "*)
	if pid=$(cat "$STUB_DIR/pid" 2>/dev/null); then kill "$pid"; while kill -0 "$pid" 2>/dev/null; do :; done; fi ;;
esac
`

func TestCompose(t *testing.T) { // not parallel: it changes PATH
	dir := t.TempDir()
	t.Setenv("STUB_DIR", dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	script(t, filepath.Join(dir, "docker"), stub)
	file, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c := Config{Root: t.TempDir(), Log: &log}
	if err := os.WriteFile(filepath.Join(c.Root, "docker-compose.yml"), file, 0o600); err != nil {
		t.Fatal(err)
	}

	start := func() instance {
		t.Helper()
		s, unlock, err := c.state(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if err := c.start(t.Context(), s, []string{redisName}); err != nil {
			t.Fatal(err)
		}
		return s.Services[redisName]
	}
	i := start()
	if err := i.check(t.Context(), redisName); err != nil || !i.Container {
		t.Fatalf("got container %t, %v; want one that answers", i.Container, err)
	}
	if err := Down(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); i.check(t.Context(), redisName) == nil; { // the stub's server may take a moment to go
		if time.Now().After(end) {
			t.Fatal("the container answers after Down")
		}
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	project := "compose --project-name " + c.composeProject().name + " --file " + c.composeProject().file
	for _, want := range []string{project + " up --detach --wait --wait-timeout 300 redis\n", project + " down --volumes --remove-orphans\n"} {
		if !strings.Contains(string(calls), want) {
			t.Errorf("docker was not called with %q, but with\n%s", want, calls)
		}
	}

	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i = start()
	if err := i.check(t.Context(), redisName); err != nil || i.Container {
		t.Errorf("docker compose fails: got container %t, %v; want a local process", i.Container, err)
	}
	if !strings.Contains(log.String(), "no such image") {
		t.Errorf("the log does not say why: %s", log.String())
	}
	if err := Down(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// TestComposeFileTakesWhatIsHandedToIt holds the names of variables and services that both sides use.
func TestComposeFileTakesWhatIsHandedToIt(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  redis:\n", "\n  neo4j:\n", "REDIS_PORT", "NEO4J_PORT", "NEO4J_HTTP_PORT", "REDIS_PASSWORD", "NEO4J_PASSWORD"} {
		if !strings.Contains(string(file), want) {
			t.Errorf("docker-compose.yml lacks %q", want)
		}
	}
}
