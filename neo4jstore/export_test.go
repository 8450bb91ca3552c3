package neo4jstore

import "errors"

// Queries are those that must be answered by index.
var Queries = map[string]string{
	"list": listPreferences, "get": getPreference, "context": preferencesInSituations, "update": updateConfidence, "delete": deletePreference,
	"delete all": deletePreferences, "link": linkPreferences, "orphans": deleteOrphans,
}

// ErrTorn is what a row says whose node lacks a property.
var ErrTorn error = tornError{errors.New("a property is missing")}
