package scenario

import "slices"

// All is every scenario, in the order in which they run and are told of.
func All() []Scenario { return slices.Concat(beside(), alone()) }

// alone are the scenarios that need no rival but a bare floor.
func alone() []Scenario {
	return []Scenario{
		{"memory-tagged", "Hit in memory of an entry with a tag, against one without", taggedMemoryHit},
		{"memory-growth", "Hit in memory as keys grow within the capacity", growth},
		{"memory-size", "Memory of an entry beyond its value, and of all entries against Capacity", memorySize},
		{"hit-ratio", "Hit ratio on zipf with room for 1 % of the keys; keys that a warm-up loses", hitRatio},
		{"codec", "Encode and decode a list, against a codec written by hand", codecs},
		{"batch", "100 hits in Redis at once, against one MGET", batchOfRedisHits},
		{"miss", "Miss beyond the loader, against GET and SET", missBeyondLoader},
		{"idle", "What an idle process costs Redis", idle},
		{"neo4j", "Ten preferences from a warm Neo4j, from Redis, from memory", speedUp},
	}
}
