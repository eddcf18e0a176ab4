package ofconn

import (
	"log/slog"
	"time"

	"github.com/isat-sdn/isat/openflow"
)

// Config is what a [Server] is made from. A zero field means its default.
type Config struct {
	// Log takes one line per event. Default: slog.Default().
	Log *slog.Logger

	// EchoInterval is how long a switch may say nothing before it is sent an
	// echo request, and how long each request waits for any sign of life.
	// Default 5 s.
	EchoInterval time.Duration
	// EchoMisses is how many echo requests in a row may stay unanswered before
	// the session is closed. Default 3: a dead switch is noticed 20 s after its
	// last word.
	EchoMisses int

	// HandshakeTimeout bounds the negotiation, and then each pause within the
	// dumps that follow it. The whole handshake may take ten times as long.
	// Default 10 s.
	HandshakeTimeout time.Duration
	// WriteTimeout is how long a switch may refuse to take the bytes of one
	// write (about 256 KiB at most); as little as three quarters of it may end
	// the session. Default 10 s.
	WriteTimeout time.Duration

	// MaxSessions bounds the connections that are open at a time; one more is
	// closed at once. Default 1024.
	MaxSessions int
	// MaxQueue bounds the bytes that wait for a switch to take them. A session
	// with more is closed: it comes back and is reconciled, while a message
	// that is left out would not be missed by anyone. Default 64 MiB.
	MaxQueue int
	// MaxFlows bounds the flows that a switch's dump may hold. Default 4 000 000.
	MaxFlows int
}

const (
	defaultEchoInterval     = 5 * time.Second
	defaultEchoMisses       = 3
	defaultHandshakeTimeout = 10 * time.Second
	defaultWriteTimeout     = 10 * time.Second
	defaultMaxSessions      = 1024
	defaultMaxQueue         = 64 << 20
	defaultMaxFlows         = 4_000_000

	// handshakeOverall is how many HandshakeTimeouts a whole handshake may take.
	handshakeOverall = 10

	// maxObjects bounds the ports, groups and meters of a dump, each.
	maxObjects = 1 << 20
	// maxHeld bounds the bytes of messages that arrive during the dumps and are
	// delivered after them.
	maxHeld = 16 << 20
)

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	setDefault(&c.EchoInterval, defaultEchoInterval)
	setDefault(&c.EchoMisses, defaultEchoMisses)
	setDefault(&c.HandshakeTimeout, defaultHandshakeTimeout)
	setDefault(&c.WriteTimeout, defaultWriteTimeout)
	setDefault(&c.MaxSessions, defaultMaxSessions)
	setDefault(&c.MaxQueue, defaultMaxQueue)
	setDefault(&c.MaxFlows, defaultMaxFlows)
	return c
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Handler is what a session tells its owner. For one session the calls never
// overlap: they come from its reader. Sessions are independent of each other,
// except that Down of an older session returns before Up of a newer one with
// the same datapath id is called.
//
// No method may wait for a reply from the same switch ([Session.Sync],
// [Session.Barrier]): the reader that would receive it is the caller.
type Handler interface {
	// Up is called once, after the handshake, with everything the switch said.
	Up(s *Session, st State)
	// Down is called once for each Up, after the last other call. err is why.
	Down(s *Session, err error)
	// PortStatus is a port that came, went or changed.
	PortStatus(s *Session, m *openflow.PortStatus)
	// PacketIns is the hot path. The views, of at most [MaxPacketIns] packet-ins
	// in their order, and what they point to are valid during the call only. It
	// returns out with zero or more whole OpenFlow messages appended; they are
	// written when the reader's batch is done.
	PacketIns(s *Session, views []openflow.PacketIn2View, out []byte) []byte
	// FlowRemoved is a flow that is gone. It and what it points to are valid during
	// the call only.
	FlowRemoved(s *Session, m *openflow.FlowRemoved)
	// Message is everything else: errors, replies nobody waits for, messages of
	// unknown type.
	Message(s *Session, xid uint32, m openflow.Message)
}

// MaxPacketIns is how many packet-ins a [Handler] is given at once: enough for
// it to wait for memory once instead of for each.
const MaxPacketIns = 16

// State is what a switch said of itself during the handshake.
type State struct {
	DatapathID uint64
	Address    string // where it connected from, "tcp:ADDR:PORT" or "unix:PATH"
	Desc       openflow.DescReply
	Ports      []openflow.Port
	Flows      openflow.FlowDump // of all tables
	Groups     []openflow.GroupDesc
	Meters     []openflow.MeterConfig
}
