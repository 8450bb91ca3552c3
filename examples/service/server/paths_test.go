package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/examples/internal/testkit"
)

// TestDotSegments: a name of dots is no way to what is another's, neither at once nor through a redirect.
func TestDotSegments(t *testing.T) {
	t.Parallel()
	c := open(t, nil)
	tenant := c.tenant()
	t.Cleanup(func() { c.want(200, "DELETE", tenant+"/preferences", "", nil) })
	var p preference
	c.want(201, "POST", tenant+"/preferences", `{"key":"k","value":"the tenant's own","sentiment":"positive"}`, &p)
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, user := range []string{"..", ".", "%2e%2e", "%2E.", "%2e", ""} {
		for _, call := range [][3]string{
			{"GET", "/preferences", ""},
			{"POST", "/preferences", `{"key":"k","value":"v","sentiment":"positive"}`},
			{"PATCH", "/preferences/" + p.ID, `{"delta":0.1}`},
			{"DELETE", "/preferences/" + p.ID, ""},
			{"DELETE", "/preferences", ""},
		} {
			r, err := http.NewRequest(call[0], c.url+tenant+"/users/"+user+call[1], strings.NewReader(call[2]))
			testkit.Check(t, err)
			got, err := direct.Do(r)
			testkit.Check(t, err)
			got.Body.Close()
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s %s: got %d to %q", call[0], r.URL, got.StatusCode, got.Header.Get("Location"))
			}
		}
	}
	var list []preference
	if c.want(200, "GET", tenant+"/preferences", "", &list); len(list) != 1 || list[0] != p {
		t.Errorf("the tenant's own are %+v, want %+v", list, p)
	}
	c.want(404, "GET", "/", "", nil)
	c.want(404, "GET", tenant+"/preferences/", "", nil)
	c.want(200, "GET", tenant+"/users/...%2F..%2F/preferences", "", &list)
	if len(list) != 0 {
		t.Errorf("who is called .../../ has %+v", list)
	}
}
