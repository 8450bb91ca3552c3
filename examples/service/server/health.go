package server

import (
	"context"
	"net/http"
	"time"

	"github.com/tieredcache/tieredcache/coherence"
	"github.com/tieredcache/tieredcache/tiered"
)

// health says that the process lives; nothing that it depends on is asked.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says what stands in the way of full speed. None of that makes a replica unready: without Redis it answers from
// Neo4j, without Neo4j from what it holds, and all replicas would lose them at once: a load balancer that took out each of
// them would make an outage of a slow hour. It is for who looks, and for alerts.
type readiness struct {
	Ready bool `json:"ready"`
	state
	Neo4j string `json:"neo4j"`
}

// state is how JSON shows the bus's: what is pending Redis has not taken; a bus that is not subscribed hears late of
// what other replicas write.
type state struct {
	Bus        string    `json:"bus"`
	Since      time.Time `json:"since"`
	Why        string    `json:"why"`
	Pending    int       `json:"pending"`
	Subscribed bool      `json:"subscribed"`
	Idle       bool      `json:"idle"`
}

func showState(s coherence.State) state {
	return state{Bus: s.Condition.String(), Since: s.Since, Why: s.Why, Pending: s.Pending, Subscribed: s.Subscribed, Idle: s.Idle}
}

// stats is what a monitor asks for: counts since the start, as the library's documentation names them, and no keys.
type stats struct {
	State    state           `json:"state"`
	Bus      coherence.Stats `json:"bus"`
	Lists    tiered.Stats    `json:"lists"`
	Singles  tiered.Stats    `json:"singles"`
	Contexts tiered.Stats    `json:"contexts"`
}

func (s *service) stats(w http.ResponseWriter, _ *http.Request) {
	of := s.store.Stats()
	writeJSON(w, http.StatusOK, stats{showState(s.bus.State()), s.bus.Stats(), of.Lists, of.Singles, of.Contexts})
}

func (s *service) ready(w http.ResponseWriter, r *http.Request) {
	bus := s.bus.State()
	is := readiness{state: showState(bus), Neo4j: "ok"}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.driver.VerifyConnectivity(ctx); err != nil {
		is.Neo4j = "does not answer"
	}
	is.Ready = bus.Condition != coherence.Closed
	status := http.StatusOK
	if !is.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, is)
}
