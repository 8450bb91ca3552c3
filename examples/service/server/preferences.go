package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// preference is how JSON shows one.
type preference struct {
	ID             string    `json:"id"`
	Key            string    `json:"key"`
	Value          string    `json:"value"`
	Sentiment      string    `json:"sentiment"`
	Confidence     float64   `json:"confidence"`
	Domain         string    `json:"domain"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	Reinforcements int64     `json:"reinforcements"`
	Rejections     int64     `json:"rejections"`
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	s.read(w, r, func(ctx context.Context) (any, error) {
		list, err := s.store.List(ctx, owner(r))
		return showAll(list), err
	})
}

func (s *service) get(w http.ResponseWriter, r *http.Request) {
	s.read(w, r, func(ctx context.Context) (any, error) {
		p, err := s.store.Get(ctx, owner(r), r.PathValue("id"))
		return show(p), err
	})
}

func (s *service) forContext(w http.ResponseWriter, r *http.Request) {
	factors, err := factors(r.URL.RawQuery)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.read(w, r, func(ctx context.Context) (any, error) {
		list, err := s.store.ForContext(ctx, owner(r), factors)
		return showAll(list), err
	})
}

// read answers with what get returns, and says in X-Cache which tier it came from.
func (s *service) read(w http.ResponseWriter, r *http.Request, get func(context.Context) (any, error)) {
	ctx, origin := tiered.WithOrigin(r.Context())
	body, err := get(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("X-Cache", origin.Tier().String())
	writeJSON(w, http.StatusOK, body)
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Key        string   `json:"key"`
		Value      string   `json:"value"`
		Sentiment  string   `json:"sentiment"`
		Confidence *float64 `json:"confidence"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	p, err := s.store.Create(r.Context(), owner(r), neo4jstore.NewPreference{
		Key: in.Key, Value: in.Value, Sentiment: in.Sentiment, Confidence: in.Confidence,
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", r.URL.EscapedPath()+"/"+url.PathEscape(p.ID))
	writeJSON(w, http.StatusCreated, show(p))
}

func (s *service) update(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Delta *float64 `json:"delta"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	if in.Delta == nil {
		writeError(w, http.StatusBadRequest, `"delta" is missing: how much to add to the confidence`)
		return
	}
	p, err := s.store.UpdateConfidence(r.Context(), owner(r), r.PathValue("id"), *in.Delta)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, show(p))
}

func (s *service) delete(w http.ResponseWriter, r *http.Request) {
	if err := s.store.Delete(r.Context(), owner(r), r.PathValue("id")); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *service) deleteAll(w http.ResponseWriter, r *http.Request) {
	n, err := s.store.DeleteAll(r.Context(), owner(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]int{"deleted": n})
}

func (s *service) addSituation(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Factors     map[string]string `json:"factors"`
		Preferences []string          `json:"preferences"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	added, err := s.store.AddSituation(r.Context(), owner(r), in.Factors, in.Preferences...)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"id": added.ID, "factors": added.Factors, "created_at": added.CreatedAt})
}

// owner is whom the path names.
func owner(r *http.Request) neo4jstore.UserKey {
	return neo4jstore.UserKey{Tenant: r.PathValue("tenant"), User: r.PathValue("user")}
}

// factors reads ?place=home&time=morning.
func factors(query string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	list := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) > 1 {
			return nil, fmt.Errorf("factor %q is given %d times: once is enough", name, len(v))
		}
		list[name] = v[0]
	}
	return list, nil
}

func show(p neo4jstore.Preference) preference {
	return preference{
		ID: p.ID, Key: p.Key, Value: p.Value, Sentiment: p.Sentiment, Confidence: p.Confidence, Domain: p.Domain,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Reinforcements: p.Reinforcements, Rejections: p.Rejections,
	}
}

func showAll(list []neo4jstore.Preference) []preference {
	all := make([]preference, len(list)) // none is [], not null
	for i, p := range list {
		all[i] = show(p)
	}
	return all
}
