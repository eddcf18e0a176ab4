package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// checkFiles reads etcd's files to their end, so that a damage is found here, where
// it is an error, and not when etcd runs, where it is the end, or a wait for what
// never comes: with a log that ends before the database, etcd takes its own first
// entries for some that the database has already.
func checkFiles(d *directory) error {
	applied, err := checkDatabase(d.database())
	if err != nil {
		return err
	}
	logged, err := lastLogged(d.log())
	switch {
	case err != nil:
		return damaged(err)
	case logged < applied:
		return damaged(fmt.Errorf("its log is cut off: it ends at entry %d, and the database has %d", logged, applied))
	}
	return nil
}

// checkDatabase reads all of a database, and returns the last entry of the log that
// is in it.
func checkDatabase(path string) (applied uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(fault(r, "a page of its database can't be read"))
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return 0, errors.New("another program uses its database: stop that one")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return 0, err
	case err != nil:
		return 0, damaged(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		if meta := tx.Bucket(schema.Meta.Name()); meta != nil {
			if index := meta.Get(schema.MetaConsistentIndexKeyName); len(index) == 8 {
				applied = binary.BigEndian.Uint64(index)
			}
		}
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
	return applied, err
}

// fault is what a panic tells: a fault of memory that a file is mapped to says no more
// than that it can't be read.
func fault(r any, unreadable string) error {
	if _, ok := r.(runtime.Error); ok {
		return errors.New(unreadable)
	}
	return fmt.Errorf("%v", r)
}

// lastLogged reads the log, and returns its last entry, or the one up to which a
// snapshot has them. A last record that was not written to its end is not there.
func lastLogged(dir string) (last uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault(r, "a record of its log can't be read")
		}
	}()
	names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		return 0, err
	}
	var files []fileutil.FileReader
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		files = append(files, fileutil.NewFileReader(f))
	}
	return readLog(wal.NewDecoder(files...))
}

func readLog(log wal.Decoder) (last uint64, err error) {
	begun := false
	var r walpb.Record
	for err = log.Decode(&r); err == nil; err = log.Decode(&r) {
		switch r.GetType() {
		case wal.MetadataType:
			begun = true
		case wal.EntryType:
			last = wal.MustUnmarshalEntry(r.Data).GetIndex()
		case wal.SnapshotType:
			var s walpb.Snapshot
			if err := proto.Unmarshal(r.Data, &s); err != nil {
				return 0, err
			}
			last = max(last, s.GetIndex())
		case wal.CrcType:
			if sum := log.LastCRC(); sum != 0 && r.Validate(sum) != nil {
				return 0, wal.ErrCRCMismatch
			}
			log.UpdateCRC(r.GetCrc())
		}
	}
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	case !begun:
		return 0, errors.New("its log is cut off at its beginning")
	}
	return last, nil
}
