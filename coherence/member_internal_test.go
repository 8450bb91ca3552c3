package coherence

import (
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

func TestRarely(t *testing.T) {
	var r rarely
	for _, c := range []struct {
		now  time.Duration
		want bool
	}{{0, true}, {time.Second, false}, {10*time.Second - 1, false}, {10 * time.Second, true}, {19 * time.Second, false}, {time.Hour, true}} {
		if got := r.again(c.now); got != c.want {
			t.Errorf("at %v: %v, want %v", c.now, got, c.want)
		}
	}
}

// The ring reaches back from when Redis was heard last, however long it has been away since.
func TestRingReachesBack(t *testing.T) {
	var r ring
	at := func(heard time.Duration, want ...string) {
		t.Helper()
		r.hear(heard)
		ids, _ := r.all()
		if got := slices.Sorted(maps.Keys(ids)); !slices.Equal(got, want) {
			t.Errorf("heard at %v: got %v, want %v", heard, got, want)
		}
	}
	at(28 * time.Second)
	r.add([]string{"before"}, "")
	r.add([]string{"meanwhile"}, "") // SYNC has been failing for minutes
	at(5*time.Minute, "before", "meanwhile")
	at(5*time.Minute+30*time.Second-1, "before", "meanwhile")
	r.add([]string{"since"}, "")
	at(5*time.Minute+30*time.Second, "since")
	r.again([]owed{{debt: debt{name: "late"}}})
	at(6*time.Minute, "late")
	r.overflow()
	r.hear(6*time.Minute + 30*time.Second)
	if _, more := r.all(); !more || r.empty() {
		t.Error("an overflow is forgotten")
	}
	at(7 * time.Minute)
	if _, more := r.all(); more || !r.empty() {
		t.Error("an overflow is never forgotten")
	}
}

// What was written after a failover is gathered for one telling, and not for the next failover's.
func TestRingSince(t *testing.T) {
	var r ring
	since := func(want ...string) {
		t.Helper()
		ids, more := r.since()
		if got := slices.Sorted(maps.Keys(ids)); !slices.Equal(got, want) || more {
			t.Errorf("got %v, %v, want %v", got, more, want)
		}
	}
	r.add([]string{"a"}, "")
	r.all()
	r.add([]string{"b"}, "id")
	r.again([]owed{{debt: debt{name: "c"}}})
	r.all() // another, before the first was told twice
	r.add([]string{"d"}, "")
	since("b", "d")
	since("b", "d")
	r.add([]string{"e"}, "")
	r.all()
	since()
}

// said is an error in Redis's own words.
type said string

func (s said) Error() string { return string(s) }
func (said) RedisError()     {}

// A refused key is told from a refused command by Redis's words for it, whatever the user, the host or the command is called.
func TestIsRefusedKey(t *testing.T) {
	at := server{addr: "key.example:6379", all: &connections{}}
	for words, want := range map[said]bool{
		"NOPERM this user has no permissions to access one of the keys used as arguments": true,
		"NOPERM No permissions to access a key":                                           true,
		"NOPERM User keycloak has no permissions to run the 'evalsha' command":            false,
		"NOPERM this user has no permissions to run the 'keys' command":                   false,
		"OOM command not allowed":                                                         false,
	} {
		if got := isRefusedKey(at.failed("coherence: done", words)); got != want {
			t.Errorf("%s: %t", words, got)
		}
	}
}

// Redis repeats the arguments of a command that it does not know, as one that was renamed: keys are among them.
func TestNoKeysAreTold(t *testing.T) {
	unknown := errors.New("ERR unknown command 'GET', with args beginning with: 'prefs:acme:ada' ")
	if got, want := withoutArguments(unknown).Error(), "ERR unknown command 'GET'"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if other := errors.New("OOM"); withoutArguments(other) != other { //nolint:errorlint // it is the same
		t.Error("another error is not left as it is")
	}
}

// A reason is told again when it is old; the port of a connection makes no other reason.
func TestRepeats(t *testing.T) {
	var r repeats
	timeout := func(port int) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port}, Addr: &net.TCPAddr{Port: 6379}, Err: os.ErrDeadlineExceeded}
	}
	want := func(now time.Duration, err error, want bool) {
		t.Helper()
		if got := r.again(now, err); got != want {
			t.Errorf("at %v: %v for %v", now, got, err)
		}
	}
	want(0, timeout(1), true)
	want(1, io.EOF, true)
	want(2, timeout(2), false)
	want(3, io.EOF, false)
	want(seldom, timeout(3), true)
	want(seldom, io.EOF, false)
	if want(3*seldom, io.ErrUnexpectedEOF, true); len(r.until) != 1 {
		t.Errorf("what is old is kept: %v", r.until)
	}
}
