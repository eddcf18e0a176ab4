package listen

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A socket that somebody left is replaced, one that is listened on is not, and neither
// is anything else.
func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	left.Close()
	l, err := Unix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		path: "another process listens there", file: "it is not a socket", filepath.Join(file, "s"): "not a directory",
		filepath.Join(file+"s", "s"): "make its directory first", "/" + strings.Repeat("s", 107): "longer than 107 bytes, and has 108",
	} {
		if l, err := Unix(path, 0o600); err == nil {
			l.Close()
			t.Errorf("%s: opened", path)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "listen ") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "text" {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestTCP(t *testing.T) {
	l, err := TCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for address, want := range map[string]string{l.Addr().String(): "shows who has it: stop that one or choose another port", "192.0.2.1:0": "no interface has this address"} {
		if l, err := TCP(address); err == nil {
			l.Close()
			t.Errorf("%s: opened", address)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
