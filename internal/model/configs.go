package model

// configurations are what is explored, each with the features that its name says.
func configurations() []config {
	const p0, p1 = 1, 2
	return []config{
		{
			name: "two writers", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: budget{reads: of(1, 1)}, echo: true,
		},
		{
			name: "crash", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: budget{reads: of(0, 2)}, syncs: p1, crash: true,
		},
		{
			name: "three writers", procs: 3, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: budget{reads: of(0, 0, 1)}, crash: true,
		},
		{
			name: "two keys", procs: 2, keys: 2, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyB}},
			budget: budget{reads: of(0, 1)}, syncs: p1,
		},
		{
			name: "late puts", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(1, 3), evict: 1}, lateL1: true, smallL1: true, bypasses: true,
		},
		{
			name: "fence", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 3), trims: 1}, syncs: p1, fence: true, losesReplies: true,
		},
		{
			name: "late puts and fence", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 3)}, syncs: p1, fence: true, lateL1: true, cold: true,
		},
		{
			name: "tag", procs: 2, keys: 1, named: keyA, writes: []write{{0, opUpdate, tag}, {1, opUpdate, keyA}},
			budget: budget{reads: of(1, 2), evict: 1},
		},
		{
			name: "tag, cold", procs: 2, keys: 1, named: keyA, writes: []write{{0, opUpdate, tag}},
			budget: budget{reads: of(1, 2), evict: 1}, syncs: p1, cold: true,
		},
		{
			name: "set", procs: 2, keys: 1, named: keyA, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}, {0, opUpdate, tag}},
			budget: budget{reads: of(0, 2)},
		},
		{
			name: "set and update", procs: 2, keys: 1, writes: []write{{0, opSet, keyA}, {1, opUpdate, keyA}},
			budget: budget{reads: of(1, 2)},
		},
		{
			name: "set without a load", procs: 2, keys: 1, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}},
			budget: budget{reads: of(2, 2), evict: 1}, loadless: true, smallL1: true,
		},
		{
			name: "clear", procs: 2, keys: 1, writes: []write{{0, opClear, cache}, {1, opUpdate, keyA}},
			budget: budget{reads: of(1, 1)}, syncs: p1, clears: true,
		},
		{
			name: "clear and fence", procs: 2, keys: 1, writes: []write{{0, opClear, cache}},
			budget: budget{reads: of(0, 2)}, syncs: p1, clears: true, fence: true,
		},
		{
			name: "clear, cold", procs: 2, keys: 1, writes: []write{{0, opClear, cache}},
			budget: budget{reads: of(1, 3)}, syncs: p1, clears: true, cold: true, lateL1: true,
		},
		{
			name: "two clears", procs: 2, keys: 1, writes: []write{{0, opClear, cache}, {1, opClear, cache}},
			budget: budget{reads: of(1, 2)}, syncs: p1, clears: true,
		},
		{
			name: "invalidate", procs: 2, keys: 1, named: keyA, writes: []write{{0, opInvalidate, keyA}, {1, opInvalidate, tag}},
			budget: budget{reads: of(2, 1), evict: 1},
		},
		{
			name: "unknown outcome", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: budget{reads: of(0, 2)}, unknown: true,
		},
		{
			name: "not acknowledged", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(2, 1), errors: 2},
		},
		{
			name: "two not acknowledged", procs: 1, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: budget{reads: of(2), errors: 2},
		},
		{
			name: "overlapping flights", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 4)}, smallL1: true, bypasses: true,
		},
		{
			name: "lost intent", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(1, 3), evict: 2, renewals: 1}, losesIntents: true,
		},
		{
			name: "frozen writer", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: budget{reads: of(0, 2), renewals: 1}, freezes: true,
		},
		{
			name: "frozen writer dies", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(1, 2), renewals: 1}, freezes: true, crash: true, bypasses: true,
		},
		{
			name: "restart", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 2), restarts: 1}, syncs: p0 | p1,
		},
		{
			name: "restart, the writer reads", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(2, 0), restarts: 1}, syncs: p0 | p1,
		},
		{
			name: "restart with generations", procs: 2, keys: 1, writes: []write{{0, opClear, cache}},
			budget: budget{reads: of(1, 2), restarts: 1}, syncs: p0 | p1, clears: true,
		},
		{
			name: "failover", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 2), failovers: 1, copies: 1}, syncs: p0 | p1,
		},
		{
			name: "failover, the writer reads", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(2, 0), failovers: 1, copies: 1}, syncs: p0 | p1,
		},
		{
			name: "failover, two keys", procs: 2, keys: 2, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyB}},
			budget: budget{reads: of(0, 1), failovers: 1}, syncs: p1,
		},
		{
			name: "failover with Set", procs: 2, keys: 1, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}},
			budget: budget{reads: of(0, 1), failovers: 1, copies: 1}, syncs: p0 | p1,
		},
		{
			name: "old connections", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 2), failovers: 1}, syncs: p0 | p1, oldConnection: true,
		},
		{
			name: "batch", procs: 2, keys: 2, named: keyA, writes: []write{{1, opUpdate, keyA | keyB}},
			budget: budget{reads: of(2, 1)}, syncs: p0, batch: true,
		},
		{
			name: "cancelled flights", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(0, 4), evict: 1}, leaves: true, lateL1: true, smallL1: true,
		},
		{
			name: "background fill", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: budget{reads: of(1, 4), evict: 1}, lateL1: true, background: true, smallL1: true,
		},
	}
}

// of is how often each process reads.
func of(n ...uint8) (reads [procs]uint8) {
	copy(reads[:], n)
	return reads
}
