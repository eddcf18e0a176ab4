package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/ofconn"
)

// syncTimeout is how long a switch may take to carry out a bundle.
const syncTimeout = 2 * time.Minute

// loop owns the core: it takes events in batches, steps, and carries out the
// effects.
func (d *daemon) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var syncs sync.WaitGroup
	defer syncs.Wait()
	batch := make([]core.Event, 0, batchSize+1)
	for {
		batch = batch[:0]
		var edited chan<- struct{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.inbox.ready:
		case look := <-d.queries:
			look()
		case e := <-d.edits:
			batch, edited = append(batch, core.NewIntent{Intent: e.intent}), e.done
		case <-timer.C:
		}
		batch = append(batch, d.inbox.take()...)
		began := time.Now()
		d.core.WatchEvents(true, d.routine.Load() > 0)
		effects := d.core.Step(d.clock.now(), batch...)
		clear(batch)
		d.carryOut(ctx, &effects, &syncs)
		d.steps.Add(1)
		d.busy.Add(int64(time.Since(began)))
		if edited != nil {
			close(edited)
		}
		if at, ok := d.core.Next(); ok {
			timer.Reset(d.clock.until(at))
		}
	}
}

func (d *daemon) carryOut(ctx context.Context, effects *core.Effects, syncs *sync.WaitGroup) {
	for _, t := range effects.Trusted {
		if session := d.sessions.of(t.Switch, t.Session); session != nil {
			session.Owner.(*worker).trusted.Store(&t.Ports)
		}
	}
	for _, s := range effects.Send {
		session := d.sessions.of(s.Switch, s.Session)
		if session == nil {
			continue
		}
		if err := session.Send(s.Messages); err != nil {
			session.Close(err)
		}
		d.core.Recycle(s.Messages) // Send has copied them
	}
	for _, s := range effects.Sync {
		if session := d.sessions.of(s.Switch, s.Session); session != nil {
			syncs.Go(func() { d.sync(ctx, session, s) })
		}
	}
	for _, done := range effects.Done {
		d.answers.answer(done)
	}
	if len(effects.Kept) > 0 {
		d.store.Keep(effects.Kept)
	}
	if len(effects.Changes) > 0 {
		d.tellChanges(effects.Changes)
	}
	if len(effects.Events) > 0 {
		d.tellEvents(effects.Events)
	}
	for _, n := range effects.Notes {
		d.log.LogAttrs(ctx, n.Level, n.Text, n.Attrs...)
	}
}

// sync brings a switch to what is wanted. A switch that refuses is closed: it
// comes back and is compared again.
func (d *daemon) sync(ctx context.Context, session *ofconn.Session, s core.Sync) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	done := core.Synced{Switch: s.Switch, Session: s.Session}
	if err := session.Sync(ctx, s.Meters, s.Bundle); err != nil {
		done.Error = err.Error()
		if !errors.Is(err, context.Canceled) {
			d.log.Error("switch not brought to what is wanted", slog.String("switch", dpid(s.Switch)), slog.String("error", done.Error))
		}
		session.Close(err)
	}
	d.tell(done)
}
