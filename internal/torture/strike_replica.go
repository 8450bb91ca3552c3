package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tieredcache/tieredcache/internal/torture/service"
	"github.com/tieredcache/tieredcache/internal/torture/source"
	"github.com/tieredcache/tieredcache/internal/torture/truth"
)

// replicaStrikes are the faults that hit one replica: its process, and its connections.
func (r *run) replicaStrikes() map[truth.Kind]strike {
	return map[truth.Kind]strike{
		truth.Freeze:            r.freeze,
		truth.KillBeforeCommit:  r.kill(truth.KillBeforeCommit, truth.BeforeCommit),
		truth.KillAfterCommit:   r.kill(truth.KillAfterCommit, truth.AfterCommit),
		truth.KillAfterReturn:   r.kill(truth.KillAfterReturn, truth.AfterReturn),
		truth.CutCommands:       r.network(truth.CutCommands, (*proxy).cut, (*proxy).restore, commands),
		truth.CutPubSub:         r.network(truth.CutPubSub, (*proxy).cut, (*proxy).restore, pubsub),
		truth.BlackholeCommands: r.network(truth.BlackholeCommands, (*proxy).blackhole, (*proxy).heal, commands),
		truth.BlackholePubSub:   r.network(truth.BlackholePubSub, (*proxy).blackhole, (*proxy).heal, pubsub),
		truth.SlowCommands:      r.network(truth.SlowCommands, slowly(300*time.Millisecond), (*proxy).heal, commands),
		truth.SlowPubSub:        r.network(truth.SlowPubSub, slowly(time.Second), (*proxy).heal, pubsub),
		truth.HalfOpenCommands:  r.halfOpen(truth.HalfOpenCommands, commands),
		truth.HalfOpenPubSub:    r.halfOpen(truth.HalfOpenPubSub, pubsub),
		truth.Isolate:           r.isolate,
		truth.ClientKill:        r.clientKill,
	}
}

// freeze stops a process for up to two bounds. It has landed if the process read nothing meanwhile.
func (r *run) freeze(ctx context.Context, random *rand.Rand) (landed bool, err error) {
	p := r.victim(random)
	defer r.record(truth.Freeze, p.slot, truth.NoWord)()
	if err := p.child.signal(syscall.SIGSTOP); err != nil {
		return false, err
	}
	rest(ctx, 50*time.Millisecond)
	before := r.table.Reads(p.slot)
	rest(ctx, during(random, 2)-50*time.Millisecond)
	landed = r.table.Reads(p.slot) == before
	return landed, p.child.signal(syscall.SIGCONT)
}

// kill has a process kill itself at a stage of a write, and starts another in its place.
func (r *run) kill(kind truth.Kind, stage truth.Stage) strike {
	return func(ctx context.Context, random *rand.Rand) (landed bool, err error) {
		p := r.victim(random)
		r.table.Doom(p.slot, stage)
		if !p.child.wait(2 * limits.Bound) {
			if !r.table.Spare(p.slot) {
				return false, nil // nothing was written
			}
			<-p.child.ended
		}
		if died := r.table.Spare(p.slot); !died || !p.child.killed() {
			return false, fmt.Errorf("replica %d ended by itself: %w", p.slot, p.child.err)
		}
		done := r.record(kind, p.slot, truth.NoWord)
		err = source.Recover(ctx, r.source, r.table, p.slot, p.life)
		r.table.Died(p.life)
		done()
		if err != nil {
			return false, err
		}
		reads := r.table.Reads(p.slot)
		if err := p.start(); err != nil {
			return false, err
		}
		return true, p.awaitReads(ctx, reads)
	}
}

// class is which of a replica's connections a fault hits.
type class int

const (
	commands class = iota
	pubsub
	both
)

func (p *replicaProcess) through(c class) []*proxy {
	return [...][]*proxy{{p.commands}, {p.pubsub}, {p.commands, p.pubsub}}[c]
}

func slowly(most time.Duration) func(*proxy) error {
	return func(p *proxy) error { return p.slow(most) }
}

// network breaks the connections of one class, and makes them whole again. It has landed if there were some.
func (r *run) network(kind truth.Kind, harm, heal func(*proxy) error, c class) strike {
	return func(ctx context.Context, random *rand.Rand) (landed bool, err error) {
		return r.sever(ctx, kind, r.victim(random), c, harm, heal, during(random, 1.3))
	}
}

func (r *run) sever(ctx context.Context, kind truth.Kind, p *replicaProcess, c class, harm, heal func(*proxy) error, d time.Duration) (landed bool, err error) {
	var there []string
	err = poll(ctx, 2*limits.Bound, func() bool { // Redis may be away, which is the other deck's doing
		there, _ = r.connections(ctx, p, c)
		return len(there) > 0
	})
	if err != nil {
		return false, nil // it has not landed
	}
	defer r.record(kind, p.slot, truth.NoWord)()
	for _, x := range p.through(c) {
		err = errors.Join(err, harm(x))
	}
	rest(ctx, d)
	for _, x := range p.through(c) {
		err = errors.Join(err, heal(x))
	}
	return err == nil, err
}

// isolate keeps a replica from hearing anything for up to two bounds and a half.
func (r *run) isolate(ctx context.Context, random *rand.Rand) (landed bool, err error) {
	p, d := r.victim(random), during(random, 2.5)
	if random.IntN(2) == 0 {
		return r.sever(ctx, truth.Isolate, p, both, (*proxy).cut, (*proxy).restore, d)
	}
	return r.sever(ctx, truth.Isolate, p, both, (*proxy).blackhole, (*proxy).heal, d)
}

// halfOpen has the server close connections whose client does not hear of it.
func (r *run) halfOpen(kind truth.Kind, c class) strike {
	return func(ctx context.Context, random *rand.Rand) (landed bool, err error) {
		p, killed := r.victim(random), 0
		deafen := func(x *proxy) error {
			err := x.deafen()
			killed, _ = r.killClients(ctx, p, c) // Redis may be away: then none was killed
			return err
		}
		_, err = r.sever(ctx, kind, p, c, deafen, (*proxy).heal, during(random, 1.3))
		return killed > 0, err
	}
}

// clientKill has the server close connections.
func (r *run) clientKill(ctx context.Context, random *rand.Rand) (landed bool, err error) {
	p := r.victim(random)
	defer r.record(truth.ClientKill, p.slot, truth.NoWord)()
	killed, _ := r.killClients(ctx, p, class(random.IntN(3))) // Redis may be away
	return killed > 0, nil
}

func (r *run) killClients(ctx context.Context, p *replicaProcess, c class) (killed int, err error) {
	ids, err := r.connections(ctx, p, c)
	for _, id := range ids {
		if r.admin.ClientKillByFilter(ctx, "ID", id).Val() > 0 {
			killed++
		}
	}
	return killed, err
}

// connections lists a replica's connections, as Redis knows them, by their ids.
func (r *run) connections(ctx context.Context, p *replicaProcess, c class) (ids []string, err error) {
	list, err := r.admin.ClientList(ctx).Result()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(list) {
		fields := map[string]string{}
		for f := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(f, "=")
			fields[name] = value
		}
		if fields["name"] != service.ClientName(p.slot) {
			continue
		}
		subscriptions, _ := strconv.Atoi(fields["sub"])
		if c == both || (subscriptions > 0) == (c == pubsub) {
			ids = append(ids, fields["id"])
		}
	}
	return ids, nil
}
