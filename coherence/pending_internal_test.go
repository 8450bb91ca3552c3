package coherence

import (
	"errors"
	"testing"
)

// TestIntentIsListedWhileItIsSent: one that was listed anew while it was under way, to a Redis that has lost it since,
// is sent once more; one that failed too; and one that was dropped is not.
func TestIntentIsListedWhileItIsSent(t *testing.T) {
	t.Parallel()
	p, w := &pending{}, &write{}
	p.resendIntent(w)
	first := p.takeIntents()
	if len(first) != 1 || len(p.takeIntents()) != 0 {
		t.Fatal("not taken once")
	}
	p.resend(map[*write]struct{}{w: {}}, nil, false, nil)
	p.intentSent(first[0], nil)
	second := p.takeIntents()
	if len(second) != 1 || !p.returned() {
		t.Fatalf("%d are sent, want the one that was listed meanwhile, of a write that has returned", len(second))
	}
	cause := errors.New("no")
	p.intentSent(second[0], cause)
	if underWay, failed := p.intentUnderWay(); underWay != nil || !errors.Is(failed, cause) {
		t.Errorf("got %v, %v, want why it failed", underWay, failed)
	}
	third := p.takeIntents()
	p.dropIntent(w)
	p.intentSent(third[0], cause)
	if len(third) != 1 || len(p.takeIntents()) != 0 || p.returned() {
		t.Errorf("%d were taken, and what was dropped is not gone", len(third))
	}
}
