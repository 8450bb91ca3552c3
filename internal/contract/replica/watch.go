package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tieredcache/tieredcache/internal/contract/mono"
	"github.com/tieredcache/tieredcache/tiered"
)

// Watching says what to read, again and again, until Watched is called.
type Watching struct {
	Keys    []string
	Readers int
	Pace    time.Duration // between two reads of one reader; 0: none
}

// Span sums up all reads of a key that returned one version. It loses nothing that the contract asks about: of all
// these reads, the one that began last is the most stale, and the one that ended first is the one after which no
// older version may be read.
type Span struct {
	Key       string
	Version   int64
	Reads     int
	FirstEnd  time.Duration
	LastBegan time.Duration
}

// Report is what was read.
type Report struct {
	Spans  []Span
	Reads  int
	Memory int // of them, answered from memory
	Errors int
	Error  string // the first of them
	Most   time.Duration
}

type watch struct {
	cancel  context.CancelFunc
	readers sync.WaitGroup
	mu      sync.Mutex
	spans   map[spanKey]*Span
	report  Report
}

type spanKey struct {
	key     string
	version int64
}

// Watch begins to read.
func (r *Replica) Watch(what Watching, _ *struct{}) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watch != nil {
		return errors.New("it is watching already")
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{cancel: cancel, spans: map[spanKey]*Span{}}
	r.watch = w
	for n := range what.Readers {
		w.readers.Go(func() { w.read(ctx, r.cache.Get, what, n*len(what.Keys)/what.Readers) })
	}
	return nil
}

// Watched ends the reading and says what was read.
func (r *Replica) Watched(_ struct{}, out *Report) error {
	r.mu.Lock()
	w := r.watch
	r.watch = nil
	r.mu.Unlock()
	if w == nil {
		return errors.New("it is not watching")
	}
	w.stop()
	for _, s := range w.spans {
		w.report.Spans = append(w.report.Spans, *s)
	}
	*out = w.report
	return nil
}

func (w *watch) stop() {
	w.cancel()
	w.readers.Wait()
}

// read is one reader, which begins at one of the keys.
func (w *watch) read(ctx context.Context, get getter, what Watching, from int) {
	var own watch
	own.spans = map[spanKey]*Span{}
	for i := from; ctx.Err() == nil; i++ {
		key := what.Keys[i%len(what.Keys)]
		once, origin := tiered.WithOrigin(context.Background())
		began := mono.Now()
		row, err := get(once, key)
		own.add(key, row.Version, err, began, mono.Now(), origin.Tier() == tiered.Memory)
		if what.Pace > 0 {
			time.Sleep(what.Pace)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.merge(&own)
}

func (w *watch) add(key string, version int64, err error, began, ended time.Duration, memory bool) {
	p := &w.report
	p.Reads++
	p.Most = max(p.Most, ended-began)
	if err != nil {
		if p.Errors++; p.Error == "" {
			p.Error = err.Error()
		}
		return
	}
	if memory {
		p.Memory++
	}
	at := spanKey{key, version}
	s := w.spans[at]
	if s == nil {
		s = &Span{Key: key, Version: version, FirstEnd: ended}
		w.spans[at] = s
	}
	s.Reads++
	s.LastBegan = began // one reader's reads come one after the other
}

func (w *watch) merge(own *watch) {
	for at, s := range own.spans {
		if all := w.spans[at]; all != nil {
			all.Reads += s.Reads
			all.FirstEnd, all.LastBegan = min(all.FirstEnd, s.FirstEnd), max(all.LastBegan, s.LastBegan)
		} else {
			w.spans[at] = s
		}
	}
	p, o := &w.report, own.report
	p.Reads, p.Memory, p.Errors, p.Most = p.Reads+o.Reads, p.Memory+o.Memory, p.Errors+o.Errors, max(p.Most, o.Most)
	if p.Error == "" {
		p.Error = o.Error
	}
}
