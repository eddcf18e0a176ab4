package ofconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

const (
	// readBuffer holds several messages of the largest size (64 KiB), so that a
	// burst is one read.
	readBuffer = 256 << 10
	// writeChunk bounds one write, and with it how long the lock around writes
	// is held.
	writeChunk = 256 << 10
	// answerChunk is how many bytes of answers the reader gathers before it writes
	// them, so that the switch need not wait for those to the whole read buffer.
	answerChunk = 32 << 10
	// sendChunk is how many bytes Send writes itself, on the sender's time: what a
	// step of the core has for a switch.
	sendChunk = 64 << 10
	// keepBuffer is the largest buffer that is kept for reuse; a larger one
	// served a burst and goes back.
	keepBuffer = 256 << 10
)

// Session is the connection of one switch. Its methods may be called from any
// goroutine.
type Session struct {
	// Owner is the handler's own, to be set in Up and used in its calls.
	Owner any

	srv     *Server
	cfg     *Config
	log     *slog.Logger
	conn    net.Conn
	raw     syscall.RawConn // of conn, nil if it has none
	address string
	seq     uint64 // order of acceptance: the larger is the newer
	dpid    uint64 // written before the session is registered, then constant

	// The reader's own.
	in      frames
	heard   time.Time // when the switch last said something
	missed  int       // echo requests since then
	out     []byte    // answers of the batch
	views   [MaxPacketIns]openflow.PacketIn2View
	viewed  int                  // views that wait for the handler
	removed openflow.FlowRemoved // the last that was read
	batch   batchCounts
	logged  limiter
	started time.Time
	up      bool

	// writing is held around each write, so that messages stay whole.
	writing       sync.Mutex
	writeDeadline time.Time

	// The queue of Send.
	queueing sync.Mutex
	queue    []byte
	queued   int           // bytes in queue and being written
	kick     chan struct{} // queue is not empty
	drained  chan struct{} // queued became less
	// finishing counts the writes in the background. It only grows under
	// queueing, and not once conn is closed.
	finishing sync.WaitGroup

	exchanges exchanges
	nextXID   atomic.Uint64
	bundles   atomic.Uint32
	syncing   chan struct{} // holds a token while a Sync runs
	dumping   chan struct{} // likewise for Flows

	closing sync.Once
	closed  chan struct{} // the connection is being torn down
	reason  error         // why; readable once closed is closed
	done    chan struct{} // nothing of the session runs any more
}

func newSession(srv *Server, conn net.Conn, address string, seq uint64) *Session {
	s := &Session{
		srv: srv, cfg: &srv.cfg, conn: conn, address: address, seq: seq,
		log:     srv.cfg.Log.With("address", address),
		in:      frames{conn: conn, buf: make([]byte, readBuffer)},
		kick:    make(chan struct{}, 1),
		drained: make(chan struct{}, 1),
		syncing: make(chan struct{}, 1),
		dumping: make(chan struct{}, 1),
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if c, ok := conn.(syscall.Conn); ok {
		s.raw, _ = c.SyscallConn() // without it, everything is queued
	}
	return s
}

// DatapathID is the identity of the switch. It is known from [Handler.Up] on.
func (s *Session) DatapathID() uint64 { return s.dpid }

// Address says where the switch connected from: "tcp:ADDR:PORT", or "unix:PATH"
// with the path of the listening socket.
func (s *Session) Address() string { return s.address }

// Close ends the session. Down follows, with err. It does not wait, and only the
// first call has an effect.
func (s *Session) Close(err error) {
	if err == nil {
		err = net.ErrClosed
	}
	s.closing.Do(func() {
		s.reason = err
		close(s.closed)
		s.conn.Close()
	})
}

// ended is the error of a call that was waiting when the session was closed.
func (s *Session) ended() error {
	return fmt.Errorf("session of switch %016x ended: %w", s.dpid, s.reason)
}

// run is the life of the session. It returns when nothing of it is left.
func (s *Session) run(ctx context.Context) {
	defer close(s.done)
	stop := context.AfterFunc(ctx, func() { s.Close(ErrServerClosed) })
	defer stop()

	var writer sync.WaitGroup
	writer.Go(s.writeQueue)

	err := s.read()
	s.Close(err) // an earlier Close, which made the read fail, keeps its reason
	writer.Wait()
	_ = s.queuedBytes() // its lock: whoever was about to write has seen that it is closed
	s.finishing.Wait()
	// Down comes before the datapath id is free, so that Up of the next session
	// of this switch follows it.
	defer s.srv.release(s)

	err = s.reason
	if s.up {
		s.log.Info("session closed", "reason", err)
		s.srv.handler.Down(s, err)
		return
	}
	s.srv.logRefusal(s, err)
	s.srv.counters.Refused.Add(1)
}

// read runs the handshake and then the session, on the reader goroutine.
func (s *Session) read() error {
	s.started = time.Now()
	st, held, err := s.handshake()
	if err != nil {
		return err
	}
	s.up = true
	s.log.Info("session open", "ports", len(st.Ports), "flows", st.Flows.Len(),
		"groups", len(st.Groups), "meters", len(st.Meters), "took", time.Since(s.started))
	s.srv.handler.Up(s, *st)
	st = nil // a million flows are not to live as long as the session
	for len(held) > 0 {
		msg := held[:frameLen(held)]
		held = held[len(msg):]
		s.handle(msg)
	}
	held = nil

	s.heard = time.Now()
	if err := s.conn.SetReadDeadline(s.heard.Add(s.cfg.EchoInterval)); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for {
		if err := s.handleBuffered(); err != nil {
			return err
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill waits for bytes from the switch, and probes a silent one.
func (s *Session) fill() error {
	for {
		n, err := s.in.fill()
		if n > 0 {
			s.heard, s.missed = time.Now(), 0
			s.srv.counters.BytesIn.Add(uint64(n))
			return nil
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return readError(err)
		}
		now := time.Now()
		next := s.heard.Add(s.cfg.EchoInterval)
		if s.missed > 0 || !now.Before(next) {
			if s.missed >= s.cfg.EchoMisses {
				return fmt.Errorf("%w: %d echo requests unanswered, silent for %v", ErrSilent,
					s.missed, now.Sub(s.heard).Round(time.Millisecond))
			}
			s.missed++
			next = now.Add(s.cfg.EchoInterval)
			s.out = openflow.Append(s.out, s.xids(1), &openflow.EchoRequest{})
			if err := s.flush(); err != nil {
				return err
			}
		}
		if err := s.conn.SetReadDeadline(next); err != nil {
			return readError(err)
		}
	}
}

// sessionXIDs is the bit that marks the transaction ids of the session itself.
// The others are the handler's, so that an error for one of its messages is
// never taken for the reply to a request of the session.
const sessionXIDs uint32 = 1 << 31

// xids reserves n consecutive transaction ids and returns the first one.
func (s *Session) xids(n int) uint32 {
	return nthXID(0, uint32(s.nextXID.Add(uint64(n))-uint64(n)))
}

// nthXID is the transaction id n after first; after the last one the first
// follows.
func nthXID(first, n uint32) uint32 { return sessionXIDs | (first + n) }
