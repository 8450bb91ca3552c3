package neo4jstore_test

import "testing"

// TestSeed holds the 22 tests of the program that this library grew out of, by name.
func TestSeed(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"connect and disconnect", seedConnect},
		{"cache and read back", seedReadBack},
		{"miss", seedMiss},
		{"invalidate", seedInvalidate},
		{"preferences TTL", seedPreferencesTTL},
		{"context TTL", seedContextTTL},
		{"tenants apart", seedTenantsApart},
		{"users apart", seedUsersApart},
		{"context round trip", seedContextRoundTrip},
		{"different contexts, different entries", seedDifferentContexts},
		{"hash independent of order", seedHashOrder},
		{"clear all", seedClearAll},
		{"use before connect: write", seedUnconnectedWrite},
		{"use before connect: read", seedUnconnectedRead},
		{"use before connect: invalidate", seedUnconnectedInvalidate},
		{"miss reads the database", seedMissReads},
		{"hit does not read the database", seedHitDoesNot},
		{"create invalidates", seedCreateInvalidates},
		{"update invalidates", seedUpdateInvalidates},
		{"delete invalidates", seedDeleteInvalidates},
		{"works without a cache", seedWithoutCache},
		{"tenants' entries apart through the store", seedEntriesApart},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newRig(t))
		})
	}
}

// TestSeedHoles holds what the seed got wrong or did not test.
func TestSeedHoles(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"another user's and another process's contexts are fresh after a write", holeContexts},
		{"a:b with c is not a with b:c", holeSeparator},
		{"times are equal through memory, Redis and source", holeTimes},
		{"a slow load that loses against a write stores nothing in either tier", holeSlowLoad},
		{"an entry whose tag changed is cached again by the next load", holeCachedAgain},
		{"clear without SCAN", holeScan},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newRig(t))
		})
	}
}
