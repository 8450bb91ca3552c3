package coherence_test

import (
	"strings"
	"testing"

	"github.com/tieredcache/tieredcache/coherence"
)

func told(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestListen: who waits for a name is woken by the end of a load, and by an invalidation, that name it; nobody else is.
func TestListen(t *testing.T) {
	t.Parallel()
	r := shared(t)
	p := r.openPeer(t, coherence.Config{})
	r.awaitSubscribed(t)
	k, beside := entry("k"), entry("beside")
	first, stopFirst := p.Listen(k)
	second, stopSecond := p.Listen(k)
	third, stopThird := p.Listen(beside)
	defer stopThird()
	before := p.epoch(k)
	say := func(message string) {
		t.Helper()
		heard := p.Stats().Messages
		check(t, r.Publish(t.Context(), r.layout.Channel(), message).Err())
		eventually(t, "the message is heard", soon, func() bool { return p.Stats().Messages > heard })
	}

	say("f|" + k.String())
	eventually(t, "both are told of the load's end", soon, func() bool { return len(first) == 1 && len(second) == 1 })
	if got := p.epoch(k); got != before {
		t.Errorf("the end of a load raised the epoch from %d to %d", before, got)
	}
	say("f|" + k.String()) // who has not looked yet is told once
	if !told(first) || told(first) || !told(second) {
		t.Error("told not at all, or twice")
	}

	check(t, p.Invalidate(t.Context(), coherence.Tag("t"), k))
	eventually(t, "both are told of an invalidation", soon, func() bool { return len(first) == 1 && len(second) == 1 })
	told(first)
	told(second)

	stopFirst()
	stopFirst()
	say("f|" + k.String())
	eventually(t, "the other is told", soon, func() bool { return told(second) })
	if told(first) {
		t.Error("told after it stopped listening")
	}
	if told(third) {
		t.Error("told of another name")
	}
	stopSecond()
	if got := p.Listening(); got != 1 {
		t.Errorf("%d names are waited for, want 1", got)
	}
}

// TestGarbageMessages are counted, and change nothing.
func TestGarbageMessages(t *testing.T) {
	t.Parallel()
	p := localPeer(t)
	k := entry("k")
	before := p.epoch(k)
	for _, m := range []string{"", "hello", "test:k", "x|test:k", "-1|test:k", "|test:k", "18446744073709551616|test:k", "F|test:k"} {
		p.Hear(m)
	}
	if s := p.Stats(); s.Garbage != 8 || s.Messages != 8 {
		t.Errorf("got %d of %d counted as garbage, want all 8", s.Garbage, s.Messages)
	}
	if got := p.epoch(k); got != before {
		t.Errorf("epoch %d, before %d", got, before)
	}
}

// TestMessageIsAppliedAlways, never only if it is newer than what was applied.
func TestMessageIsAppliedAlways(t *testing.T) {
	t.Parallel()
	p := shared(t).openPeer(t, coherence.Config{}) // what it has applied is a number made from Redis's clock
	k := entry("k")
	before := p.epoch(k)
	for i, m := range []string{"5|test:k", "4|test:k", "5|test:k", "6|test:a\ntest:k\ntest:b", "9|" + strings.Repeat("test:a\n", 1000) + "test:k"} {
		p.Hear(m)
		if got := p.epoch(k); got != before+uint64(i)+1 {
			t.Errorf("after %.20q: epoch %d, want %d", m, got, before+uint64(i)+1)
		}
	}
}

func FuzzHear(f *testing.F) {
	for _, m := range []string{"1|test:k", "f|test:k", "2|tieredcache:g:test=7", "3|tieredcache:g:test=x", "4|tieredcache:g:=", "5|\n\n=", "|", "f|"} {
		f.Add(m)
	}
	p := localPeer(f)
	f.Fuzz(func(t *testing.T, message string) {
		told, stop := p.Listen(entry("k"))
		defer stop()
		g, e := p.member.Generation(), p.epoch(entry("k"))
		p.Hear(message)
		if p.member.Generation() < g || p.epoch(entry("k")) < e {
			t.Errorf("%q: generation or epoch fell", message)
		}
		if strings.HasPrefix(message, "f|") && (len(told) == 1) != (message == "f|test:k") {
			t.Errorf("%q: woken: %v", message, len(told) == 1)
		}
	})
}

func localPeer(t testing.TB) *peer {
	t.Helper()
	bus, err := coherence.New(coherence.Config{})
	check(t, err)
	t.Cleanup(func() { _ = bus.Close() })
	m, err := bus.Join("test", 1)
	check(t, err)
	return &peer{Bus: bus, member: m}
}
