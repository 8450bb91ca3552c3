package scenario

// beside are the scenarios that run beside the rivals.
func beside() []Scenario {
	return []Scenario{
		{"answers", "What comes back", answers},
		{"memory-hit", "A hit in memory", memoryHit},
		{"memory-zipf", "A hit in memory, keys of a zipf distribution", memoryZipf},
		{"redis-hit", "A hit in Redis", redisHit},
		{"rivals-miss", "A miss, from a source that takes no time", rivalsMiss},
		{"rivals-batch", "A hundred keys at once, of which Redis has all, half or none", rivalsBatch},
		{"mixed", "Three processes, 95 reads to 5 writes", mixed},
		{"stampede", "Loads of one key that 800 readers in eight processes miss at once", stampede},
		{"invalidation", "From an invalidation to another process's memory", invalidation},
		{"stale-fill", "A slow load against an invalidation", staleFill},
		{"lost-message", "Fifty writes while another process's messages are cut off", lostMessage},
		{"rivals-memory", "Memory of an entry beyond its value", rivalsMemory},
		{"rivals-hit-ratio", "Hit ratio with room for 1 % of the keys, on zipf and on zipf with a scan", rivalsHitRatio},
	}
}
