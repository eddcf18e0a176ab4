package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
)

// Config says where a store is.
type Config struct {
	Dir    string // made if it does not exist, unless Kept
	Kept   bool   // something must be kept there already
	Listen Endpoint
	Log    *slog.Logger
}

// MaxCommit bounds the bytes of the edits of one Commit: an intent of the
// largest size, 16 MiB, with what its keys need.
const MaxCommit = 20 << 20

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	log    *slog.Logger
	dir    *directory
	listen Endpoint

	mu      sync.Mutex
	engine  *engine // nil while there is none
	why     error   // why there is none
	written int     // bytes since the history was dropped
	dropped time.Time

	kept keeper
}

// Open opens the store in a directory, or makes one in an empty directory. The
// error is one line that says what to do.
func Open(ctx context.Context, config Config) (*Store, error) {
	dir, fresh, err := openDirectory(config.Dir, config.Kept)
	if err != nil {
		return nil, err
	}
	s := &Store{log: config.Log, dir: dir, listen: config.Listen, dropped: time.Now()}
	s.kept.init()
	if err := s.start(ctx, fresh); err != nil {
		dir.close()
		return nil, err
	}
	if err := s.engine.serve(s.listen, s.log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start runs etcd in the directory.
func (s *Store) start(ctx context.Context, fresh bool) error {
	if err := room(s.dir.path, s.dir.database(), 2*segmentSize); err != nil {
		return explain(s.dir.path, err)
	}
	e, err := startEngine(ctx, s.dir.etcd(), s.log)
	if err != nil {
		return s.startError(err, fresh)
	}
	if fresh {
		if err := s.dir.finish(); err != nil {
			return errors.Join(err, e.close())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine, s.why = e, nil
	return nil
}

// startError tells an etcd that did not start for want of something from one
// that could not read its files.
func (s *Store) startError(err error, fresh bool) error {
	if errors.Is(err, errLate) && !fresh {
		return explain(s.dir.path, fmt.Errorf(`%w: its disk is too slow: try again, or restore a backup into an empty directory with "isat restore"`, err))
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errLate) || errors.Is(err, os.ErrPermission) || noRoom(err) {
		return explain(s.dir.path, err)
	}
	return explain(s.dir.path, damaged(err))
}

// running returns the engine, or why there is none.
func (s *Store) running() (*engine, error) {
	s.mu.Lock()
	e, why := s.engine, s.why
	s.mu.Unlock()
	if e != nil {
		select {
		case <-e.failed:
			why = e.err
		default:
			return e, nil
		}
	}
	return nil, fmt.Errorf("the data directory %s can't be used now: %w", s.dir.path, why)
}

// Ready returns why the store can't be used now, or nil.
func (s *Store) Ready() error {
	_, err := s.running()
	return err
}

// Writable returns why nothing can be written now, or nil.
func (s *Store) Writable() error {
	if err := s.Ready(); err != nil {
		return err
	}
	return s.dir.writable(0)
}

// wrote counts what was written, and wakes Run when there is enough to tidy.
func (s *Store) wrote(bytes int) {
	s.mu.Lock()
	s.written += bytes
	due := s.written >= historyBytes
	s.mu.Unlock()
	if due {
		s.kept.rouse()
	}
}

// Keep notes what became of bindings, to be written behind; of each address
// only the last counts. It never waits for the disk, and takes the slice over.
func (s *Store) Keep(changes []binding.Kept) { s.kept.add(changes) }

// Close ends the store. What Run has not written is lost.
func (s *Store) Close() error {
	defer s.dir.close()
	e := s.stop(errors.New("isat is ending"))
	if e == nil {
		return nil
	}
	if err := e.close(); err != nil {
		return fmt.Errorf("close data directory %s: %w", s.dir.path, err)
	}
	return nil
}
