package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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
		if err := tx.ForEach(checkBucket); err != nil {
			return err
		}
		return checkPages(tx)
	})
	if err != nil {
		return 0, damaged(err)
	}
	return applied, nil
}

// checkBucket reads all of a bucket, and looks each key up, by which every key of a
// branch is read as well. It does so here, where a page that can't be read is an
// error: bbolt's own check, and etcd, read in goroutines in which nothing recovers.
func checkBucket(name []byte, b *bolt.Bucket) error {
	look := b.Cursor()
	return b.ForEach(func(key, value []byte) error {
		if value == nil { // etcd has no buckets in buckets
			return fmt.Errorf("a key of its bucket %s has no value", name)
		}
		crc32.ChecksumIEEE(value) // to read it
		if found, _ := look.Seek(key); !bytes.Equal(found, key) {
			return fmt.Errorf("keys of its bucket %s are out of order", name)
		}
		return nil
	})
}

// checkPages has bbolt check that the pages make a tree, as it does when etcd opens
// the database, where what is wrong ends the process.
func checkPages(tx *bolt.Tx) (err error) {
	for fault := range tx.Check() { // to the end: it reads until then
		if err == nil {
			err = fault
		}
	}
	return err
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
