package ofconn

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestListen(t *testing.T) {
	taken, err := Listen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir, err := os.MkdirTemp("", "listen")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := filepath.Join(dir, "used")
	l, err := Listen("unix:" + used)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tc := range []struct{ addr, want string }{
		{"tcp:" + taken.Addr().String(), `listen for switches on tcp:` + taken.Addr().String() +
			`: address already in use: "ss -ltnp" shows who has it: stop that one or choose another port`},
		{taken.Addr().String(), "address already in use"},
		{"6653", `listen for switches on "6653": want tcp:HOST:PORT, :PORT or unix:PATH`},
		{"", `listen for switches on "": want`},
		{"unix:", "want unix:PATH"},
		{"tcp:192.0.2.1:0", `listen for switches on tcp:192.0.2.1:0: cannot assign requested address: no interface has this address`},
		{"tcp:127.0.0.1:nonsense", "nonsense"},
		{"unix:" + file, `: address already in use: another process listens there, or it is not a socket: stop that one or choose another path`},
		{"unix:" + used, "address already in use: another process listens there"},
		{"unix:" + dir + "/none/socket", "no such file or directory"},
	} {
		l, err := Listen(tc.addr)
		if err == nil {
			l.Close()
			t.Errorf("listen on %q: no error", tc.addr)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("listen on %q: %v\nwant: %s", tc.addr, err, tc.want)
		}
	}
	for _, addr := range []string{":0", "tcp::0", "tcp:[::1]:0", "127.0.0.1:0"} {
		l, err := Listen(addr)
		if err != nil {
			if strings.Contains(addr, "::1") && strings.Contains(err.Error(), "no interface") {
				continue // a machine without IPv6
			}
			t.Errorf("listen on %q: %v", addr, err)
			continue
		}
		l.Close()
	}
}

// The socket of a process that was killed does not keep the next one from starting.
func TestListenReplacesLeftoverSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "listen")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil || st.Mode&0o777 != 0o660 {
		t.Errorf("mode %o, %v", st.Mode&0o777, err)
	}
}
