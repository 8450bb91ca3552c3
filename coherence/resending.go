package coherence

import (
	"slices"
	"time"
)

// resending is an INTENT that is to be sent again. As long as it is, its refs are counted.
type resending struct {
	write    *write
	returned bool // the write has, and the fence waits for this
	refused  bool // Redis has refused a key of it: nothing waits for it
	aside    bool // likewise, and it is not sent again yet
}

// sending is what one goroutine sends: the INTENTs on the list, one after the other.
type sending struct {
	done   chan struct{} // closed when it ends
	failed error         // after that: why it has ended early
}

// resendIntent puts the INTENT of a write that has returned on the list.
func (p *pending) resendIntent(w *write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listIntent(w, true)
}

// listIntent lists one anew that is being sent: it may have gone to a Redis that has lost it since.
func (p *pending) listIntent(w *write, returned bool) {
	if p.intents == nil {
		p.intents = map[*write]*resending{}
	}
	if was := p.intents[w]; was != nil {
		returned = returned || was.returned
	} else {
		p.add(w.places)
	}
	p.intents[w] = &resending{write: w, returned: returned}
}

// dropIntent takes one off the list.
func (p *pending) dropIntent(w *write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unlistIntent(p.intents[w])
}

func (p *pending) unlistIntent(i *resending) {
	if i != nil && p.intents[i.write] == i {
		delete(p.intents, i.write)
		p.subtract(i.write.places)
	}
}

// beginSending returns what sends the INTENTs that are on the list, nil if there is none; starts says that the caller is
// to start it.
func (p *pending) beginSending() (s *sending, starts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sending == nil && p.unsent() != nil {
		p.sending, starts = &sending{done: make(chan struct{})}, true
	}
	return p.sending, starts
}

// nextIntent ends the sending of one INTENT, nil at first, and returns another. nil: all is sent, or this one failed, and
// the sending has ended. One that Redis refuses does not end it.
func (p *pending) nextIntent(sent *resending, failed error) (next *resending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case failed == nil:
		p.unlistIntent(sent)
	case isRefusedKey(failed):
		sent.refused, sent.aside, failed = true, true, nil
	}
	if failed == nil {
		next = p.unsent()
	}
	if next == nil {
		p.sending.failed = failed
		close(p.sending.done)
		p.sending = nil
	}
	return next
}

// unsent returns an INTENT that is to be sent, if there is one: the many of few refs do not wait for the few of many. The
// caller holds mu.
func (p *pending) unsent() (some *resending) {
	for _, i := range p.intents {
		if i.aside {
			continue
		}
		if some = i; len(i.write.names) <= refsAtOnce {
			break
		}
	}
	return some
}

// waits says whether an INTENT is to be sent of a write that has returned.
func (p *pending) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.intents {
		if i.returned && !i.refused {
			return true
		}
	}
	return false
}

// retraction takes an INTENT back that may have landed, of a write that has not run. It is worth nothing when that has
// expired.
type retraction struct {
	debts   []debt
	expires time.Duration
}

// maxRetracted bounds the retractions that are remembered, in names; others expire.
const maxRetracted = 10_000

// retract remembers to take an INTENT back.
func (p *pending) retract(r retraction, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropExpired(now)
	names := len(r.debts)
	for _, other := range p.retracted {
		names += len(other.debts)
	}
	if names <= maxRetracted {
		p.retracted = append(p.retracted, r)
	}
}

// takeBack returns the next retraction that is worth something, if there is one, and forgets it.
func (p *pending) takeBack(now time.Duration) (r retraction, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropExpired(now)
	if len(p.retracted) == 0 {
		return r, false
	}
	r, p.retracted = p.retracted[0], p.retracted[1:]
	return r, true
}

// dropExpired forgets what is worth nothing any more. The caller holds mu.
func (p *pending) dropExpired(now time.Duration) {
	p.retracted = slices.DeleteFunc(p.retracted, func(r retraction) bool { return now >= r.expires })
}
