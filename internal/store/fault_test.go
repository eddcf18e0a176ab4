package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"github.com/isat-sdn/isat/internal/binding"
)

// refused opens a directory that can't be opened, and wants one line that says
// why.
func refused(t *testing.T, dir, want string) {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, Log: testLog(t)})
	if err == nil {
		s.Close()
		t.Errorf("opened, want %q", want)
		return
	}
	if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want %q", err, want)
	}
	t.Log(err)
}

func overwrite(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A directory that is another's, or no directory, is refused and left alone.
func TestDirectoryRefused(t *testing.T) {
	used := t.TempDir()
	open(t, used)
	refused(t, used, "another isat, process ")

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, foreign, "holds letter")
	if _, err := os.Stat(filepath.Join(foreign, etcdName)); err == nil {
		t.Error("something was written to a foreign directory")
	}
	refused(t, filepath.Join(foreign, "letter"), "not a directory: choose a directory")
	refused(t, filepath.Join(foreign, "letter", "below"), "not a directory: choose a directory")
}

// Damage is found at the start, and said.
func TestDamaged(t *testing.T) {
	origin := t.TempDir()
	s := open(t, origin)
	marker := bytes.Repeat([]byte("mark"), 2000)
	commit(t, s, Edit{Kind: "network", Name: "blue", Text: text("blue")})
	commit(t, s, Edit{Kind: "network", Name: "red", Text: marker})
	s.Close()
	const database = "etcd/member/snap/db"
	for _, c := range []struct {
		name, file, want string
		change           func([]byte) []byte
	}{
		{"newer", formatName, "it is of format 2, and this isat knows format 1", func([]byte) []byte { return []byte("isat data, format 2\n") }},
		{"no format", formatName, "it is damaged (format is not readable)", func([]byte) []byte { return []byte("?") }},
		{"empty database", database, "it is damaged", func([]byte) []byte { return nil }},
		{"a page of a database", database, "it is damaged", func(b []byte) []byte { return b[:3*os.Getpagesize()] }},
		{"zeros", database, "it is damaged", func(b []byte) []byte { return make([]byte, len(b)) }},
		{"noise", database, "it is damaged", func(b []byte) []byte {
			for i := 2 * os.Getpagesize(); i < len(b); i++ {
				b[i] = byte(i * 7)
			}
			return b
		}},
		{"order of keys", database, "it is damaged (keys of its bucket key are out of order)", func(b []byte) []byte {
			first := []byte("\x00\x00\x00\x00\x00\x00\x00\x02_") // a revision
			return bytes.ReplaceAll(b, first, append([]byte{0xff}, first[1:]...))
		}},
		{"keys that are buckets", database, "it is damaged (a key of its bucket key has no value)", func(b []byte) []byte {
			const element = 16 // octets: flags, where it is, and the lengths of key and value
			for i := 2 * os.Getpagesize(); i+element <= len(b); i += element {
				if bytes.Equal(b[i:i+4], make([]byte, 4)) && bytes.Equal(b[i+8:i+12], []byte{17, 0, 0, 0}) {
					b[i] = 1
				}
			}
			return b
		}},
		{"log", "etcd/member/wal/0000000000000000-0000000000000000.wal", "it is damaged", func(b []byte) []byte {
			b[bytes.Index(b, marker)+5] ^= 1
			return b
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			overwrite(t, filepath.Join(dir, c.file), c.change)
			refused(t, dir, c.want)
		})
	}
	t.Run("no log", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "etcd/member/wal/0000000000000000-0000000000000000.wal")); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, "it is damaged (its log is missing)")
	})
	t.Run("no database", func(t *testing.T) {
		if err := os.Remove(filepath.Join(origin, database)); err != nil {
			t.Fatal(err)
		}
		refused(t, origin, "it is damaged")
	})
}

// A log that is cut off before the last entry that the database has is found at once, at
// whatever octet it ends, and so is one that is not there. What the database has not been
// told of is not missed: nobody else was.
func TestLogCutOff(t *testing.T) {
	origin := t.TempDir()
	s := open(t, origin)
	const commits = snapshotEvery + 10 // there is a snapshot, whose log is cut off, too
	for i := range commits {
		commit(t, s, Edit{Kind: "network", Name: "red", Text: text("%d", i)})
	}
	s.Close()
	logs, err := filepath.Glob(filepath.Join(origin, "etcd/member/wal/*.wal"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	whole, err := lastLogged(filepath.Dir(logs[0]))
	if err != nil || whole < commits {
		t.Fatalf("last entry %d: %v", whole, err)
	}
	data, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndexFunc(data, func(r rune) bool { return r != 0 })
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "etcd/member/wal", filepath.Base(logs[0]))
	for n := 0; n < end-1000; n += 1 + n/5 {
		if err := os.WriteFile(cut, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, "it is damaged (its log is cut off")
	}
	if err := os.WriteFile(cut, data[:end-3], 0o600); err != nil { // in the last record
		t.Fatal(err)
	}
	open(t, dir)
}

// A document that is not what was written is not given out.
func TestObjectDamaged(t *testing.T) {
	value := []byte(encodeObject([]byte("name: red\n")))
	if o, why := decodeObject([]byte(objectKey("network", "red")), value, 5); why != "" || string(o.Text) != "name: red\n" {
		t.Fatal(o, why)
	}
	for i := range value {
		bad := bytes.Clone(value)
		bad[i] ^= 0x10
		if o, why := decodeObject([]byte(objectKey("network", "red")), bad, 5); why == "" {
			t.Errorf("byte %d: %v", i, o)
		}
		if o, why := decodeObject([]byte(objectKey("network", "red")), value[:i], 5); why == "" {
			t.Errorf("%d bytes: %v", i, o)
		}
	}
}

// A document that can't be read hides no other one, is named with what to do, and can be
// deleted or replaced.
func TestSalvage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's")
	s := open(t, dir)
	at := commit(t, s, Edit{Kind: "network", Name: "blue", Text: text("b")}, Edit{Kind: "network", Name: "red", Text: text("r")},
		Edit{Kind: "router", Name: "r1", Text: text("1")})
	put := func(key, value string) {
		t.Helper()
		if _, err := s.engine.client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	put("intent/network/red", encodeObject([]byte("r"))[:objectHeader]+"R")
	put("intent/router/r1", "?")
	list, unreadable, err := s.Salvage(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "blue" || list[0].Revision != at || len(unreadable) != 2 || string(unreadable[0].Text) != "R" {
		t.Fatal(list, unreadable, err)
	}
	_, err = s.Objects(t.Context())
	word := "'" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
	want := "read the intent from " + dir + `: network "red" is not what was written: "isat apply -f FILE --data-dir ` + word +
		`" replaces it, "isat delete network red --data-dir ` + word + `" takes it away, and "isat get intent --data-dir ` + word + `" shows what there is`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("2"), Expect: unreadable[0].Revision}, Edit{Kind: "router", Name: "r1", Expect: unreadable[1].Revision})
	if list := objects(t, s); len(list) != 2 || string(list[1].Text) != "2" {
		t.Error(list)
	}
}

// Where something must be kept already nothing is made.
func TestKeptAlready(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if s, err := Open(t.Context(), Config{Dir: dir, Kept: true, Log: testLog(t)}); err == nil {
		s.Close()
		t.Error("opened")
	} else if !strings.Contains(err.Error(), "nothing of isat's is kept there") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it was made")
	}
}

// An isat that was killed while it made a directory makes it anew.
func TestHalfMade(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	if err := os.Remove(filepath.Join(dir, formatName)); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "holds etcd")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, newName), nil, 0o600), os.WriteFile(filepath.Join(dir, tempPrefix+"x"), nil, 0o600),
		os.RemoveAll(filepath.Join(dir, "etcd/member/wal"))); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	if _, err := os.Stat(filepath.Join(dir, newName)); err == nil {
		t.Error("the directory is still marked as new")
	}
}

// What is written to a directory that was removed, or replaced, would be gone: it is
// refused, and can be saved.
func TestRemovedWhileUsed(t *testing.T) {
	base := t.TempDir()
	dir, away := filepath.Join(base, "data"), filepath.Join(base, "away")
	s := open(t, dir)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("red")})
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(what string) {
		t.Helper()
		_, err := s.Commit(t.Context(), []Edit{{Kind: "network", Name: "blue", Text: text("blue")}})
		if err == nil || !strings.Contains(err.Error(), "was removed while isat uses it: save it with \"isat backup\"") {
			t.Errorf("%s: %v", what, err)
		}
	}
	move(dir, away)
	lost("removed")
	open(t, dir).Close()
	lost("replaced")
	if err := restore(t, backup(t, s), filepath.Join(base, "saved")); err != nil {
		t.Error(err)
	}
	move(dir, filepath.Join(base, "other"))
	move(away, dir)
	move(filepath.Join(dir, etcdName), away)
	lost("etcd removed")
	move(away, filepath.Join(dir, etcdName))
	log := filepath.Join(dir, "etcd/member/wal")
	move(log, away)
	lost("log removed")
	move(away, log)
	commit(t, s, Edit{Kind: "network", Name: "green", Text: text("green")})
}

// mount makes a file system in memory, for root only.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("ISAT_TEST_REQUIRE") == "1" {
			t.Fatal("mount a tmpfs:", err)
		}
		t.Skip("can't mount a tmpfs: run as root: ", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestReadOnly(t *testing.T) {
	root := mount(t, "size=200m")
	dir := filepath.Join(root, "d")
	s := open(t, dir)
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_REMOUNT|flags, "size=200m"); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	remount(unix.MS_RDONLY)
	refused(t, dir, "read-only file system: mount it writable")
	refused(t, filepath.Join(root, "other"), "read-only file system: mount it writable")
	remount(0)
	open(t, dir).Close()
}

// On a full disk nothing is changed by half, the process lives, bindings wait,
// and all goes on when there is room.
func TestFull(t *testing.T) {
	root := mount(t, "size=200m")
	dir := filepath.Join(root, "d")
	s := open(t, dir)
	run(t, s)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	for _, leave := range []int64{0, spare / 2} {
		fillUp(t, root, leave)
		s.Keep([]binding.Kept{kept(1)})
		_, err := s.Commit(t.Context(), []Edit{{Kind: "network", Name: "red", Text: text("2")}, {Kind: "network", Name: "blue", Text: text("2")}})
		var none *FullError
		if !errors.As(err, &none) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "make room on its disk") {
			t.Fatal(err)
		}
		t.Log(err)
		if err := s.Writable(); !errors.As(err, &none) {
			t.Errorf("not said to be full: %v", err)
		}
		if list := objects(t, s); len(list) != 1 || string(list[0].Text) != "1" {
			t.Error("half a change:", list)
		}
		for deadline := time.Now().Add(time.Minute); s.Counts().Failed == 0; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no batch failed")
			}
		}
		makeRoom(t, root)
	}
	written(t, s, 1)
	if err := s.Writable(); err != nil {
		t.Error(err)
	}
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("3")})
	fillUp(t, root, 0)
	s.Close()
	refused(t, dir, "make room on its disk")
}

// fillUp leaves so many bytes of a file system free.
func fillUp(t *testing.T, root string, leave int64) {
	t.Helper()
	var fs unix.Statfs_t
	f, err := os.OpenFile(filepath.Join(root, "fill"), os.O_CREATE|os.O_RDWR, 0o600)
	if err := errors.Join(err, unix.Statfs(root, &fs)); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-leave); err != nil {
		t.Fatal(err)
	}
}

func makeRoom(t *testing.T, root string) {
	t.Helper()
	if err := os.Remove(filepath.Join(root, "fill")); err != nil {
		t.Fatal(err)
	}
}

// When others take the room that a write was sure of, etcd gives up, the process
// lives, and the store is opened again when there is room.
func TestFailed(t *testing.T) {
	root := mount(t, "size=300m")
	s := open(t, filepath.Join(root, "d"))
	run(t, s)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	fillUp(t, root, 0)
	e := s.engine
	mebibyte := strings.Repeat("x", 1<<20)
	for i := 0; ; i++ {
		err := e.do(t.Context(), func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.Put(ctx, "filler", mebibyte)
			return err
		})
		if err != nil {
			t.Logf("after %d MiB: %v", i, err)
			break
		}
	}
	select {
	case <-e.failed:
	case <-time.After(time.Minute):
		t.Fatal("etcd has not failed")
	}
	s.Keep([]binding.Kept{kept(1)})
	if _, err := s.Commit(t.Context(), []Edit{{Kind: "network", Name: "red", Text: text("2")}}); err == nil {
		t.Error("a change of a store that has failed")
	} else {
		t.Log(err)
	}
	makeRoom(t, root)
	written(t, s, 1)
	if list := objects(t, s); len(list) != 1 || string(list[0].Text) != "1" {
		t.Error(list)
	}
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("3")})
}

// When the database can't be written etcd gives up, too; what was acknowledged
// is in its log, and there when the store is opened again.
func TestDatabaseFails(t *testing.T) {
	s := open(t, t.TempDir())
	run(t, s)
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no /dev/full: ", err)
	}
	defer full.Close()
	e := s.engine
	if err := unix.Dup2(int(full.Fd()), descriptorOf(t, s.dir.database())); err != nil {
		t.Fatal(err)
	}
	at := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("2")})
	select {
	case <-e.failed:
		t.Log(e.err)
	case <-time.After(time.Minute):
		t.Fatal("etcd has not failed")
	}
	for deadline := time.Now().Add(time.Minute); s.Ready() != nil; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not opened again: ", s.Ready())
		}
	}
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("3"), Expect: at})
}

// descriptorOf finds the descriptor of an open file.
func descriptorOf(t *testing.T, path string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc: ", err)
	}
	for _, entry := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && name == path {
			fd, err := strconv.Atoi(entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	t.Fatalf("%s is not open", path)
	return 0
}
