package store

import (
	"context"
	"errors"
	"log/slog"
)

// Config says where a store is, and what it may take.
type Config struct {
	Dir string // made if it does not exist
	Log *slog.Logger
}

// Store is an open store. Its methods may be called from any goroutine.
type Store struct{ config Config }

// MaxCommit bounds the bytes of the edits of one Commit: an intent file of the
// largest size, with what the keys need.
const MaxCommit = 16<<20 + 4<<20

// Open opens the store in a directory, or makes one in an empty directory. The
// error is one line that says what to do.
func Open(ctx context.Context, config Config) (*Store, error) { return &Store{config}, nil }

// Objects returns every object of the intent, in order of kind and name, all of
// one moment.
func (s *Store) Objects(ctx context.Context) ([]Object, error) { return nil, errors.ErrUnsupported }

// Commit makes all of the edits or none, durably: what it has returned without
// an error survives a crash. revision is that of the objects that it wrote. If
// an object is not what its edit expected the error is a *[ConflictError]; if
// the directory has no room for more it is a *[FullError].
func (s *Store) Commit(ctx context.Context, edits []Edit) (revision int64, err error) {
	return 0, errors.ErrUnsupported
}

// Close ends the store.
func (s *Store) Close() error { return nil }
