package contract

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
)

// replicaArgument is what a replica is started with, and its options.
const replicaArgument = "replica"

var long = flag.Bool("long", false, "as often as the contract says, and print the figures")

// TestMain is the tests, and is the replicas.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == replicaArgument {
		if err := replica.Run(os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "replica:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// either returns what the long form takes, or the short one.
func either[T any](inLong, inShort T) T {
	if *long {
		return inLong
	}
	return inShort
}

// figure says what was measured.
func figure(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	if *long {
		fmt.Printf("%s: %s\n", t.Name(), text)
		return
	}
	t.Log(text)
}

// alone lets a test that measures times run by itself in the long form; in the short one, it runs beside others.
func alone(t *testing.T) {
	t.Helper()
	if !*long {
		t.Parallel()
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls: the one place where tests wait for what nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const within = 30 * time.Second
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // the one polling helper
	}
}
