package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// TCP listens on HOST:PORT; an empty host is every address of the machine.
func TCP(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, explain(err, `: "ss -ltnp" shows who has it: stop that one or choose another port`)
	}
	return l, nil
}

// maxPath is what a socket's address has room for (unix(7)), less the zero byte at its end.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// Unix listens on a socket file, which has this mode. One that is left over from
// a process that is gone is replaced.
func Unix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("the path of a socket can't be longer than %d bytes, and has %d: choose a shorter one", maxPath, len(path))
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && leftover(path) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove the old socket: %w", err)
		}
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, explain(err, ": another process listens there, or it is not a socket: stop that one or choose another path")
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
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

// explain says what can be done about err, and leaves out the address, which
// the caller names.
func explain(err error, inUse string) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = inUse
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = `: no interface has this address ("ip address" shows them)`
	case errors.Is(err, fs.ErrNotExist):
		hint = ": make its directory first, or choose another path"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		hint = ": this user may not: run as root or choose another address"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return fmt.Errorf("%w%s", err, hint)
}
