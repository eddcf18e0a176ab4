package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
)

// A backup is a line that names its form, the number of bytes of the database
// (64 bits, big-endian), the database as it was at one moment, and the SHA-256
// of all that.
const backupHeader = "isat backup, format 1\n"

// Backup writes all that is kept, as it is at one moment.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	e, err := s.running()
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	e.etcd.Server.KV().Commit()
	db := e.etcd.Server.Backend().Snapshot()
	defer db.Close()
	sum := sha256.New()
	out := io.MultiWriter(contextWriter{ctx, w}, sum)
	head := binary.BigEndian.AppendUint64([]byte(backupHeader), uint64(db.Size()))
	if _, err := out.Write(head); err != nil {
		return fmt.Errorf("back up %s: %w", s.dir.path, err)
	}
	if n, err := db.WriteTo(out); err != nil || n != db.Size() {
		return fmt.Errorf("back up %s: wrote %d of %d bytes: %w", s.dir.path, n, db.Size(), err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("back up %s: %w", s.dir.path, err)
	}
	return nil
}

// contextWriter ends when its context does.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// CheckBackup reads a backup to its end and says whether it is whole.
func CheckBackup(r io.Reader) error { return readBackup(r, io.Discard) }

// readBackup writes the database of a backup to w. Nothing of it may be used
// unless there is no error.
func readBackup(r io.Reader, w io.Writer) error {
	sum := sha256.New()
	in := bufio.NewReader(r)
	size, err := readBackupHead(in, sum)
	if err != nil {
		return err
	}
	n, err := io.CopyN(io.MultiWriter(w, sum), in, size)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("it is cut off: %d of %d bytes of the database are there", n, size)
	}
	if err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(in, want); err != nil {
		return errors.New("it is cut off: its checksum is not there")
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return errors.New("it is damaged: its checksum is another one")
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("it is damaged: something follows its end")
	}
	return nil
}

func readBackupHead(in io.Reader, sum hash.Hash) (size int64, err error) {
	head := make([]byte, len(backupHeader)+8)
	n, err := io.ReadFull(in, head)
	if !bytes.HasPrefix(head[:n], []byte(backupHeader)) {
		return 0, errors.New("it is no backup that this isat knows")
	}
	if err != nil {
		return 0, errors.New("it is cut off: its length is not there")
	}
	sum.Write(head)
	length := binary.BigEndian.Uint64(head[len(backupHeader):])
	if length > maxDatabase {
		return 0, errors.New("it is damaged: its length is not possible")
	}
	return int64(length), nil
}

// Restore makes a data directory from a backup. The directory is empty or does
// not exist, and no isat uses it; if it fails it is as before, or can be
// restored into again.
func Restore(file, path string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer f.Close()
	dir, fresh, err := openDirectory(path, false)
	if err != nil {
		return fmt.Errorf("restore %s: %w", file, err)
	}
	defer dir.close()
	if !fresh {
		return fmt.Errorf("restore %s: data directory %s is in use already: choose an empty or a new one", file, path)
	}
	if err := dir.restore(f); err != nil {
		err = fmt.Errorf("restore %s: %w", file, err)
		return errors.Join(err, os.RemoveAll(dir.etcd()), os.Remove(dir.join(newName)), os.Remove(dir.join(lockName)))
	}
	return dir.finish()
}

func (d *directory) restore(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// The database is there twice for a moment.
	if err := room(d.path, d.database(), int(info.Size())); err != nil {
		return err
	}
	temp, err := os.CreateTemp(d.path, tempPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := errors.Join(readBackup(f, temp), temp.Close()); err != nil {
		return err
	}
	if err := buildEngine(temp.Name(), d.etcd()); err != nil {
		return err
	}
	if err := checkFiles(d); err != nil {
		return err
	}
	return syncTree(d.etcd())
}

// buildEngine makes the files of an etcd that begins with a database.
func buildEngine(database, dir string) error {
	failure := newEngine()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				failure.fail(fmt.Errorf("%v", r))
			}
		}()
		err := snapshot.NewV3(newLogger(slog.New(slog.DiscardHandler), failure.fail)).Restore(snapshot.RestoreConfig{
			SnapshotPath: database, SkipHashCheck: true, OutputDataDir: dir,
			Name: memberName, PeerURLs: []string{memberURL}, InitialCluster: memberName + "=" + memberURL, InitialClusterToken: "isat",
		})
		if err != nil {
			failure.fail(err)
		}
	}()
	<-ended
	return failure.err
}

func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncDirectory(path)
	})
}
