package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
)

// TestMain is the program where the tests start it, and the instance where the program starts that.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_REPLICAS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// startAll starts the program, and returns the URLs of its three instances.
func startAll(t *testing.T) (*exec.Cmd, []string) {
	t.Helper()
	testkit.Services(t)
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), "TEST_REPLICAS=1")
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	testkit.Check(t, err)
	testkit.Check(t, program.Start())
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
	var urls []string
	for lines := bufio.NewScanner(out); len(urls) < count && lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), " on "); ok {
			urls = append(urls, url)
		}
	}
	if len(urls) != count {
		t.Fatalf("%d URLs, want %d", len(urls), count)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // until the program ends
	return program, urls
}

// TestWriteIsSeenByTheOthers: a write by HTTP to one instance is seen by a read of each other one within 50 ms, nine times
// in ten on a machine that may be busy, and always within MaxStaleness.
func TestWriteIsSeenByTheOthers(t *testing.T) {
	program, urls := startAll(t)
	path := "/tenants/test-" + strings.ToLower(rand.Text()) + "/users/ada/preferences"
	_, body := request(t, http.MethodPost, urls[0]+path, `{"key":"food.spice","value":"hot","sentiment":"positive","confidence":0.1}`)
	var created preference
	testkit.Check(t, json.Unmarshal([]byte(body), &created))

	for i, want := range []string{"source", "redis", "redis"} {
		if tier, list := read(t, urls[i]+path); tier != want || len(list) != 1 {
			t.Errorf("first read of replica %d: %d from %s, want 1 from %s", i+1, len(list), tier, want)
		}
		// Until the DONE of the write has arrived, which nobody waits for, reads go round Redis and fill nothing.
		testkit.Await(t, "memory answers", func() bool { tier, _ := read(t, urls[i]+path); return tier == "memory" })
	}
	var took []time.Duration // how long after a write the last read of another replica began that saw what was before it
	for round := range 5 {
		for writer := range count {
			for i := range count {
				testkit.Await(t, "memory answers", func() bool { tier, _ := read(t, urls[i]+path); return tier == "memory" })
			}
			request(t, http.MethodPatch, urls[writer]+path+"/"+created.ID, `{"delta":0.01}`)
			written, want := time.Now(), round*count+writer+1
			for i := range count {
				var stale time.Duration
				testkit.Await(t, "the write is seen", func() bool {
					began := time.Since(written)
					tier, list := read(t, urls[i]+path)
					if list[0].Reinforcements == want {
						if tier == "memory" {
							t.Errorf("replica %d answered from memory what it had not read", i+1)
						}
						return true
					}
					stale = began
					return false
				})
				switch {
				case i != writer:
					took = append(took, stale)
				case stale > 0:
					t.Errorf("replica %d answered what was before its own write", i+1)
				}
			}
		}
	}
	slices.Sort(took)
	if most, last := took[len(took)*9/10], took[len(took)-1]; most > 50*time.Millisecond || last > coherence.DefaultMaxStaleness {
		t.Errorf("what was before a write was answered for %v after it, nine times in ten, and at most %v; want at most 50ms, and %v", most, last, coherence.DefaultMaxStaleness)
	}
	request(t, http.MethodDelete, urls[0]+path, "")
	testkit.Check(t, program.Process.Signal(syscall.SIGTERM))
	if err := program.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	gone(t, urls)
}

// TestInstancesDieWithTheProgram: also when it is killed.
func TestInstancesDieWithTheProgram(t *testing.T) {
	program, urls := startAll(t)
	testkit.Check(t, program.Process.Kill())
	gone(t, urls)
}

func gone(t *testing.T, urls []string) {
	t.Helper()
	for _, url := range urls {
		testkit.Await(t, url+" is gone", func() bool {
			answer, err := http.Get(url + "/healthz")
			if err == nil {
				answer.Body.Close()
			}
			return err != nil
		})
	}
}

type preference struct {
	ID             string
	Reinforcements int
}

func read(t *testing.T, url string) (tier string, list []preference) {
	t.Helper()
	header, body := request(t, http.MethodGet, url, "")
	testkit.Check(t, json.Unmarshal([]byte(body), &list))
	return header.Get("X-Cache"), list
}

func request(t *testing.T, method, url, body string) (http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	testkit.Check(t, err)
	answer, err := http.DefaultClient.Do(r)
	testkit.Check(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	testkit.Check(t, err)
	if answer.StatusCode >= 300 {
		t.Fatal(fmt.Sprint(method, " ", url, ": ", answer.Status, " ", string(text)))
	}
	return answer.Header, string(text)
}
