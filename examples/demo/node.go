package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/tiered"
)

// Node is one replica. It measures inside its own process; the script calls its methods by RPC.
type Node struct {
	ctx   context.Context // of the replica
	store store

	mu      sync.Mutex
	watched map[int]watch
}

// store is what a replica reads and writes: lists of preferences under a number. A list's version grows with each write.
type store interface {
	read(ctx context.Context, key int) (version int64, err error)
	write(ctx context.Context, key int) (version int64, committed time.Time, err error)
	listen(key int) (told <-chan struct{}, stop func()) // told when a message has made this replica drop its copy
	loads() int64                                       // reads of the source
	warmUp(ctx context.Context, key int) error          // of the source
	close() error
}

type watch struct {
	dropped <-chan time.Time
	stop    func()
}

// Reading is one read.
type Reading struct {
	Key     int
	Tier    string
	Took    time.Duration
	Version int64
}

// Read reads the keys, one after another.
func (n *Node) Read(keys []int, readings *[]Reading) error {
	for _, k := range keys {
		ctx, origin := tiered.WithOrigin(n.ctx)
		began := time.Now()
		version, err := n.store.read(ctx, k)
		took := time.Since(began)
		if err != nil {
			return err
		}
		*readings = append(*readings, Reading{Key: k, Tier: origin.Tier().String(), Took: took, Version: version})
	}
	return nil
}

// WarmUp prepares this replica and its source for being measured.
func (n *Node) WarmUp(keys []int, _ *struct{}) error {
	if err := n.store.warmUp(n.ctx, keys[0]); err != nil {
		return err
	}
	return n.Keep(keys, nil)
}

// Keep reads each key until memory answers: memory takes a value a moment after it was answered.
func (n *Node) Keep(keys []int, _ *struct{}) error {
	ctx, cancel := context.WithTimeout(n.ctx, 5*time.Second)
	defer cancel()
	for _, k := range keys {
		for {
			once, origin := tiered.WithOrigin(ctx)
			if _, err := n.store.read(once, k); err != nil {
				return err
			}
			if origin.Tier() == tiered.Memory {
				break
			}
		}
	}
	return nil
}

// Batches says how often to read.
type Batches struct {
	Keys          []int
	Batches, Each int
}

// Hit is the time of one read, and the farthest tier that any of them needed.
type Hit struct {
	PerRead time.Duration
	Tier    string
}

// Hits reads what memory holds, in batches, because one read is shorter than a look at the clock. It returns the
// median batch's time per read.
func (n *Node) Hits(b Batches, hit *Hit) error {
	ctx, origin := tiered.WithOrigin(n.ctx)
	per := make([]time.Duration, 0, b.Batches)
	for range b.Batches {
		began := time.Now()
		for i := range b.Each {
			if _, err := n.store.read(ctx, b.Keys[i%len(b.Keys)]); err != nil {
				return err
			}
		}
		per = append(per, time.Since(began)/time.Duration(b.Each))
	}
	*hit = Hit{PerRead: median(per), Tier: origin.Tier().String()}
	return nil
}

// Written is a write that was committed.
type Written struct {
	Version   int64
	Committed time.Time
}

// Write changes a list in the source, through the cache.
func (n *Node) Write(key int, w *Written) (err error) {
	w.Version, w.Committed, err = n.store.write(n.ctx, key)
	return err
}

// Watch begins to watch for the moment when this replica drops its copy of the list.
func (n *Node) Watch(key int, _ *struct{}) error {
	told, stop := n.store.listen(key)
	dropped := make(chan time.Time, 1)
	go func() {
		select {
		case <-told:
			dropped <- time.Now()
		case <-n.ctx.Done():
		}
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watched == nil {
		n.watched = map[int]watch{}
	}
	n.watched[key] = watch{dropped, stop}
	return nil
}

// Dropped waits for the moment that Watch watches for. Memory must not answer from then on.
func (n *Node) Dropped(key int, at *time.Time) error {
	n.mu.Lock()
	w := n.watched[key]
	delete(n.watched, key)
	n.mu.Unlock()
	defer w.stop()
	select {
	case *at = <-w.dropped:
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("list %d: no message within 5s", key)
	case <-n.ctx.Done():
		return n.ctx.Err()
	}
}

// Crowd says how many readers read one list, starting at a moment.
type Crowd struct {
	Key, Readers int
	At           time.Time
}

// Crowded reads one list with many readers at once.
func (n *Node) Crowded(c Crowd, readings *[]Reading) error {
	all, errs := make([]Reading, c.Readers), make([]error, c.Readers)
	var done sync.WaitGroup
	for i := range c.Readers {
		done.Go(func() {
			time.Sleep(time.Until(c.At))
			var one []Reading
			if errs[i] = n.Read([]int{c.Key}, &one); errs[i] == nil {
				all[i] = one[0]
			}
		})
	}
	done.Wait()
	*readings = all
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// Loads counts how often this replica has read the source.
func (n *Node) Loads(_ struct{}, loads *int64) error {
	*loads = n.store.loads()
	return nil
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
