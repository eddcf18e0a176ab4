package daemon

import (
	"context"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/core"
	"github.com/isat-sdn/isat/internal/store"
)

// openStore opens the data directory; without one there is no store.
func openStore(ctx context.Context, config Config) (*store.Store, error) {
	if config.DataDir == "" {
		return nil, nil
	}
	return store.Open(ctx, store.Config{Dir: config.DataDir, Listen: config.EtcdListen, Log: config.Log})
}

// Backup implements api.Backend.
func (b backend) Backup(context.Context) (func(context.Context, io.Writer) error, error) {
	if b.d.store == nil {
		return nil, api.Errorf(api.ErrConflict, "nothing is kept that could be backed up: isat was started without --data-dir")
	}
	if err := b.d.store.Ready(); err != nil {
		return nil, api.Errorf(api.ErrBusy, "back up: %s", err)
	}
	return b.d.store.Backup, nil
}

// recall gives the core what was kept of bindings, before the loop runs, and has
// it tell what is to be kept from now on.
func (d *daemon) recall(ctx context.Context) error {
	if d.store == nil {
		return nil
	}
	began := time.Now()
	d.core.Keep(true)
	read := 0
	err := d.store.Bindings(ctx, func(page []binding.Kept) {
		read += len(page)
		effects := d.core.Step(began, core.Recall{Bindings: page})
		d.store.Keep(effects.Kept)
	})
	if err != nil {
		return err
	}
	d.log.Info("data directory is open", slog.String("dir", d.config.DataDir), slog.Int("bindings", read),
		slog.Duration("took", time.Since(began)))
	return nil
}

// kept counts what became of bindings that are to be kept.
func (d *daemon) kept() store.Counts {
	if d.store == nil {
		return store.Counts{}
	}
	return d.store.Counts()
}

// runStore writes what is to be kept until the context ends.
func (d *daemon) runStore(ctx context.Context) error {
	debug.FreeOSMemory() // what it took to read what was kept is as much as that again
	return d.store.Run(ctx)
}
