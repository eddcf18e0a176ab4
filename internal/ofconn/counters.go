package ofconn

import "sync/atomic"

// Counters counts what all sessions of a server did since it was made. The
// fields only grow, except Sessions.
type Counters struct {
	Sessions atomic.Int64  // connections open now, in the handshake or up
	Accepted atomic.Uint64 // connections accepted
	Refused  atomic.Uint64 // connections that never came up
	Replaced atomic.Uint64 // sessions closed because the same switch connected again

	PacketIns   atomic.Uint64 // packet-ins given to the handler
	EarlyPkts   atomic.Uint64 // packet-ins dropped because the handshake was not over
	PortStatus  atomic.Uint64
	FlowRemoved atomic.Uint64
	Errors      atomic.Uint64 // error messages received
	Echoes      atomic.Uint64 // echo requests and replies received
	OtherIn     atomic.Uint64
	Malformed   atomic.Uint64 // messages that could not be decoded, or that no switch may send

	PacketOuts atomic.Uint64 // messages sent, by kind
	FlowMods   atomic.Uint64 // bundled ones included
	OtherOut   atomic.Uint64
	BytesIn    atomic.Uint64
	BytesOut   atomic.Uint64
}
