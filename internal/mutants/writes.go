package main

// writes are the guards of Update, and of what is pending.
func writes() []mutant {
	return []mutant{
		{
			name: "the intent comes before the write", guard: "INTENT: 1 RT, before write",
			file: "coherence/update.go",
			old:  `err := b.sendIntent(asking, b.data, w.names, w.token)`,
			new:  `err := asking.Err()`,
			pkg:  "coherence", test: "TestIntentStands",
		},
		{
			name: "the epoch is raised before the write", guard: "UPDATE: epoch[refs]++ here; run write",
			file: "coherence/update.go",
			old:  "\tb.epochs.Raise(w.places...)\n\tknown := false\n",
			new:  "\tknown := false\n",
			pkg:  "coherence", test: "TestEpochRisesBeforeTheWrite",
		},
		{
			name: "the epoch is raised after the write", guard: "UPDATE: epoch[refs]++ again; return to the caller",
			file: "coherence/update.go",
			old:  "\t\tb.epochs.Raise(w.places...)\n\t\tif undelivered",
			new:  "\t\tif undelivered",
			pkg:  "coherence", test: "TestUpdateRaisesBeforeAndAfter",
		},
		{
			name: "the token is left after an unknown outcome", guard: "UPDATE: any other error ... (the commit may still land) -> ... left to expire",
			file: "coherence/update.go",
			old:  `known = err == nil || isRolledBack(err)`,
			new:  `known = true`,
			pkg:  "coherence", test: "TestHowWritesEnd",
		},
		{
			name: "the token is left for a full life", guard: "UPDATE: INTENT once more, same token, left to expire",
			file: "coherence/update.go",
			old:  `if err := w.again(ctx, w.bus.data); err != nil {`,
			new:  `if err := error(nil); err != nil {`,
			pkg:  "coherence", test: "TestUnknownOutcomeLeavesAFullLife",
		},
		{
			name: "an intent is renewed while the write runs", guard: "renewal: every third of the intent's life while write runs",
			file: "coherence/update.go",
			old:  `w.renewal = time.AfterFunc(b.config.IntentLife/renewals, w.renew)`,
			new:  `w.renewal = time.AfterFunc(1000*b.config.IntentLife, w.renew)`,
			pkg:  "coherence", test: "TestIntentIsRenewed",
		},
		{
			name: "Strict does not run what Redis was not told of", guard: "UPDATE: Strict: ... write is not run",
			file: "coherence/update.go",
			old:  `if stopped := ctx.Err(); stopped != nil || b.config.Mode == Strict {`,
			new:  `if stopped := ctx.Err(); stopped != nil {`,
			pkg:  "coherence", test: "TestStrict",
		},
		{
			name: "Strict cancels a write whose intent is not renewed", guard: "renewal: not renewed for two thirds of its life: Strict cancels write's context",
			file: "coherence/update.go",
			old:  `w.cancel(cause)`,
			new:  `_ = cause`,
			pkg:  "coherence", test: "TestStrictCancelsInTime",
		},
		{
			name: "DONE is awaited when the intent's life is over", guard: "renewal: its life was over when write returned: DONE is awaited before Update returns",
			file: "coherence/update.go",
			old:  `if known && expired {`,
			new:  `if false && expired {`,
			pkg:  "coherence", test: "TestLateDone",
		},
		{
			name: "pending is a count", guard: "State: pending: a count: the first one's end must not clear the other's",
			file: "coherence/pending.go",
			old:  `if p.counts[at]--; p.counts[at] == 0 {`,
			new:  `if p.counts[at] > 0 {`,
			pkg:  "coherence", test: "TestOneWritersEndIsNotTheOthers",
		},
		{
			name: "an invalidation that Redis did not take stays pending", guard: "INVALIDATE: Redis unreachable: own epoch[refs]++, pending until delivered",
			file: "coherence/invalidate.go",
			old:  `b.keep(names, places, debt{}, err)`,
			new:  `b.pending.end(places)`,
			pkg:  "coherence", test: "TestFenceWaitsForWhatIsPending",
		},
		{
			name: "a DONE that Redis did not take stays pending", guard: "DONE: pending[refs]-- once acknowledged",
			file: "coherence/update.go",
			old:  `b.keep(w.names, w.places, debt{tokens: []string{w.token}}, err)`,
			new:  `b.pending.end(w.places)`,
			pkg:  "coherence", test: "TestFenceWaitsForWhatIsPending",
		},
		{
			name: "a Clear can be pending", guard: "State: pending: per key, tag and cache (Clear)",
			file: "coherence/pending.go",
			old:  `p.overflow > 0 || p.counts[cache] > 0 || `,
			new:  `p.overflow > 0 || `,
			pkg:  "coherence", test: "TestClearIsPending",
		},
		{
			name: "an overflow makes everything pending", guard: "Failure modes: pending overflows: own reads go to the source until Redis is back",
			file: "coherence/pending.go",
			old:  `p.overflow > 0 || p.counts[cache] > 0 || `,
			new:  `p.counts[cache] > 0 || `,
			pkg:  "coherence", test: "TestOverflow",
		},
		{
			name: "a write's transaction ends before its intent", guard: "Issue 5, item 1: a server-side timeout of at most a third of the intent's life",
			file: "neo4jstore/write.go",
			old:  `neo4j.WithTxTimeout(bus.IntentLife() / 3)`,
			new:  `neo4j.WithTxTimeout(bus.IntentLife() * 30)`,
			pkg:  "neo4jstore", test: "TestWriteEndsBeforeItsIntent",
		},
		{
			name: "a COMMIT whose answer is lost is an unknown outcome", guard: "UPDATE: DONE only after nil, or an error marked RolledBack",
			file: "neo4jstore/write.go",
			old:  `return last && refused(err)`,
			new:  `return true`,
			pkg:  "neo4jstore", test: "TestNotCommitted",
		},
	}
}
