package scenario

// beside are the scenarios that run beside the rivals.
func beside() []Scenario {
	return []Scenario{
		{"memory-hit", "A hit in memory", memoryHit},
		{"memory-zipf", "A hit in memory, keys of a zipf distribution", memoryZipf},
		{"redis-hit", "A hit in Redis", redisHit},
	}
}
