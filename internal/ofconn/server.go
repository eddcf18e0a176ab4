package ofconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server accepts the connections of switches.
type Server struct {
	cfg      Config
	handler  Handler
	counters Counters
	refusals repeats

	mu       sync.Mutex
	sessions map[*Session]struct{}
	byDPID   map[uint64]*Session
	nextSeq  uint64
}

// New makes a server. Zero fields of cfg get their defaults.
func New(cfg Config, h Handler) *Server {
	return &Server{
		cfg: cfg.withDefaults(), handler: h,
		sessions: make(map[*Session]struct{}),
		byDPID:   make(map[uint64]*Session),
	}
}

// Counters are the server's counters, which go on counting.
func (srv *Server) Counters() *Counters { return &srv.counters }

// Serve accepts switches on l until ctx ends, then closes l and the sessions that
// it accepted, and returns nil when all of them are gone (each had its Down). It
// may be called several times at once, with different listeners. An error is one
// of l.
func (srv *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()

	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !passing(err) {
				return fmt.Errorf("accept switches on %s: %w", l.Addr(), err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			srv.cfg.Log.Warn("can't accept a switch now", "listener", l.Addr().String(), "reason", err, "retry", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		pause = 0
		if s := srv.accept(conn, peer(conn)); s != nil {
			sessions.Go(func() { s.run(ctx) })
		}
	}
}

// passing reports whether an Accept that failed so may succeed later: a
// connection that is already gone, or a lack of files or memory.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// accept makes the session of a connection, or closes it when there are too many.
func (srv *Server) accept(conn net.Conn, address string) *Session {
	srv.counters.Accepted.Add(1)
	srv.mu.Lock()
	if len(srv.sessions) >= srv.cfg.MaxSessions {
		srv.mu.Unlock()
		conn.Close()
		srv.counters.Refused.Add(1)
		if srv.refusals.first("sessions " + host(address)) {
			srv.cfg.Log.Warn("too many switches: connection closed", "address", address, "limit", srv.cfg.MaxSessions)
		}
		return nil
	}
	srv.nextSeq++
	s := newSession(srv, conn, address, srv.nextSeq)
	srv.sessions[s] = struct{}{}
	srv.mu.Unlock()
	srv.counters.Sessions.Add(1)
	return s
}

// claim gives the datapath id to s. An older session that has it is closed first,
// and its Down is over when claim returns. If s is the older one, s loses
// (conformance O3).
func (srv *Server) claim(s *Session, dpid uint64) error {
	for {
		srv.mu.Lock()
		other := srv.byDPID[dpid]
		if other == nil {
			s.dpid = dpid
			s.log = s.log.With("switch", fmt.Sprintf("%016x", dpid))
			srv.byDPID[dpid] = s
			srv.mu.Unlock()
			return nil
		}
		srv.mu.Unlock()
		if other.seq > s.seq {
			return fmt.Errorf("%w: switch %016x is connected from %s", ErrReplaced, dpid, other.address)
		}
		srv.counters.Replaced.Add(1)
		s.log.Warn("switch connected again: the newer connection wins",
			"switch", fmt.Sprintf("%016x", dpid), "older", other.address)
		other.Close(fmt.Errorf("%w, from %s", ErrReplaced, s.address))
		select {
		case <-other.done:
		case <-s.closed:
			return s.reason
		}
	}
}

// release forgets a session that has ended.
func (srv *Server) release(s *Session) {
	srv.mu.Lock()
	delete(srv.sessions, s)
	if srv.byDPID[s.dpid] == s {
		delete(srv.byDPID, s.dpid)
	}
	srv.mu.Unlock()
	srv.counters.Sessions.Add(-1)
}

// logRefusal says why a connection never came up: once a minute for each host
// and reason, since a switch that is refused tries again every few seconds.
func (srv *Server) logRefusal(s *Session, err error) {
	if errors.Is(err, ErrServerClosed) || errors.Is(err, context.Canceled) {
		return
	}
	if !srv.refusals.first(host(s.address) + " " + strings.ReplaceAll(err.Error(), s.address, "")) {
		return
	}
	var r *refusal
	if errors.As(err, &r) {
		s.log.Warn(r.text)
		return
	}
	s.log.Warn("handshake failed", "reason", err)
}

// peer is the address of the other end in the notation of Open vSwitch.
func peer(conn net.Conn) string {
	a := conn.RemoteAddr()
	if a.Network() == "unix" {
		// The connecting side has no name: the listening path says more.
		return "unix:" + conn.LocalAddr().String()
	}
	return a.Network() + ":" + a.String()
}

// host is address without the port, which differs in each attempt.
func host(address string) string {
	if h, _, err := net.SplitHostPort(strings.TrimPrefix(address, "tcp:")); err == nil {
		return h
	}
	return address
}
