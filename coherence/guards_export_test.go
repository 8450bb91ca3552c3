package coherence

// HoldWaiters stops whoever applies an invalidation, after the first epoch has risen, until release is called.
func (b *Bus) HoldWaiters() (release func()) {
	b.waiters.mu.Lock()
	return b.waiters.mu.Unlock
}
