package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

// maxBody is the longest body of a request, in bytes.
const maxBody = 64 << 10

// readJSON reads a request's body: one object, of known fields. False: it has answered.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.Join(err, errors.New("something follows the JSON object"))
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		writeError(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit))
	case errors.Is(err, io.EOF):
		writeError(w, http.StatusBadRequest, "the body is empty: give a JSON object")
	default:
		writeError(w, http.StatusBadRequest, fmt.Sprintf("the body is no JSON object of this kind: %v", err))
	}
	return false
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody is left to tell
}

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]string{"error": text})
}

// fail answers with the status that an error of the library asks for. What is not the caller's affair goes to the log.
func (s *service) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, tiered.ErrNotFound):
		writeError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, neo4jstore.ErrInvalid):
		writeError(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, context.Canceled):
		writeError(w, http.StatusServiceUnavailable, "the request was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		writeError(w, http.StatusGatewayTimeout, "the database did not answer in time")
	case unreachable(err):
		s.log.Warn("no database", "method", r.Method, "cause", err)
		writeError(w, http.StatusServiceUnavailable, "the database cannot be reached")
	default:
		s.log.Error("failed", "method", r.Method, "cause", err)
		writeError(w, http.StatusInternalServerError, "internal error")
	}
}

// unreachable says whether the driver could not reach the database, or gave up trying; its own helpers do not unwrap.
func unreachable(err error) bool {
	_, gaveUp := errors.AsType[*neo4j.TransactionExecutionLimit](err)
	_, noConnection := errors.AsType[*neo4j.ConnectivityError](err)
	return gaveUp || noConnection
}
