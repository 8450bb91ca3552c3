package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// requestTimeout bounds what one request may cost.
const requestTimeout = 10 * time.Second

// handler returns the routes. A path without /users/{user} means the tenant itself.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /stats", s.stats)
	for _, owner := range []string{"/tenants/{tenant}", "/tenants/{tenant}/users/{user}"} {
		mux.HandleFunc("GET "+owner+"/preferences", s.list)
		mux.HandleFunc("POST "+owner+"/preferences", s.create)
		mux.HandleFunc("DELETE "+owner+"/preferences", s.deleteAll)
		mux.HandleFunc("GET "+owner+"/preferences/{id}", s.get)
		mux.HandleFunc("PATCH "+owner+"/preferences/{id}", s.update)
		mux.HandleFunc("DELETE "+owner+"/preferences/{id}", s.delete)
		mux.HandleFunc("POST "+owner+"/situations", s.addSituation)
		mux.HandleFunc("GET "+owner+"/context", s.forContext)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("Cache-Control", "no-store") // a copy that nobody invalidates helps nobody
		if unclean(r.URL.EscapedPath()) {
			writeError(w, http.StatusBadRequest, `the path has a part that is empty, "." or "..": no tenant, user or id is called so`)
			return
		}
		if h, pattern := mux.Handler(r); pattern == "" {
			refused := &statusOnly{ResponseWriter: w}
			h.ServeHTTP(refused, r)
			writeError(w, refused.status, http.StatusText(refused.status))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// unclean says whether a path has a part that the mux, a proxy or a client would clean away. What is left then names
// somebody else: the preferences of the user ".." would be the tenant's own.
func unclean(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/")[1:], func(part string) bool {
		name, err := url.PathUnescape(part)
		return err != nil || name == "." || name == ".."
	}) || strings.Contains(path, "//")
}

// statusOnly keeps the status (404, or 405 with its Allow header) of an answer in plain text.
type statusOnly struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the status.
func (s *statusOnly) WriteHeader(status int) { s.status = status }

// Write drops the text.
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
