package coherence

import (
	"net"

	"github.com/redis/go-redis/v9"
)

// SyncScript is the script of SYNC, for its own table of cases.
var SyncScript = syncScript

// Hear applies a message as if it had been received.
func (b *Bus) Hear(payload string) { b.hear(payload, 0) }

// Listening returns how many names somebody waits for.
func (b *Bus) Listening() int {
	b.waiters.mu.Lock()
	defer b.waiters.mu.Unlock()
	return len(b.waiters.byName)
}

// IntentScript, DoneScript and ClearScript are the scripts of INTENT, DONE and CLEAR, for their own tables of cases.
var (
	IntentScript = intentScript
	DoneScript   = doneScript
	ClearScript  = clearScript
)

// HearNow applies a message as if the subscription of now had received it.
func (b *Bus) HearNow(payload string) {
	b.mu.Lock()
	renewed := b.renewed
	b.mu.Unlock()
	b.hear(payload, renewed)
}

// Control returns the client of SYNC and the subscription.
func (b *Bus) Control() *redis.Client { return b.control }

// ForgetWritten forgets what would be told again to a Redis that has lost it, as if that were long ago.
func (b *Bus) ForgetWritten() {
	b.ring.mu.Lock()
	defer b.ring.mu.Unlock()
	b.ring.now, b.ring.old = turn{}, turn{}
}

// Remembered returns how many names would be told again to a Redis that has lost them.
func (b *Bus) Remembered() int {
	b.ring.mu.Lock()
	defer b.ring.mu.Unlock()
	return len(b.ring.now.ids) + len(b.ring.old.ids)
}

// OverflowAt makes more pending than can be remembered; it is being made good, up to a cursor.
func (b *Bus) OverflowAt(cursor uint64) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending.mu.Lock()
	defer b.pending.mu.Unlock()
	b.pending.full()
	b.clearing = clearing{overflow: b.pending.overflow, incarnation: b.incarnation, cursor: cursor}
}

// ErrUnasked says that a connection says what it was not asked for.
var ErrUnasked = errUnasked

// LookAt looks at a connection as go-redis does before it uses one again.
func LookAt(conn net.Conn) error {
	raw, err := covered{&connection{Conn: conn}}.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(nil)
}
