package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// replicaProcess is a place that one replica after the other takes.
type replicaProcess struct {
	run              *run
	slot             int
	life             int
	commands, pubsub *proxy
	child            *child
}

// start gives the place to a new process. Every other replica is Strict.
func (p *replicaProcess) start() (err error) {
	r := p.run
	strict := p.slot%2 == 0
	p.life = r.table.Born(p.slot, strict)
	done := r.record(truth.Start, p.slot, truth.NoWord)
	defer done()
	config := service.Config{
		Table: filepath.Join(r.dir, "truth"), Slot: p.slot, Life: p.life, Strict: strict, Seed: r.seed, Run: r.name(), Source: r.socket,
		Commands: p.commands.address(), PubSub: p.pubsub.address(),
		MaxStaleness: limits.Bound, IntentLife: limits.IntentLife, TTL: limits.TTL, Timeout: timeout,
		Rest: 70 * time.Millisecond, WriteEvery: 100 * time.Millisecond,
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, fmt.Sprintf("replica-%d", p.life))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	p.child, err = start(r.program, roleReplica, path)
	return err
}

// awaitReads waits until the place has counted more reads than that.
func (p *replicaProcess) awaitReads(ctx context.Context, reads int64) error {
	err := poll(ctx, 30*time.Second, func() bool { return p.run.table.Reads(p.slot) > reads })
	if err != nil {
		return fmt.Errorf("replica %d does not read: %w", p.slot, err)
	}
	return nil
}

func (p *replicaProcess) stop() error {
	err := p.child.stop()
	p.commands.close()
	p.pubsub.close()
	if err != nil {
		return fmt.Errorf("replica %d: %w", p.slot, err)
	}
	return nil
}
