package coherence

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

// TestIntentIsListedWhileItIsSent: one that was listed anew while it was under way, to a Redis that has lost it since,
// is sent once more; one that failed stays; one that was dropped goes. Its refs are pending as long as it is listed.
func TestIntentIsListedWhileItIsSent(t *testing.T) {
	t.Parallel()
	p, w := &pending{}, &write{places: []uint32{1, 2}}
	begin := func() *sending {
		s, starts := p.beginSending()
		if again, twice := p.beginSending(); !starts || again != s || twice {
			t.Fatal("not begun once")
		}
		return s
	}
	listed := func(want bool) {
		t.Helper()
		if !p.none() != want || p.waits() != want || p.undelivered() != 0 != want {
			t.Errorf("pending %v, waited for %v, %d undelivered, want %v", !p.none(), p.waits(), p.undelivered(), want)
		}
	}
	p.resendIntent(w)
	s := begin()
	first := p.nextIntent(nil, nil)
	p.resend(map[*write]struct{}{w: {}}, nil, false, nil)
	second := p.nextIntent(first, nil)
	if first == nil || second == nil || first == second {
		t.Fatal("what was listed meanwhile is not sent")
	}
	listed(true)
	cause := errors.New("no")
	if p.nextIntent(second, cause) != nil {
		t.Error("it goes on after a failure")
	}
	<-s.done
	if s.failed == nil {
		t.Error("it does not say why it has ended")
	}
	listed(true)
	s = begin()
	third := p.nextIntent(nil, nil)
	p.dropIntent(w)
	if third != second || p.nextIntent(third, nil) != nil {
		t.Error("what was dropped is sent again")
	}
	<-s.done
	listed(false)
	if s, starts := p.beginSending(); s != nil || starts {
		t.Error("nothing is sent")
	}
}

// TestLargeIntentsDoNotHoldUpSmallOnes.
func TestLargeIntentsDoNotHoldUpSmallOnes(t *testing.T) {
	t.Parallel()
	p, large := &pending{}, &write{names: make([]string, refsAtOnce+1)}
	p.resendIntent(large)
	for range 20 {
		p.resendIntent(&write{names: make([]string, refsAtOnce)})
	}
	p.beginSending()
	n := 0
	for i := p.nextIntent(nil, nil); i != nil; i = p.nextIntent(i, nil) {
		if n++; (i.write == large) != (n == 21) {
			t.Errorf("%d refs are number %d of 21", len(i.write.names), n)
		}
	}
}

// TestRenewalEndsWithItsWrite: one of many refs that is under way when the write returns ends early, and then does not
// count as sent.
func TestRenewalEndsWithItsWrite(t *testing.T) {
	t.Parallel()
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	w := &write{bus: b, names: []string{"test:k"}, sent: b.Now(), renewal: time.NewTimer(time.Hour)}
	sent := w.sent
	w.returning.Store(true)
	if err := w.renewOnce(); err != nil { // it would panic if it sent something: there is no Redis
		t.Error(err)
	}
	if w.sent != sent {
		t.Errorf("it counts as sent at %v, want %v", w.sent, sent)
	}
}

// TestWriteThatWillNotRunDoesNotWait for its intents to be sent again.
func TestWriteThatWillNotRunDoesNotWait(t *testing.T) {
	t.Parallel()
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	b.cancel() // nothing is to be said to Redis
	w := &write{bus: b}
	w.mu.Lock() // as who sends them again
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.retract()
	}()
	for end := time.Now().Add(20 * time.Second); !w.returning.Load(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Error("who sends its intents again is not told to end")
			break
		}
	}
	w.mu.Unlock()
	<-done
}

// TestRefusedIntentIsWaitedForOnce: it is tried again, and the fence waits for that no more.
func TestRefusedIntentIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	var p pending
	p.resendIntent(&write{places: []uint32{1}})
	for try := 1; try <= 2; try++ {
		if p.waits() != (try == 1) {
			t.Errorf("try %d: waited for: %v", try, p.waits())
		}
		if _, starts := p.beginSending(); !starts {
			t.Fatalf("try %d: nothing is sent", try)
		}
		if p.nextIntent(p.nextIntent(nil, nil), said("NOPERM No permissions to access a key")) != nil || p.unsent() != nil || p.waits() {
			t.Errorf("try %d: it is sent at once, or waited for", try)
		}
		p.retry()
	}
}

// TestLot: what takes too long is halved down to one name, and doubled again where eight in a row were well.
func TestLot(t *testing.T) {
	t.Parallel()
	var l lot
	tooSlow := errors.New("too slow")
	for want := refsAtOnce; want > 1; want = l.names() {
		l.sent(tooSlow)
		if got := l.names(); got != want/2 {
			t.Fatalf("%d names after %d", got, want)
		}
	}
	l.sent(tooSlow)
	for want := 1; want < refsAtOnce; {
		for range 7 {
			l.sent(nil)
		}
		if got := l.names(); got != want {
			t.Fatalf("%d names after seven of %d", got, want)
		}
		l.sent(nil)
		if got := l.names(); got < 2*want {
			t.Fatalf("%d names after eight of %d", got, want)
		}
		want = l.names()
	}
	if got := l.names(); got != refsAtOnce {
		t.Errorf("%d names in the end, want %d", got, refsAtOnce)
	}
}

// TestRetractions: as many are remembered as are said, and each until what it takes back has expired.
func TestRetractions(t *testing.T) {
	t.Parallel()
	var p pending
	of := func(names int, expires time.Duration) retraction {
		return retraction{debts: make([]debt, names), expires: expires}
	}
	p.retract(of(1, 1*time.Second), 0)
	p.retract(of(maxRetracted-3, 3*time.Second), 0)
	p.retract(of(3, 5*time.Second), 0) // one too many
	p.retract(of(2, 4*time.Second), 0)
	if p.nothing() {
		t.Error("nothing is to be taken back")
	}
	for _, want := range []int{maxRetracted - 3, 2} {
		if r, ok := p.takeBack(time.Second); !ok || len(r.debts) != want {
			t.Errorf("%d names, want %d", len(r.debts), want)
		}
	}
	if _, ok := p.takeBack(time.Second); ok || !p.nothing() {
		t.Error("there is more")
	}
	p.retract(of(maxRetracted, 3*time.Second), time.Second)
	p.retract(of(1, 9*time.Second), 3*time.Second)
	if r, ok := p.takeBack(3 * time.Second); !ok || len(r.debts) != 1 {
		t.Error("what has expired keeps others out")
	}
}
