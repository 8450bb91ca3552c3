package neo4jstore

// Queries are those that must be answered by index.
var Queries = map[string]string{
	"list": listPreferences, "get": getPreference, "context": preferencesInSituations, "update": updateConfidence, "delete": deletePreference,
	"delete all": deletePreferences, "link": linkPreferences, "orphans": deleteOrphans,
}
