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

// readiness says what stands in the way of full speed. None of that makes a replica unready: without Redis it answers from
// Neo4j, without Neo4j from what it holds, and all replicas would lose them at once: a load balancer that took out each of
// them would make an outage of a slow hour. It is for who looks, and for alerts.
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
	is.Ready = state.Condition != coherence.Closed
	status := http.StatusOK
	if !is.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, is)
}
