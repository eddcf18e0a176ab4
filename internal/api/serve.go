package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// answerTimeout is how long an answer may take, and a client that does not read it: an
// intent of the largest size is minutes on a slow machine. Streams have a limit of their
// own for each write.
const answerTimeout = 5 * time.Minute

// headerTimeout is how long the head of a request may take to arrive, and requestTimeout all
// of it: also of a body that no handler reads, for which the server would wait for ever, so
// as to keep the connection. Operations that have a body give it a time of their own.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
)

// idleTimeout is how long a connection is kept for another request.
const idleTimeout = 2 * time.Minute

// shutdownGrace is what requests under way get to finish when the daemon ends.
const shutdownGrace = 2 * time.Second

// Listen opens the address of the API, host:port. The error of a port in use
// says what to do.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen for the API on %s: the address is in use, perhaps by another isat: stop it, or choose another address with --api-listen: %w",
			address, syscall.EADDRINUSE)
	}
	return nil, fmt.Errorf("listen for the API on %s: %w", address, err)
}

// Serve answers requests on ln until ctx ends, which is no error, on no more connections
// than those. It closes ln.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, conns *Connections) error {
	// Watches end with the context of their request, which therefore is ours.
	server := &http.Server{
		Handler:           h,
		ConnState:         conns.follow,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	err := server.Serve(bounded{ln, conns})
	if !stop() {
		<-stopped
	}
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the API on %s: %w", ln.Addr(), err)
}
