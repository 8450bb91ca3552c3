package server

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9/logging"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/examples/internal/testkit"
	"github.com/tieredcache/tieredcache/internal/services"
	"github.com/tieredcache/tieredcache/tiered"
)

// TestMain keeps go-redis as quiet as Run does.
func TestMain(m *testing.M) {
	logging.Disable()
	os.Exit(m.Run())
}

// client talks to a service that runs in the test.
type client struct {
	*testing.T
	url     string
	service *service
}

// open opens a service on the real services, with variables of its own, and waits for its bus.
func open(t *testing.T, environment map[string]string) *client {
	t.Helper()
	c := start(t, environment)
	testkit.Await(t, "the bus opens", func() bool { return c.service.bus.State().Condition == coherence.Open })
	return c
}

func start(t *testing.T, environment map[string]string) *client {
	t.Helper()
	testkit.Services(t)
	s := &service{log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() { testkit.Check(t, s.close()) })
	testkit.Check(t, s.open(t.Context(), func(name string) string {
		if value, ok := environment[name]; ok {
			return value
		}
		return os.Getenv(name)
	}))
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return &client{t, server.URL, s}
}

type answer struct {
	status int
	header http.Header
	text   string
}

func (c *client) do(method, path, body string) answer {
	c.Helper()
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body)) // not with the test's context: cleanups ask too
	testkit.Check(c.T, err)
	response, err := http.DefaultClient.Do(r)
	testkit.Check(c.T, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	testkit.Check(c.T, err)
	return answer{response.StatusCode, response.Header, string(text)}
}

// want does a request and reads its answer; it fails unless the status is the one that is wanted.
func (c *client) want(status int, method, path, body string, into any) answer {
	c.Helper()
	a := c.do(method, path, body)
	if a.status != status {
		c.Fatalf("%s %.80s: got %d %.300s, want %d", method, path, a.status, a.text, status)
	}
	if into != nil {
		testkit.Check(c.T, json.Unmarshal([]byte(a.text), into))
	}
	return a
}

// tenant is the path of a tenant of this test alone, whose preferences are deleted at its end.
func (c *client) tenant() string {
	path := "/tenants/test-" + strings.ToLower(rand.Text())
	c.Cleanup(func() { c.want(200, "DELETE", path+"/users/ada/preferences", "", nil) })
	return path
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	ada := c.tenant() + "/users/ada"
	var list []preference
	if a := c.want(200, "GET", ada+"/preferences", "", &list); strings.TrimSpace(a.text) != "[]" || a.header.Get("X-Cache") != "source" {
		t.Fatalf("none: got %q from %s", a.text, a.header.Get("X-Cache"))
	}

	var p, other preference
	a := c.want(201, "POST", ada+"/preferences", `{"key":"food.spice","value":"hot","sentiment":"positive","confidence":0.6}`, &p)
	if p.ID == "" || p.Key != "food.spice" || p.Value != "hot" || p.Sentiment != "positive" || p.Confidence != 0.6 || p.Domain != "food" || p.CreatedAt.IsZero() {
		t.Fatalf("created %+v", p)
	}
	if got, want := a.header.Get("Location"), ada+"/preferences/"+p.ID; got != want {
		t.Errorf("Location: got %q, want %q", got, want)
	}
	c.want(201, "POST", ada+"/preferences", `{"key":"music","value":"loud","sentiment":"negative"}`, &other)

	if a := c.want(200, "GET", ada+"/preferences", "", &list); len(list) != 2 || list[1] != p || a.header.Get("X-Cache") != "source" {
		t.Errorf("after two writes: got %+v from %s", list, a.header.Get("X-Cache"))
	}
	testkit.Await(t, "memory answers", func() bool {
		return c.want(200, "GET", ada+"/preferences", "", nil).header.Get("X-Cache") == "memory"
	})

	var raised, got preference
	c.want(200, "PATCH", ada+"/preferences/"+p.ID, `{"delta":0.9}`, &raised)
	if raised.Confidence != 0.95 || raised.Reinforcements != 1 {
		t.Errorf("raised to %+v, want 0.95 and one reinforcement", raised)
	}
	if c.want(200, "GET", ada+"/preferences/"+p.ID, "", &got); got != raised {
		t.Errorf("one: got %+v, want %+v", got, raised)
	}

	c.want(201, "POST", ada+"/situations", `{"factors":{"place":"home"},"preferences":["`+p.ID+`"]}`, nil)
	if c.want(200, "GET", ada+"/context?place=home&time=noon", "", &list); len(list) != 1 || list[0].ID != p.ID {
		t.Errorf("at home: got %+v", list)
	}
	if c.want(200, "GET", ada+"/context?place=work", "", &list); len(list) != 0 {
		t.Errorf("at work: got %+v", list)
	}

	c.want(204, "DELETE", ada+"/preferences/"+p.ID, "", nil)
	c.want(404, "GET", ada+"/preferences/"+p.ID, "", nil)
	if c.want(200, "GET", ada+"/preferences", "", &list); len(list) != 1 || list[0].ID != other.ID {
		t.Errorf("after the deletion: got %+v", list)
	}
	var deleted struct{ Deleted int }
	if c.want(200, "DELETE", ada+"/preferences", "", &deleted); deleted.Deleted != 1 {
		t.Errorf("deleted %d, want 1", deleted.Deleted)
	}
}

// TestOwners: nobody reads or changes what is another's, however the names look.
func TestOwners(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	tenant := c.tenant()
	var p preference
	c.want(201, "POST", tenant+"/users/ada/preferences", `{"key":"k","value":"v","sentiment":"positive"}`, &p)
	var list []preference
	for _, path := range []string{tenant, tenant + "/users/bob", tenant + ":ada/users/x", tenant + "%3Aada", tenant + "/users/ada%2F", tenant + "/users/%7Bada%7D", "/tenants/other/users/ada"} {
		if c.want(200, "GET", path+"/preferences", "", &list); len(list) != 0 {
			t.Errorf("%s sees %+v", path, list)
		}
		got := c.want(404, "GET", path+"/preferences/"+p.ID, "", nil)
		unknown := c.want(404, "GET", path+"/preferences/unknown", "", nil)
		if strings.ReplaceAll(got.text, p.ID, "unknown") != unknown.text {
			t.Errorf("%s: another's id is %q, an unknown one %q", path, got.text, unknown.text)
		}
		c.want(404, "PATCH", path+"/preferences/"+p.ID, `{"delta":0.1}`, nil)
		c.want(404, "DELETE", path+"/preferences/"+p.ID, "", nil)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	ada := c.tenant() + "/users/ada"
	for _, tt := range []struct {
		method, path, body string
		status             int
		text               string // in the error
	}{
		{"POST", "/preferences", `{"key":"","value":"v","sentiment":"positive"}`, 400, "Key is empty"},
		{"POST", "/preferences", `{"key":"k","value":"v","sentiment":"neutral"}`, 400, `Sentiment is \"neutral\"`},
		{"POST", "/preferences", `{"key":"k","value":"v","sentiment":"positive","confidence":0.96}`, 400, "Confidence is 0.96"},
		{"POST", "/preferences", `{"key":"k","value":"v","sentiment":"positive","confidence":-1}`, 400, "Confidence is -1"},
		{"POST", "/preferences", `{"key":"k","value":"v","sentiment":"positive","colour":1}`, 400, "colour"},
		{"POST", "/preferences", `{"key":1}`, 400, "key"},
		{"POST", "/preferences", `{`, 400, "no JSON object"},
		{"POST", "/preferences", `{} {}`, 400, "something follows"},
		{"POST", "/preferences", ``, 400, "empty"},
		{"POST", "/preferences", `{"value":"` + strings.Repeat("x", maxBody) + `"}`, 413, "longer"},
		{"PATCH", "/preferences/x", `{}`, 400, "delta"},
		{"PATCH", "/preferences/x", `{"delta":1e999}`, 400, "delta"},
		{"PATCH", "/preferences/x", `{"delta":0.1}`, 404, "not found"},
		{"DELETE", "/preferences/x", ``, 404, "not found"},
		{"POST", "/situations", `{"factors":{"place":"home"},"preferences":["x"]}`, 404, "not found"},
		{"POST", "/situations", `{"factors":{"":"home"}}`, 400, "name is empty"},
		{"GET", "/context?place=home&place=work", ``, 400, "place"},
		{"GET", "/context?%zz", ``, 400, "invalid"},
		{"PUT", "/preferences", ``, 405, "Method Not Allowed"},
		{"GET", "/nowhere", ``, 404, "Not Found"},
	} {
		a := c.want(tt.status, tt.method, ada+tt.path, tt.body, nil)
		if !strings.Contains(a.text, tt.text) || a.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(a.text, `{"error":`) {
			t.Errorf("%s %s %.60s: got %s, want %s in a JSON error", tt.method, tt.path, tt.body, a.text, tt.text)
		}
		if tt.status == 405 && !strings.Contains(a.header.Get("Allow"), "POST") {
			t.Errorf("Allow: %q", a.header.Get("Allow"))
		}
	}
	long := "/tenants/" + strings.Repeat("t", 5000)
	if a := c.want(400, "GET", long+"/preferences", "", nil); !strings.Contains(a.text, "Tenant has 5000 bytes") {
		t.Errorf("a long tenant: %s", a.text)
	}
}

// TestStats: what the bus and the caches have done and are, and nobody's name.
func TestStats(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	tenant := c.tenant()
	var p preference
	c.want(201, "POST", tenant+"/users/ada/preferences", `{"key":"food.spice","value":"hot","sentiment":"positive"}`, &p)
	for _, path := range []string{"/preferences", "/preferences/" + p.ID, "/context?place=home"} {
		c.want(200, "GET", tenant+"/users/ada"+path, "", nil)
	}
	var got stats
	var a answer
	testkit.Await(t, "the bus is subscribed, and nothing is pending", func() bool {
		a = c.want(200, "GET", "/stats", "", &got)
		return got.State.Subscribed && got.State.Pending == 0
	})
	if got.State.Bus != "open" || got.State.Why == "" || got.State.Since.IsZero() {
		t.Errorf("state: %+v", got.State)
	}
	if got.Bus.Syncs == 0 || got.Bus.Updates != 1 {
		t.Errorf("bus: %+v", got.Bus)
	}
	for name, s := range map[string]tiered.Stats{"lists": got.Lists, "singles": got.Singles, "contexts": got.Contexts} {
		if s.Loads != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for _, key := range []string{"ada", p.ID, "food", strings.TrimPrefix(tenant, "/tenants/")} {
		if strings.Contains(a.text, key) {
			t.Errorf("%q is in %s", key, a.text)
		}
	}
}

// TestReadiness: where Redis has gone, the service says so, is ready and answers, from Neo4j.
func TestReadiness(t *testing.T) {
	t.Parallel()
	redis, err := services.StartRedis(t.Context(), services.RedisOptions{})
	testkit.Check(t, err)
	t.Cleanup(func() { testkit.Check(t, redis.Stop()) })
	c := open(t, map[string]string{"REDIS_URL": redis.URL})
	ada := c.tenant() + "/users/ada"
	c.want(201, "POST", ada+"/preferences", `{"key":"k","value":"v","sentiment":"positive"}`, nil)
	c.want(200, "GET", "/healthz", "", nil)
	c.awaitBus("open")

	testkit.Check(t, redis.Kill())
	c.awaitBus("fenced")
	testkit.Await(t, "readyz says that the bus is not subscribed", func() bool {
		a := c.want(200, "GET", "/readyz", "", nil)
		return strings.Contains(a.text, `"subscribed":false,"idle":false`)
	})
	c.want(200, "GET", "/healthz", "", nil)
	var list []preference
	if a := c.want(200, "GET", ada+"/preferences", "", &list); len(list) != 1 || a.header.Get("X-Cache") != "source" {
		t.Errorf("without Redis: got %+v from %s", list, a.header.Get("X-Cache"))
	}

	testkit.Check(t, redis.Restart(t.Context()))
	c.awaitBus("open")
}

// TestStartsWithoutRedis: a replica that starts while Redis is away is as good as one that has lost it.
func TestStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	redis, err := services.StartRedis(t.Context(), services.RedisOptions{})
	testkit.Check(t, err)
	t.Cleanup(func() { testkit.Check(t, redis.Stop()) })
	testkit.Check(t, redis.Kill())
	c := start(t, map[string]string{"REDIS_URL": redis.URL})
	ada := c.tenant() + "/users/ada"
	c.want(201, "POST", ada+"/preferences", `{"key":"k","value":"v","sentiment":"positive"}`, nil)
	var list []preference
	if c.want(200, "GET", ada+"/preferences", "", &list); len(list) != 1 {
		t.Errorf("without Redis: got %+v", list)
	}
	c.awaitBus("fenced")
	testkit.Check(t, redis.Restart(t.Context()))
	c.awaitBus("open")
}

// awaitBus waits until readyz says that the bus is in a condition, and wants the service to be ready all the time.
func (c *client) awaitBus(condition string) {
	c.Helper()
	testkit.Await(c.T, "the bus is "+condition, func() bool {
		var is readiness
		c.want(200, "GET", "/readyz", "", &is)
		if !is.Ready || is.Why == "" {
			c.Errorf("got %+v", is)
		}
		return is.Bus == condition && is.Neo4j == "ok"
	})
}
