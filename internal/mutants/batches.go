package main

// batches are the guards of what GetMany, and many readers, do together.
func batches() []mutant {
	return []mutant{
		{
			name: "a batch keeps only what Redis has stored", guard: "LEASE: L1.put(v, e0) only if FILL stored",
			file: "tiered/convoy.go",
			old:  `if results[i].Held {`,
			new:  `if true {`,
			pkg:  "tiered", test: "TestGetManyKeepsOnlyWhatIsStored",
		},
		{
			name: "a batch's bypass raises the epochs", guard: "BYPASS: epoch[k]++ before returning",
			file: "tiered/convoy.go",
			old:  `c.member.Raise(&f.places)`,
			new:  ``,
			pkg:  "tiered", test: "TestGetManyBypassRaisesTheEpoch",
		},
		{
			name: "a batch that is left leaves its leases", guard: "Flights: a flight whose last waiter leaves deletes its lease",
			file: "tiered/convoy.go",
			old:  "if f.lease != nil {\n\t\t\t\tc.giveUp(f, f.lease)",
			new:  "if false {\n\t\t\t\tc.giveUp(f, f.lease)",
			pkg:  "tiered", test: "TestGetManyLeavesItsLeases",
		},
		{
			name: "a batch's leases are renewed", guard: "LEASE: renewing the lease every third of it",
			file: "tiered/convoy.go",
			old:  `if held := withLease(flights); len(held) > 0 {`,
			new:  `if held := withLease(flights[:0]); len(held) > 0 {`,
			pkg:  "tiered", test: "TestGetManyRenewsItsLeases",
		},
		{
			name: "a batch loads nothing for nobody", guard: "Flights: a flight whose last waiter leaves asks for nothing more",
			file: "tiered/convoy.go",
			old:  `if !f.over && !f.answered {`,
			new:  `if true {`,
			pkg:  "tiered", test: "TestKeysThatAreLeftAreNotCounted",
		},
		{
			name: "a batch that ends answers who has his lease", guard: "Flights: a flight whose goroutine has ended is answered, and deletes its lease",
			file: "tiered/convoy.go",
			old:  "\t\tc.lose(load)\n",
			new:  ``,
			pkg:  "tiered", test: "TestGoexitBesideALease",
		},
		{
			name: "a Goexit leaves nobody of a batch waiting", guard: "Flights: a flight whose goroutine has ended is answered, and deletes its lease",
			file: "tiered/convoy.go",
			old:  "\t\tc.lose(flights)\n",
			new:  ``,
			pkg:  "tiered", test: "TestGoexitInOnEvent",
		},
		{
			name: "a load that ends by Goexit deletes its lease", guard: "LEASE: load failed: delete if still L<tok>",
			file: "tiered/load.go",
			old:  "\t\t\tif then != nil {\n\t\t\t\tthen()",
			new:  "\t\t\tif false {\n\t\t\t\tthen()",
			pkg:  "tiered", test: "TestGoexitInALoadLeavesNoLease",
		},
		{
			name: "what lingers answers no longer than it lives", guard: "READ: L1 has an entry that has not expired",
			file: "tiered/flight.go",
			old:  `case f.answered && now >= f.expires:`,
			new:  `case f.answered && now < 0:`,
			pkg:  "tiered", test: "TestLingeringFlightExpires",
		},
		{
			name: "who leaves a queue for Redis takes no lease", guard: "Flights: a flight whose last waiter leaves deletes its lease",
			file: "l2/pipeline.go",
			old:  `return w == s`,
			new:  `return w == nil`,
			pkg:  "l2", test: "TestCrowdLeaves",
		},
		{
			name: "each of a crowd gets his own words", guard: "READ: GET k (with tags: MGET k and tags, one command, one view)",
			file: "l2/pipeline.go",
			old:  `s.words, words = words[:len(s.keys)], words[len(s.keys):]`,
			new:  `s.words = words`,
			pkg:  "l2", test: "TestCrowd",
		},
		{
			name: "what is joined to ErrNotFound is a failure", guard: "LOAD: an error is not an answer, and not stored",
			file: "tiered/errors.go",
			old:  `!slices.ContainsFunc(parts, func(part error) bool { return !isNotFound(part) })`,
			new:  `slices.ContainsFunc(parts, isNotFound)`,
			pkg:  "tiered", test: "TestMissingBesideAFailure",
		},
		{
			name: "a loader that takes too long ends its flights", guard: "LEASE: readers of other processes wait for a lease that is renewed",
			file: "tiered/load.go",
			old:  `f.cancel(tooLong)`,
			new:  `_ = f.cancel`,
			pkg:  "tiered", test: "TestLoaderHangs",
		},
		{
			name: "nothing is Set while something of it is owed", guard: "READ: anything of k (itself, a tag, its cache) pending -> BYPASS",
			file: "tiered/set.go",
			old:  `if c.member.Pending(&t.places) {`,
			new:  `if c.member.Pending(&t.places) && false {`,
			pkg:  "tiered", test: "TestSetWhileAnInvalidationIsOwed",
		},
	}
}
