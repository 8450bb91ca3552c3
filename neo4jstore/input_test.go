package neo4jstore_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/neo4jstore"
	"github.com/tieredcache/tieredcache/tiered"
)

func TestBadInput(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := neo4jstore.NewPreference{Key: "food.coffee", Value: "espresso", Sentiment: neo4jstore.Positive}
	with := func(change func(*neo4jstore.NewPreference)) neo4jstore.NewPreference {
		p := good
		change(&p)
		return p
	}
	confident := func(c float64) neo4jstore.NewPreference {
		return with(func(p *neo4jstore.NewPreference) { p.Confidence = &c })
	}
	long := strings.Repeat("x", 100<<10)
	mine := r.user
	for name, p := range map[string]*process{"cached": r.process(), "uncached": r.uncached()} {
		made := p.create(t, mine, "food.tea")
		create := func(user neo4jstore.UserKey, n neo4jstore.NewPreference) func() error {
			return func() error { _, err := p.Create(r.ctx, user, n); return err }
		}
		update := func(delta float64) func() error {
			return func() error { _, err := p.UpdateConfidence(r.ctx, mine, made.ID, delta); return err }
		}
		situation := func(factors map[string]string) func() error {
			return func() error { _, err := p.AddSituation(r.ctx, mine, factors, made.ID); return err }
		}
		tests := []struct {
			says string // which and why
			call func() error
		}{
			{"Tenant is empty", create(neo4jstore.UserKey{User: "ada"}, good)},
			{"Tenant is not valid UTF-8", create(neo4jstore.UserKey{Tenant: mine.Tenant + "\xff"}, good)},
			{"Tenant has 102400 bytes: at most 4000", create(neo4jstore.UserKey{Tenant: long}, good)},
			{"User is not valid UTF-8", create(neo4jstore.UserKey{Tenant: mine.Tenant, User: "\xc3("}, good)},
			{"User has 102400 bytes: at most 4000", create(neo4jstore.UserKey{Tenant: mine.Tenant, User: long}, good)},
			{"Key is empty", create(mine, with(func(p *neo4jstore.NewPreference) { p.Key = "" }))},
			{"Key is not valid UTF-8", create(mine, with(func(p *neo4jstore.NewPreference) { p.Key = "\xff" }))},
			{"Key has 102400 bytes: at most 4000", create(mine, with(func(p *neo4jstore.NewPreference) { p.Key = long }))},
			{"Value is not valid UTF-8", create(mine, with(func(p *neo4jstore.NewPreference) { p.Value = "\xff" }))},
			{`Sentiment is "": give "positive" or "negative"`, create(mine, with(func(p *neo4jstore.NewPreference) { p.Sentiment = "" }))},
			{`Sentiment is "Positive"`, create(mine, with(func(p *neo4jstore.NewPreference) { p.Sentiment = "Positive" }))},
			{"Confidence is 0.96: give 0 to 0.95", create(mine, confident(0.96))},
			{"Confidence is -0.01", create(mine, confident(-0.01))},
			{"Confidence is NaN", create(mine, confident(math.NaN()))},
			{"Confidence is +Inf", create(mine, confident(math.Inf(1)))},
			{"Confidence is -Inf", create(mine, confident(math.Inf(-1)))},
			{"delta is NaN", update(math.NaN())},
			{"delta is +Inf", update(math.Inf(1))},
			{"delta is -Inf", update(math.Inf(-1))},
			{"factors is empty", situation(nil)},
			{"a factor's name is empty", situation(map[string]string{"": "x"})},
			{"a factor's name is not valid UTF-8", situation(map[string]string{"\xff": "x"})},
			{`factor "place" is not valid UTF-8`, situation(map[string]string{"place": "\xff"})},
			{"Tenant is empty", func() error { _, err := p.List(r.ctx, neo4jstore.UserKey{}); return err }},
			{"Tenant is empty", func() error { _, err := p.Get(r.ctx, neo4jstore.UserKey{}, made.ID); return err }},
			{"Tenant is empty", func() error { _, err := p.ForContext(r.ctx, neo4jstore.UserKey{}, morning); return err }},
			{"Tenant is empty", func() error { return p.Delete(r.ctx, neo4jstore.UserKey{}, made.ID) }},
			{"Tenant is empty", func() error { _, err := p.DeleteAll(r.ctx, neo4jstore.UserKey{}); return err }},
			{"Tenant is empty", func() error { _, err := p.CleanupOrphanedSituations(r.ctx, ""); return err }},
			{"Tenant is empty", func() error { return p.ClearCache(r.ctx, neo4jstore.UserKey{}) }},
			{`factor "place" is not valid UTF-8`, func() error {
				_, err := p.ForContext(r.ctx, mine, map[string]string{"place": "\xff"})
				return err
			}},
		}
		for _, c := range tests {
			err := c.call()
			if !errors.Is(err, neo4jstore.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: got %v, want an ErrInvalid that says %s", name, err, c.says)
			}
		}
		list, err := p.List(r.ctx, mine)
		must(t, err)
		check(t, "what was there", list, []neo4jstore.Preference{made})
		check(t, "situations", r.count("MATCH (s:Situation {tenant_id: $t}) RETURN count(s)", map[string]any{"t": mine.Tenant}), int64(0))
		check(t, "of no tenant", r.count(`MATCH (n {tenant_id: ""}) RETURN count(n)`, nil), int64(0))
		must(t, p.Delete(r.ctx, mine, made.ID))
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bus := r.bus()
	for says, config := range map[string]neo4jstore.PreferenceConfig{
		"Source.Driver is nil":                                                              {},
		"TTL is -1s: give at least 1ms":                                                     {Source: r.source(), TTL: -time.Second},
		"ContextTTL is 1µs: give at least 1ms":                                              {Source: r.source(), Bus: bus, ContextTTL: time.Microsecond},
		"Capacity is -1: give bytes, at least 1024, or zero for 67":                         {Source: r.source(), Capacity: -1},
		"ContextTTL is 2562047h47m16.854775807s: give at most 100 years, or zero for 10m0s": {Source: r.source(), ContextTTL: math.MaxInt64},
	} {
		if _, err := neo4jstore.NewPreferenceStore(config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	config := neo4jstore.PreferenceConfig{Source: r.source(), Bus: bus}
	first, err := neo4jstore.NewPreferenceStore(config)
	must(t, err)
	if _, err := neo4jstore.NewPreferenceStore(config); err == nil || !strings.Contains(err.Error(), `"prefs"`) {
		t.Errorf("a second store on one bus: %v", err)
	}
	must(t, first.Close())
	second, err := neo4jstore.NewPreferenceStore(config) // the names are free again
	must(t, err)
	must(t, second.Close())
	must(t, bus.Close())
	if _, err := neo4jstore.NewPreferenceStore(config); !errors.Is(err, tiered.ErrClosed) {
		t.Errorf("a bus that is closed: %v", err)
	}
}

// TestHostileKeys has tenants and users that look like each other once they are joined, escaped or cut.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, fresh := r.process(), r.process()
	t0 := r.user.Tenant
	long := strings.Repeat("x", 3000)
	users := []neo4jstore.UserKey{
		{t0, ""},
		{t0, ":"},
		{t0 + ":", ""},
		{t0 + ":", ":"},
		{t0, "::"},
		{t0 + "::", ""},
		{t0 + ":a", "b"},
		{t0, "a:b"},
		{t0 + "%3Aa", "b"},
		{t0, "a%3Ab"},
		{t0, "a%253Ab"},
		{t0, "%"},
		{t0, "%25"},
		{t0, "{a}"},
		{t0, "%7Ba%7D"},
		{t0 + "{", "}"},
		{t0, "{}"},
		{t0, "\n"},
		{t0, "%0A"},
		{t0, "\r\n"},
		{t0 + "\n", ""},
		{t0, "\x00"},
		{t0, "\x00\x00"},
		{t0, "%00"},
		{t0 + "\x00", ""},
		{t0, "a\x00b"},
		{t0, "a"},
		{t0, "ž"},
		{t0, "z\u030c"},
		{t0, "\u017e "},
		{t0, "\ufffd"},
		{t0, "😀"},
		{t0, " "},
		{t0, "\u200b"},
		{t0, "ADA"},
		{t0, "ada"},
		{t0, long},
		{t0, long + "x"},
		{t0, long + ":"},
		{t0 + long, ""},
		{t0 + long, long},
		{t0, "%~" + strings.Repeat("0", 64)},
		{t0, "%="},
		{t0, "'}) DETACH DELETE n //"},
		{t0, "*"},
		{t0, "[a-z]"},
		{t0, "|"},
		{t0, "="},
	}
	made := map[neo4jstore.UserKey]neo4jstore.Preference{}
	for _, user := range users {
		r.forget(user.Tenant)
		made[user] = p.createIn(t, user, "k."+user.User, map[string]string{user.Tenant: user.User})
	}
	check(t, "different users", len(made), len(users))
	for _, user := range users {
		want := []neo4jstore.Preference{made[user]}
		factors := map[string]string{user.Tenant: user.User}
		for _, p := range []*process{p, fresh} {
			list, err := p.List(r.ctx, user)
			must(t, err)
			found, err := p.ForContext(r.ctx, user, factors)
			must(t, err)
			one, err := p.Get(r.ctx, user, made[user].ID)
			must(t, err)
			if !equal(list, want) || !equal(found, want) || one != made[user] {
				t.Errorf("%.60q: list %.200v, context %.200v, one %.200v", user, list, found, one)
			}
		}
	}
	for _, cache := range []string{"prefs", "context", "pref"} {
		keys := r.keys(cache)
		check(t, "entries of "+cache, len(keys), len(users))
		for _, key := range keys {
			if len(r.namespace)+1+len(key) >= 1000 || strings.ContainsAny(key, "{}\n\x00") {
				t.Errorf("key %q", key)
			}
		}
	}
}

// TestHostileText has texts that are stored, and ids that are asked for.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, p := range map[string]*process{"cached": r.process(), "uncached": r.uncached()} {
		for _, text := range []string{
			"", "\x00", "a\x00b", "\n", ":", "%", "{}", `"`, "😀", "\u2028", "<&>", "'}) DETACH DELETE p //", strings.Repeat("é", 50<<10),
		} {
			n := neo4jstore.NewPreference{Key: "k" + text[:min(len(text), 3000)], Value: text, Sentiment: neo4jstore.Negative}
			made, err := p.Create(r.ctx, r.user, n)
			must(t, err)
			added, err := p.AddSituation(r.ctx, r.user, map[string]string{"x" + text: text}, made.ID)
			must(t, err)
			got, err := p.Get(r.ctx, r.user, made.ID)
			must(t, err)
			if got != made || got.Value != n.Value || got.Key != n.Key || added.Factors["x"+text] != text {
				t.Errorf("%s: %.40q came back as %.200v", name, text, got)
			}
			found, err := p.ForContext(r.ctx, r.user, map[string]string{"x" + text: text})
			must(t, err)
			if !equal(found, []neo4jstore.Preference{made}) {
				t.Errorf("%s: in the context of %.40q: %.200v", name, text, found)
			}
			for _, id := range []string{text, made.ID + text + " ", "\xff" + text} {
				if _, err := p.Get(r.ctx, r.user, id); !errors.Is(err, tiered.ErrNotFound) {
					t.Errorf("%s: Get of id %.40q: %v", name, id, err)
				}
				if err := p.Delete(r.ctx, r.user, id); !errors.Is(err, tiered.ErrNotFound) || len(err.Error()) > 1000 {
					t.Errorf("%s: Delete of id %.40q: %.200v", name, id, err)
				}
			}
		}
		_, err := p.DeleteAll(context.Background(), r.user)
		must(t, err)
	}
}
