package contract

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/replica"
	"github.com/tieredcache/tieredcache/internal/contract/source"
)

// C4: a writer is killed between its commit and its DONE, while it waits for the database's answer or on its way from
// there; or it is told an error, and its commit lands later. Its peers, which hold the old value in memory and in Redis, never read it later than MaxStaleness after the
// commit, and not when the intent has expired either; then the key is cached again.
func TestC4WriterKilled(t *testing.T) {
	t.Parallel()
	const intent = 4 * lateCommit
	bound := either(2*time.Second, 500*time.Millisecond)
	runs, atOnce := either(170, 6), either(10, 6) // six in ten of them kill
	o := replica.Options{MaxStaleness: bound, IntentLife: intent}
	c := open(t, 2, o)
	peers := c.replicas
	k := &killer{victims: map[string]*process{}, dead: map[string]chan struct{}{}}
	c.source.OnWrite(k.write)
	names := keys("k", runs)
	for _, p := range peers {
		p.keep(t, names...)
		p.watch(t, replica.Watching{Keys: names, Readers: 4, Pace: 100 * time.Microsecond})
	}
	for first := 0; first < runs; first += atOnce {
		var writers []*process
		for range atOnce {
			writers = append(writers, c.add(t, o))
		}
		var all sync.WaitGroup
		for n, p := range writers {
			c.ready(t, p)
			all.Go(func() { k.run(t, p, names[first+n]) })
		}
		all.Wait()
	}
	pause(max(bound, intent) + time.Second)
	v := c.judgeKilled(t, peers, names, bound)
	killed := 0
	for _, p := range c.replicas[len(peers):] {
		if p.killed.Load() {
			killed++
		}
	}
	figure(t, "runs=%d writers_killed=%d commits_after_an_error=%d bound=%v intent=%v %v", runs, killed, runs-killed, bound, intent, v)
	v.hold(t)
	for _, p := range peers { // the intents have expired
		p.keep(t, names...)
		for key, version := range p.peek(t, names...) {
			if version != 1 {
				t.Errorf("%s: memory holds version %d, want 1", key, version)
			}
		}
	}
	if n := len(c.committed(t, names)); n != runs {
		t.Errorf("%d of %d writers committed", n, runs)
	}
}

// lateCommit is how long after an error a commit lands whose outcome nobody knew.
const lateCommit = 750 * time.Millisecond

// killer kills who writes, when the source has committed: before it answers, or as it does. Every third it tells an
// error instead, and commits later.
type killer struct {
	mu      sync.Mutex
	victims map[string]*process
	dead    map[string]chan struct{}
}

func (k *killer) run(t *testing.T, p *process, key string) {
	t.Helper()
	dead := make(chan struct{})
	k.mu.Lock()
	k.victims[key], k.dead[key] = p, dead
	k.mu.Unlock()
	var done replica.Written
	err := p.rpc.Call("Replica.Update", replica.Write{Key: key}, &done)
	if err == nil && !done.Ran {
		t.Errorf("%s: the writer did not write: %s", key, done.Err)
		return
	}
	if err == nil && done.Err == "" && late(key) {
		t.Errorf("%s: the writer was told no error: %+v", key, done)
	}
	<-dead
	if err == nil && silent(key) {
		t.Errorf("%s: the writer that was killed has answered: %+v", key, done)
	}
}

func (k *killer) write(w source.Write, commit func()) error {
	k.mu.Lock()
	p, dead := k.victims[w.Key], k.dead[w.Key]
	k.mu.Unlock()
	if late(w.Key) {
		go func() {
			<-time.After(lateCommit)
			commit()
			close(dead)
		}()
		return errors.New("the answer was lost")
	}
	commit()
	if silent(w.Key) {
		p.kill()
		close(dead)
		return nil
	}
	go func() {
		p.kill()
		close(dead)
	}()
	return nil
}

// late says that the writer of a key is told an error; silent, that the source does not answer it any more.
func late(key string) bool   { return key[len(key)-1]%3 == 0 }
func silent(key string) bool { return key[len(key)-1]%3 == 1 }

// committed returns the writes of the keys that were committed; a writer that dies has returned then.
func (c *cluster) committed(t *testing.T, names []string) (writes []written) {
	t.Helper()
	for _, key := range names {
		for version := range c.source.Now(key).Version {
			writes = append(writes, written{&process{}, key, version + 1, c.source.Committed(key, version+1)})
		}
	}
	return writes
}

func (c *cluster) judgeKilled(t *testing.T, peers []*process, names []string, bound time.Duration) verdict {
	t.Helper()
	reports := map[*process]replica.Report{}
	for _, p := range peers {
		reports[p] = p.watched(t)
	}
	return judge(c.committed(t, names), reports, bound)
}
