package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/internal/binding"
)

const (
	// batchSize is how many bindings a transaction holds at most.
	batchSize = 1000
	// batchDelay is for how long changes are collected: one that is undone
	// meanwhile is never written.
	batchDelay = 200 * time.Millisecond
	// Between two tries of what failed.
	minRetry = time.Second
	maxRetry = 30 * time.Second
	// lastFlush bounds what the end of isat waits for the disk.
	lastFlush = 5 * time.Second
)

// The history of etcd is dropped when so much was written, or after so long.
const (
	historyBytes = 16 << 20
	historyAge   = 5 * time.Minute
)

// The database is written anew when so many of its bytes are free, and these
// are so many times what is used. Smaller holes are filled again.
const (
	freeBytes = 128 << 20
	freeTimes = 3
)

// Run writes bindings, drops history, and opens the store again after it has
// failed, until the context ends. Then it writes what is left.
func (s *Store) Run(ctx context.Context) error {
	retry := minRetry
	again := time.NewTimer(historyAge)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			s.flush()
			return ctx.Err()
		case <-s.failure():
		case <-again.C:
		case <-s.kept.wake:
			if !wait(ctx, batchDelay) {
				continue
			}
		}
		err := s.work(ctx)
		switch {
		case err == nil:
			if retry != minRetry {
				s.log.Info("the data directory can be written again", slog.String("dir", s.dir.path))
			}
			retry = minRetry
			again.Reset(historyAge)
		case ctx.Err() == nil:
			s.kept.failed.Add(1)
			if retry == minRetry {
				s.log.Error("bindings are not kept for now, and the network goes on from memory", slog.String("error", err.Error()))
			}
			retry = min(2*retry, maxRetry)
			if !wait(ctx, retry) {
				continue
			}
			again.Reset(0)
		}
	}
}

// failure is closed when the present etcd fails. While there is none it is nil.
func (s *Store) failure() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil {
		return nil
	}
	return s.engine.failed
}

// wait returns false when the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// work does all that there is to do now.
func (s *Store) work(ctx context.Context) error {
	if err := s.reopen(ctx); err != nil {
		return err
	}
	if err := s.writeBehind(ctx); err != nil {
		return err
	}
	return s.tidy(ctx)
}

// writeBehind writes what waits.
func (s *Store) writeBehind(ctx context.Context) error {
	all := s.kept.take()
	batch := make([]binding.Kept, 0, min(len(all), batchSize))
	for _, c := range all {
		batch = append(batch, c)
		if len(batch) < cap(batch) && len(batch) < len(all) {
			continue
		}
		if err := s.writeBatch(ctx, batch); err != nil {
			s.kept.giveBack(all)
			return err
		}
		for i := range batch {
			delete(all, batch[i].Key)
		}
		batch = batch[:0]
	}
	return nil
}

// flush is the last writeBehind.
func (s *Store) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), lastFlush)
	defer cancel()
	if err := s.writeBehind(ctx); err != nil {
		s.log.Warn("the last changes of bindings are not kept", slog.String("error", err.Error()))
	}
}

// reopen replaces an etcd that has failed, when there is room.
func (s *Store) reopen(ctx context.Context) error {
	_, err := s.running()
	if err == nil || errors.Is(err, errStuck) {
		return err
	}
	if e := s.stop(err); e != nil {
		if err := e.close(); err != nil {
			s.stop(fmt.Errorf("%w: %w", e.err, err))
			return fmt.Errorf("%w: %w", e.err, err)
		}
	}
	if err := checkFiles(s.dir); err != nil {
		return explain(s.dir.path, err)
	}
	if err := s.start(ctx, false); err != nil {
		if !noRoom(err) && ctx.Err() == nil {
			// It may have left its files open.
			s.stop(fmt.Errorf("%w: %w", err, errStuck))
		}
		return err
	}
	if err := s.engine.serve(s.listen, s.log); err != nil {
		s.log.Warn("etcd can't be read by others until isat starts again", slog.String("error", err.Error()))
	}
	return nil
}

// stop says that there is no etcd now, and returns the one that there was.
func (s *Store) stop(why error) *engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.engine
	s.engine, s.why = nil, why
	return e
}

// noRoom says whether an error is of a full disk.
func noRoom(err error) bool {
	var full *FullError
	return errors.As(err, &full) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// tidy drops the history, which nobody reads, so that the disk does not fill
// with it, and gives back what the database does not use.
func (s *Store) tidy(ctx context.Context) error {
	s.mu.Lock()
	due := s.written >= historyBytes || s.written > 0 && time.Since(s.dropped) >= historyAge
	s.mu.Unlock()
	if !due {
		return nil
	}
	e, err := s.running()
	if err != nil {
		return err
	}
	err = e.do(ctx, func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Get(ctx, bindingPrefix, clientv3.WithCountOnly())
		if err != nil {
			return err
		}
		_, err = c.Compact(ctx, r.Header.Revision, clientv3.WithCompactPhysical())
		return err
	})
	if err != nil {
		return fmt.Errorf("drop the history in %s: %w", s.dir.path, err)
	}
	s.mu.Lock()
	s.written, s.dropped = 0, time.Now()
	s.mu.Unlock()
	return s.shrink(e)
}

// shrink writes the database anew if most of it is free, and there is room for
// both.
func (s *Store) shrink(e *engine) error {
	db := e.etcd.Server.Backend()
	used := db.SizeInUse()
	free := db.Size() - used
	if free < freeBytes || free < freeTimes*used {
		return nil
	}
	if room(s.dir.path, s.dir.database(), int(used)) != nil {
		return nil
	}
	if err := db.Defrag(); err != nil {
		return fmt.Errorf("shrink the database in %s: %w", s.dir.path, err)
	}
	return nil
}
