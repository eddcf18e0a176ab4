package ofconn

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// Listen opens the socket that switches connect to: "tcp:HOST:PORT", "HOST:PORT"
// or ":PORT" (an empty host is every address of the machine), or "unix:PATH". The
// errors are one line that says which address it is and what to do.
//
// The socket file of a unix address may be used by owner and group; one that is
// left over from a process which is gone is replaced.
func Listen(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(path)
	}
	hostport := strings.TrimPrefix(addr, "tcp:")
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		return nil, fmt.Errorf("listen for switches on %q: want tcp:HOST:PORT, :PORT or unix:PATH", addr)
	}
	l, err := net.Listen("tcp", hostport)
	if err != nil {
		return nil, listenError("tcp:"+hostport, err)
	}
	return l, nil
}

func listenUnix(path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New(`listen for switches on "unix:": want unix:PATH`)
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && leftover(path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listen for switches on unix:%s: remove the old socket: %w", path, err)
		}
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, listenError("unix:"+path, err)
	}
	// Whoever connects is believed to be a switch: not everybody may.
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("listen for switches on unix:%s: %w", path, err)
	}
	return l, nil
}

// leftover reports whether path is a socket that nobody listens on.
func leftover(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// listenError says what can be done about err.
func listenError(addr string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(addr, "unix:"):
		hint = ": another process listens there, or it is not a socket: stop that one or choose another path"
	case errors.Is(err, syscall.EADDRINUSE):
		hint = `: "ss -ltnp" shows who has it: stop that one or choose another port`
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = `: no interface has this address ("ip address" shows them)`
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		hint = ": this user may not: run as root or choose another address"
	}
	// The address is in the text already: keep only the cause.
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return fmt.Errorf("listen for switches on %s: %w%s", addr, err, hint)
}
