package store

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"golang.org/x/sys/unix"
)

// Room that stays on the disk. etcd ends when a write of its own fails, so the
// store refuses what it is asked for before that.
const (
	// spare is for what etcd writes on its own: the next segment of its log,
	// snapshots, and twice what is written, in the log and in the database.
	spare = 64 << 20
	// ahead of what is written, the database owns its blocks, so that it never
	// meets a disk that others have filled meanwhile.
	ahead = 16 << 20
)

// writable says whether size bytes may be written, and are found again: the files of a
// directory that was removed stay writable for whoever has them open, and are gone with him.
func (d *directory) writable(size int) error {
	held, err := d.lock.Stat()
	if err != nil {
		return fmt.Errorf("look for room in %s: %w", d.path, err)
	}
	there, err := os.Stat(d.join(lockName))
	if err == nil && os.SameFile(held, there) {
		if _, err = os.Stat(d.database()); err == nil && !wal.Exist(d.log()) {
			err = os.ErrNotExist
		}
	} else if err == nil {
		err = os.ErrNotExist
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write to %s: what was there was removed while isat uses it: save it with \"isat backup\", and restore it", d.path)
	}
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	return room(d.path, d.database(), size)
}

// room says whether size bytes may be written, and takes the blocks for them.
func room(dir, database string, size int) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look for room in %s: %w", dir, err)
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("write to %s: %w: mount it writable", dir, unix.EROFS)
	}
	free, need := fs.Bavail*uint64(fs.Bsize), uint64(spare+2*size)
	if free < need {
		return &FullError{Dir: dir, Free: free, Need: need}
	}
	return allocate(dir, database, int64(ahead+2*size))
}

// allocate gives a file its blocks, holes and some behind its end among them.
func allocate(dir, name string, more int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()+more)
	switch {
	case err == nil, errors.Is(err, unix.EOPNOTSUPP):
		return nil // without it, spare alone has to do
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return &FullError{Dir: dir, Need: uint64(more)}
	}
	return fmt.Errorf("take blocks for %s: %w", name, err)
}
