package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// relay carries the switches' connections out of their namespace to the controller. Each accepted
// connection is dialled on at once, and both are closed when either ends, so that a controller
// that goes away is seen by the switch as at once as without the relay.
type relay struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	stop     context.CancelFunc
	done     chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once closed
}

// dialTimeout bounds how long a switch is kept waiting for a controller that doesn't answer.
const dialTimeout = 5 * time.Second

func startRelay(l net.Listener, dial func(context.Context) (net.Conn, error)) *relay {
	ctx, stop := context.WithCancel(context.Background())
	r := &relay{listener: l, dial: dial, stop: stop, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	go r.run(ctx)
	return r
}

// Close ends the relay and all its connections.
func (r *relay) Close() error {
	r.stop()
	r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.conns = nil
	r.mu.Unlock()
	<-r.done
	return nil
}

func (r *relay) run(ctx context.Context) {
	defer close(r.done)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		c, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors or memory: what is open goes on; the switch will try again.
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		sessions.Go(func() { r.session(ctx, c) })
	}
}

func (r *relay) session(ctx context.Context, in net.Conn) {
	defer in.Close()
	if !r.track(in) {
		return
	}
	defer r.untrack(in)
	dctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	out, err := r.dial(dctx)
	if err != nil {
		return // the switch sees its connection close and backs off as it would from a refusal
	}
	defer out.Close()
	if !r.track(out) {
		return
	}
	defer r.untrack(out)
	var half sync.WaitGroup
	half.Go(func() {
		_, _ = io.Copy(out, in)
		out.Close()
		in.Close()
	})
	_, _ = io.Copy(in, out)
	in.Close()
	out.Close()
	half.Wait()
}

func (r *relay) track(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relay) untrack(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// relayHere starts a relay inside this process: it listens in the namespace and dials where the
// process is.
func relayHere(namespace, listen string, to target) (closer, error) {
	var l net.Listener
	err := inNamespace(namespace, func() (err error) {
		l, err = net.Listen("tcp", listen)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("relay for controller %s: %w", to.address, err)
	}
	var d net.Dialer
	return startRelay(l, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, to.network, to.address) }), nil
}

// relayFrom is the relay as a process of its own in the switches' namespace: it listens where it is
// and dials in the namespace that outer refers to.
func relayFrom(outer *os.File, listen, dial string) (*relay, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{FallbackDelay: -1} // one goroutine dials, the one whose thread is in the namespace
	return startRelay(l, func(ctx context.Context) (conn net.Conn, err error) {
		err = onNamespaceThread(int(outer.Fd()), func() error {
			conn, err = d.DialContext(ctx, "tcp", dial)
			return err
		})
		return conn, err
	}), nil
}

// resolveTarget looks the controller's name up here and now: the relay's threads are in a
// namespace without name servers.
func resolveTarget(address string) (string, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return "", fmt.Errorf("controller %s: %w", address, err)
	}
	return addr.String(), nil
}
