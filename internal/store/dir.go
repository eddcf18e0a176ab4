package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"golang.org/x/sys/unix"
)

// What is in a data directory. formatName is written last when one is made, so
// that a directory without it, but with newName, holds nothing of worth.
const (
	lockName   = "lock"
	newName    = "new"
	formatName = "format"
	etcdName   = "etcd"
	tempPrefix = ".isat-"
)

// format is what formatName holds. The number rises when an older isat could
// not read the directory.
const (
	formatPrefix = "isat data, format "
	format       = 1
)

// directory is a locked data directory.
type directory struct {
	path string
	lock *os.File
}

func (d *directory) join(name string) string { return filepath.Join(d.path, name) }
func (d *directory) etcd() string            { return d.join(etcdName) }
func (d *directory) log() string             { return filepath.Join(d.etcd(), "member", "wal") }
func (d *directory) database() string        { return filepath.Join(d.etcd(), "member", "snap", "db") }

func (d *directory) close() { d.lock.Close() }

// openDirectory makes a directory ready for etcd, and keeps others out. fresh
// says that finish has to be called when etcd has made its files. With kept the
// directory must be one that was finished.
func openDirectory(path string, kept bool) (d *directory, fresh bool, err error) {
	if kept {
		if _, err := os.Lstat(filepath.Join(path, formatName)); err != nil {
			return nil, false, fmt.Errorf("open data directory %s: nothing of isat's is kept there (%w): choose the --data-dir of \"isat run\"", path, err)
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, false, explain(path, err)
	}
	lock, err := lockDirectory(path)
	if err != nil {
		return nil, false, explain(path, err)
	}
	d = &directory{path, lock}
	if fresh, err = d.examine(); err != nil {
		lock.Close()
		return nil, false, explain(path, err)
	}
	return d, fresh, nil
}

// explain says what to do about an error with a directory.
func explain(path string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EROFS):
		hint = ": mount it writable, or choose another directory"
	case errors.Is(err, fs.ErrPermission):
		hint = fmt.Sprintf(": let user %d write there, or choose another directory", os.Geteuid())
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, fs.ErrExist):
		hint = ": choose a directory, or a name that is free"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		hint = ": make room on its disk"
	}
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == path {
		err = p.Err
	}
	return fmt.Errorf("open data directory %s: %w%s", path, err, hint)
}

func lockDirectory(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock it: %w", err)
		}
		pid := make([]byte, 16)
		n, _ := f.Read(pid)
		return nil, fmt.Errorf("another isat, process %s, uses it: stop that one, or choose another directory", strings.TrimSpace(string(pid[:n])))
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// examine looks at what a locked directory holds.
func (d *directory) examine() (fresh bool, err error) {
	if err := d.sweep(); err != nil {
		return false, err
	}
	data, err := os.ReadFile(d.join(formatName))
	if err == nil {
		return false, d.checkFormat(string(data))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if _, err := os.Lstat(d.join(newName)); err != nil {
		if err := d.checkEmpty(); err != nil {
			return false, err
		}
	}
	// What an isat left that was killed while it made the directory.
	if err := os.RemoveAll(d.etcd()); err != nil {
		return false, err
	}
	return true, writeFile(d.join(newName), nil)
}

// sweep removes files that were never finished.
func (d *directory) sweep() error {
	entries, err := os.ReadDir(d.path)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			err = errors.Join(err, os.Remove(d.join(e.Name())))
		}
	}
	return err
}

func (d *directory) checkEmpty() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name != lockName && name != "lost+found" {
			return fmt.Errorf("it is no data directory of isat, and holds %s: choose an empty or a new one", name)
		}
	}
	return nil
}

func (d *directory) checkFormat(text string) error {
	rest, ok := strings.CutPrefix(text, formatPrefix)
	n, err := strconv.Atoi(strings.TrimSpace(rest))
	switch {
	case !ok, err != nil, n < 1:
		return damaged(fmt.Errorf("%s is not readable", formatName))
	case n > format:
		return fmt.Errorf("it is of format %d, and this isat knows format %d: use the isat that wrote it, or a newer one", n, format)
	}
	if !wal.Exist(d.log()) {
		return damaged(errors.New("its log is missing")) // etcd would begin another one
	}
	return checkFiles(d)
}

// finish says that the directory is whole.
func (d *directory) finish() error {
	err := writeFile(d.join(formatName), []byte(formatPrefix+strconv.Itoa(format)+"\n"))
	if err == nil {
		err = os.Remove(d.join(newName))
	}
	if err != nil {
		return explain(d.path, err)
	}
	return nil
}

func damaged(err error) error {
	return fmt.Errorf(`it is damaged (%w): restore a backup into an empty directory with "isat restore", or begin with an empty one`, err)
}

// writeFile writes a file whole or not at all, durably.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
