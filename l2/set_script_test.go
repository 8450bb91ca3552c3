package l2_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tieredcache/tieredcache/l2"
)

const setWord = "Vset-word and the rest"

func (r *rig) set(t *testing.T, key, tag, generation string) (string, error) {
	t.Helper()
	keys := []string{r.layout.Sequence(), r.layout.Journal(), r.generation(), key, tag}
	return l2.SetScript.Run(t.Context(), r, keys, r.layout.Channel(), "test:k", setWord, 60_000, generation, version).Text()
}

// TestSetScript: whether a value is stored, over every word and generation that it can meet; and that what is not
// stored is not announced.
func TestSetScript(t *testing.T) {
	t.Parallel()
	const known = "1700000000000000"
	good := state{word: "V" + version, px: time.Hour}
	for _, c := range []struct {
		name    string
		at, tag state
		g       state
		want    string
	}{
		{"absent", state{}, good, state{word: known}, ""},
		{"over V", state{word: "V" + otherID + "rest", px: second}, good, state{word: known}, ""},
		{"over a lease", state{word: "L" + other + "+", px: second}, good, state{word: known}, ""},
		{"over I expired", state{word: "I{past}:aa;", px: second}, good, state{word: known}, ""},
		{"over I of another form", state{word: "I{live}:aa;;", px: second}, good, state{word: known}, ""},
		{"over another type", state{list: true}, good, state{word: known}, ""},
		{"I on the key", state{word: "I{live}:aa;", px: second}, good, state{word: known}, "I"},
		{"I on the tag", state{}, state{word: "I{live}:aa;", px: second}, state{word: known}, "I"},
		{"tag changed", state{}, state{word: "V" + otherID, px: time.Hour}, state{word: known}, "V"},
		{"tag gone", state{}, state{}, state{word: known}, "V"},
		{"tag of another type", state{}, state{list: true}, state{word: known}, "V"},
		{"I expired on the tag", state{}, state{word: "I{past}:aa;", px: second}, state{word: known}, "V"},
		{"newer generation", state{}, good, state{word: "1700000000000001"}, "1700000000000001"},
		{"older generation", state{}, good, state{word: "1600000000000000"}, ""},
		{"no generation", state{}, good, state{}, "time"},
		{"generation of another type", state{}, good, state{list: true}, "time"},
		{"generation that is no number", state{}, good, state{word: "12x"}, "time"},
		{"generation with a zero in front", state{}, good, state{word: "01700000000000000"}, "time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			key, tag := r.key("set"), r.key("tag")
			r.arrange(t, key, c.at)
			r.arrange(t, tag, c.tag)
			r.arrange(t, r.generation(), c.g)
			heard := r.listen(t)
			began := r.now(t) * 1000
			got, err := r.set(t, key, tag, known)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "time" {
				if g, err := strconv.ParseInt(got, 10, 64); err != nil || g < began || r.at(t, r.generation()) != got {
					t.Fatalf("got %q, want a generation made from TIME, at least %d", got, began)
				}
			} else if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if c.want != "" {
				if m, j := heard(), r.XLen(t.Context(), r.layout.Journal()).Val(); len(m) > 0 || j > 0 {
					t.Errorf("announced %q, journal of %d, although nothing was stored", m, j)
				}
				if !c.at.list && r.at(t, key) != r.expand(t, c.at.word) {
					t.Errorf("the word is %q, want it left alone", r.at(t, key))
				}
				return
			}
			if got := r.at(t, key); got != setWord {
				t.Errorf("the word is %q, want %q", got, setWord)
			}
			if life := r.life(t, key); life > time.Minute || life < time.Minute/2 {
				t.Errorf("the word lives for %v, want a minute", life)
			}
			r.checkAnnounced(t, heard())
		})
	}
}

// checkAnnounced checks that the last of the journal, the sequence and the one message agree, and returns the number.
func (r *rig) checkAnnounced(t *testing.T, heard []string) int64 {
	t.Helper()
	n := r.at(t, r.layout.Sequence())
	if want := []string{n + "|test:k"}; !slices.Equal(heard, want) {
		t.Errorf("published %q, want %q", heard, want)
	}
	last := r.XRevRangeN(t.Context(), r.layout.Journal(), "+", "-", 1).Val()
	if len(last) != 1 || last[0].ID != n+"-0" || fmt.Sprint(last[0].Values) != "map[r:test:k]" {
		t.Errorf("the journal ends in %v, want %s-0 with the refs", last, n)
	}
	number, err := strconv.ParseInt(n, 10, 64)
	check(t, err)
	return number
}

// TestAnnounce: the sequence and the journal are made anew where they are of a wrong type or form, never restart low,
// and never keep a script from announcing.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		s       state
		want    int64 // the number; 0: made from TIME
		arrange func(t *testing.T, r *rig, journal string)
		kept    int64 // entries of the journal, afterwards
	}{
		{name: "first", kept: 1},
		{name: "next", s: state{word: "41"}, want: 42, kept: 1},
		{name: "sequence of another type", s: state{list: true}, kept: 1},
		{name: "sequence that is no number", s: state{word: "4x"}, kept: 1},
		{name: "sequence with a zero in front", s: state{word: "041"}, kept: 1},
		{name: "sequence below zero", s: state{word: "-41"}, kept: 1},
		{name: "sequence of zero", s: state{word: "0"}, kept: 1},
		{name: "sequence too long", s: state{word: "12345678901234567"}, kept: 1},
		{name: "sequence empty", s: state{empty: true}, kept: 1},
		{name: "journal goes on", s: state{word: "41"}, want: 42, kept: 2, arrange: func(t *testing.T, r *rig, journal string) {
			t.Helper()
			check(t, r.XAdd(t.Context(), &redis.XAddArgs{Stream: journal, ID: "41-0", Values: []string{"r", "x"}}).Err())
		}},
		{name: "journal ahead", s: state{word: "41"}, want: 42, kept: 1, arrange: func(t *testing.T, r *rig, journal string) {
			t.Helper()
			check(t, r.XAdd(t.Context(), &redis.XAddArgs{Stream: journal, ID: "99-0", Values: []string{"r", "x"}}).Err())
		}},
		{name: "journal of another type", s: state{word: "41"}, want: 42, kept: 1, arrange: func(t *testing.T, r *rig, journal string) {
			t.Helper()
			check(t, r.Set(t.Context(), journal, "x", 0).Err())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tag := r.key("tag")
			r.arrange(t, tag, state{word: "V" + version, px: time.Hour})
			r.arrange(t, r.generation(), state{word: "1"})
			r.arrange(t, r.layout.Sequence(), c.s)
			if c.arrange != nil {
				c.arrange(t, r, r.layout.Journal())
			}
			heard := r.listen(t)
			began := r.now(t) * 1000
			if got, err := r.set(t, r.key("k"), tag, "1"); err != nil || got != "" {
				t.Fatalf("got %q, %v, want it stored", got, err)
			}
			n := r.checkAnnounced(t, heard())
			if c.want == 0 && (n < began || n > began+60_000_000) || c.want != 0 && n != c.want {
				t.Errorf("the number is %d, want %d (0: from TIME, %d or a little more)", n, c.want, began)
			}
			if got := r.XLen(t.Context(), r.layout.Journal()).Val(); got != c.kept {
				t.Errorf("the journal holds %d, want %d", got, c.kept)
			}
		})
	}
}
