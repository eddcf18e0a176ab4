package ofconn

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/isat-sdn/isat/internal/listen"
)

// Listen opens the socket that switches connect to: "tcp:HOST:PORT", "HOST:PORT"
// or ":PORT" (an empty host is every address of the machine), or "unix:PATH". The
// errors are one line that says which address it is and what to do.
//
// The socket file of a unix address may be used by owner and group; one that is
// left over from a process which is gone is replaced.
func Listen(addr string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(addr, "unix:")
	hostport := strings.TrimPrefix(addr, "tcp:")
	var l net.Listener
	var err error
	switch {
	case isUnix && path == "":
		return nil, errors.New(`listen for switches on "unix:": want unix:PATH`)
	case isUnix:
		// Whoever connects is believed to be a switch: not everybody may.
		l, err = listen.Unix(path, 0o660)
	default:
		if _, _, err := net.SplitHostPort(hostport); err != nil {
			return nil, fmt.Errorf("listen for switches on %q: want tcp:HOST:PORT, :PORT or unix:PATH", addr)
		}
		addr = "tcp:" + hostport
		l, err = listen.TCP(hostport)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for switches on %s: %w", addr, err)
	}
	return l, nil
}
