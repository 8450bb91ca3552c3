package server

import (
	"context"
	"net/http"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
)

// health says that the process lives; nothing that it depends on is asked.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says what stands in the way of full speed. A replica whose fence is closed still answers, from Neo4j: where
// all replicas lose Redis at once, a load balancer should rather keep them all than none.
type readiness struct {
	Ready   bool      `json:"ready"`
	Bus     string    `json:"bus"`
	Since   time.Time `json:"since"`
	Why     string    `json:"why"`
	Pending int       `json:"pending"`
	Neo4j   string    `json:"neo4j"`
}

func (s *service) ready(w http.ResponseWriter, r *http.Request) {
	state := s.bus.State()
	is := readiness{
		Bus: state.Condition.String(), Since: state.Since, Why: state.Why, Pending: state.Pending, Neo4j: "ok",
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.driver.VerifyConnectivity(ctx); err != nil {
		is.Neo4j = "does not answer"
	}
	is.Ready = state.Condition == coherence.Open && is.Neo4j == "ok"
	status := http.StatusOK
	if !is.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, is)
}
