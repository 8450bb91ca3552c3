package model

// configurations are what is explored, each with the features that its name says.
func configurations() []config {
	const p0, p1, p2 = 1, 2, 4
	return []config{
		{
			name: "two writers", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: reads(1, 1), syncs: p1, echo: true,
		},
		{
			name: "crash", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: reads(0, 2), syncs: p1, crash: true,
		},
		{
			name: "three writers", procs: 3, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: reads(0, 0, 2), syncs: p2, crash: true,
		},
		{
			name: "late puts", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: with(reads(1, 4), func(b *budget) { b.evict = 1 }), lateL1: true, smallL1: true, bypasses: true,
		},
		{
			name: "fence", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: with(reads(0, 3), func(b *budget) { b.trims = 1 }), syncs: p1, fence: true, losesReplies: true, lateL1: true,
		},
		{
			name: "tag", procs: 2, keys: 1, named: keyA, writes: []write{{0, opUpdate, tag}, {1, opUpdate, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.evict = 1 }), syncs: p1,
		},
		{
			name: "set", procs: 2, keys: 1, named: keyA, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}, {0, opUpdate, tag}},
			budget: with(reads(1, 2), func(b *budget) { b.evict = 1 }),
		},
		{
			name: "set without a load", procs: 2, keys: 1, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.evict = 1 }), loadless: true,
		},
		{
			name: "clear", procs: 2, keys: 1, writes: []write{{0, opClear, cache}, {1, opUpdate, keyA}},
			budget: reads(1, 2), syncs: p1, clears: true,
		},
		{
			name: "invalidate", procs: 2, keys: 1, named: keyA, writes: []write{{0, opInvalidate, keyA}, {1, opInvalidate, tag}},
			budget: with(reads(2, 2), func(b *budget) { b.evict = 1 }),
		},
		{
			name: "unknown outcome", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: reads(1, 2), unknown: true,
		},
		{
			name: "not acknowledged", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: with(reads(2, 1), func(b *budget) { b.errors = 2 }),
		},
		{
			name: "lost intent", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: with(reads(1, 3), func(b *budget) { b.evict = 2; b.renewals = 1 }), losesIntents: true,
		},
		{
			name: "frozen writer", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {1, opUpdate, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.renewals = 1 }), freezes: true,
		},
		{
			name: "restart", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.restarts = 1 }), syncs: p0 | p1, fence: true,
		},
		{
			name: "restart with generations", procs: 2, keys: 1, writes: []write{{0, opClear, cache}},
			budget: with(reads(1, 2), func(b *budget) { b.restarts = 1 }), syncs: p0 | p1, clears: true,
		},
		{
			name: "failover", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}, {0, opUpdate, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.failovers, b.copies = 1, 1 }), syncs: p0 | p1,
		},
		{
			name: "failover with Set", procs: 2, keys: 1, writes: []write{{0, opSet, keyA}, {1, opSet, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.failovers, b.copies = 1, 1 }), syncs: p0 | p1,
		},
		{
			name: "old connections", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: with(reads(1, 2), func(b *budget) { b.failovers = 1 }), syncs: p0 | p1, oldConnection: true,
		},
		{
			name: "batch", procs: 2, keys: 2, named: keyA, writes: []write{{1, opUpdate, keyA | keyB}},
			budget: reads(1, 2), batch: true,
		},
		{
			name: "cancelled flights", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: with(reads(0, 4), func(b *budget) { b.evict = 1 }), leaves: true, lateL1: true,
		},
		{
			name: "background fill", procs: 2, keys: 1, writes: []write{{0, opUpdate, keyA}},
			budget: with(reads(1, 3), func(b *budget) { b.evict = 1 }), lateL1: true, background: true,
		},
	}
}

func reads(n ...uint8) budget {
	var b budget
	copy(b.reads[:], n)
	return b
}

func with(b budget, change func(*budget)) budget {
	change(&b)
	return b
}
