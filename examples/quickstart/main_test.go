package main

import (
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/examples/internal/testkit"
)

// TestReadme: what the README shows first is this program, but for the client.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	testkit.Check(t, err)
	_, block, _ := strings.Cut(string(readme), "```go\n")
	block, _, found := strings.Cut(block, "```")
	program, err := os.ReadFile("main.go")
	testkit.Check(t, err)
	_, shown, _ := strings.Cut(flush(block), "\n") // its first line makes a client
	if !found || !strings.Contains(flush(string(program)), shown) {
		t.Errorf("main.go does not have, line by line:\n%s", shown)
	}
}

// flush removes the indentation.
func flush(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t ")
	}
	return strings.Join(lines, "\n")
}

func TestRun(t *testing.T) {
	testkit.Services(t)
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	testkit.Check(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	testkit.Check(t, run(t.Context(), client))
}
