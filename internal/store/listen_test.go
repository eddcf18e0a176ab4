package store

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// listening lists the sockets that this process listens on: of TCP by their local
// address in hexadecimal, of Unix by their path.
func listening(t *testing.T) (list []string) {
	t.Helper()
	own := make(map[string]bool)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("there is no /proc: ", err)
	}
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			if inode, ok := strings.CutPrefix(name, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, table := range []struct {
		file                string
		state, inode, local int    // fields
		listen              string // state of one that listens
	}{{"tcp", 3, 9, 1, "0A"}, {"tcp6", 3, 9, 1, "0A"}, {"unix", 3, 6, 7, "00010000"}} {
		data, err := os.ReadFile("/proc/self/net/" + table.file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) > table.inode && f[table.state] == table.listen && own[f[table.inode]] {
				list = append(list, f[min(table.local, len(f)-1)])
			}
		}
	}
	return list
}

// Nobody but isat reaches etcd, unless it is told where.
func TestNothingListens(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	if list := listening(t); len(list) != 0 {
		t.Errorf("it listens on %v", list)
	}
	path := filepath.Join(t.TempDir(), "etcd.sock")
	told, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: Endpoint("unix://" + path), Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	if list := listening(t); len(list) != 1 || list[0] != path {
		t.Errorf("it listens on %v, and was told %s", list, path)
	}
	told.Close()
	if list := listening(t); len(list) != 0 {
		t.Errorf("closed, it listens on %v", list)
	}
}

// Where etcd is told to listen all can be read, and nothing written.
func TestReaders(t *testing.T) {
	for _, at := range []Endpoint{"http://127.0.0.1:0", "http://localhost:0", Endpoint("unix://" + filepath.Join(t.TempDir(), "etcd.sock"))} {
		t.Run(string(at[:4]), func(t *testing.T) {
			var log strings.Builder
			s, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: at, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			revision := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
			_, endpoint, ok := strings.Cut(log.String(), "endpoint=")
			if !ok {
				t.Fatalf("the log does not say where:\n%s", log.String())
			}
			c := reader(t, strings.TrimSpace(endpoint))
			readAll(t, c, strings.TrimSpace(endpoint))
			writeNothing(t, c)
			if list := objects(t, s); len(list) != 1 || list[0].Revision != revision {
				t.Errorf("something was changed: %+v", list)
			}
		})
	}
}

func reader(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func readAll(t *testing.T, c *clientv3.Client, endpoint string) {
	t.Helper()
	r, err := c.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil || len(r.Kvs) != 1 || string(r.Kvs[0].Key) != "intent/network/red" {
		t.Fatalf("%v, %v", r, err)
	}
	if s, err := c.Status(t.Context(), endpoint); err != nil || s.Leader != s.Header.MemberId {
		t.Errorf("status: %v, %v", s, err)
	}
	if m, err := c.MemberList(t.Context()); err != nil || len(m.Members) != 1 {
		t.Errorf("members: %v, %v", m, err)
	}
	if a, err := c.AlarmList(t.Context()); err != nil || len(a.Alarms) != 0 {
		t.Errorf("alarms: %v, %v", a, err)
	}
	snapshot, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	if n, err := io.Copy(io.Discard, snapshot); err != nil || n == 0 {
		t.Errorf("snapshot of %d bytes: %v", n, err)
	}
	if w, open := <-c.Watch(t.Context(), "intent/network/red", clientv3.WithRev(1)); !open || len(w.Events) != 1 {
		t.Errorf("watch: %+v", w)
	}
}

func writeNothing(t *testing.T, c *clientv3.Client) {
	t.Helper()
	for name, call := range map[string]func(context.Context) error{
		"put":    func(ctx context.Context) error { _, err := c.Put(ctx, "intent/network/red", "x"); return err },
		"delete": func(ctx context.Context) error { _, err := c.Delete(ctx, "", clientv3.WithPrefix()); return err },
		"txn": func(ctx context.Context) error {
			_, err := c.Txn(ctx).Then(clientv3.OpPut("a", "b")).Commit()
			return err
		},
		"compact": func(ctx context.Context) error { _, err := c.Compact(ctx, 1); return err },
		"lease":   func(ctx context.Context) error { _, err := c.Grant(ctx, 10); return err },
		"member": func(ctx context.Context) error {
			_, err := c.MemberAdd(ctx, []string{"http://127.0.0.1:1"})
			return err
		},
		"auth": func(ctx context.Context) error { _, err := c.RoleAdd(ctx, "root"); return err },
		"alarm": func(ctx context.Context) error {
			_, err := c.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: 1})
			return err
		},
		"defragment": func(ctx context.Context) error { _, err := c.Defragment(ctx, c.Endpoints()[0]); return err },
	} {
		err := call(t.Context())
		if status.Code(err) != codes.PermissionDenied && !strings.Contains(err.Error(), `change what is asked for with "isat apply"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An endpoint that can't be is refused in one line that says what to do.
func TestEndpointRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for at, want := range map[Endpoint]string{
		"http://192.0.2.1:2379":                     "open to other hosts, and etcd asks nobody who he is",
		"http://0.0.0.0:2379":                       "open to other hosts",
		"http://etcd.example:2379":                  "open to other hosts",
		"https://127.0.0.1:2379":                    "want http://127.0.0.1:PORT, or unix:///PATH",
		"http://127.0.0.1":                          "want http://127.0.0.1:PORT",
		"http://me@127.0.0.1:2379":                  "want http://127.0.0.1:PORT",
		"127.0.0.1:2379":                            "want http://127.0.0.1:PORT",
		"unix:etcd.sock":                            "want http://127.0.0.1:PORT",
		"http://127.0.0.1:99999":                    "want http://127.0.0.1:PORT",
		"unix:///nowhere/etcd.sock":                 "make its directory first",
		Endpoint("unix://" + t.TempDir()):           "it is not a socket",
		Endpoint("http://" + taken.Addr().String()): `"ss -ltnp" shows who has it`,
	} {
		dir := t.TempDir()
		s, err := Open(t.Context(), Config{Dir: dir, Listen: at, Log: testLog(t)})
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", at)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), string(at)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", at, err, want)
		}
		open(t, dir).Close() // it let go of the directory
	}
}
