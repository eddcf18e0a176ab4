// Package ofconn holds the OpenFlow sessions of the switches that connect to
// isat.
//
// A [Server] accepts connections on any number of listeners. Each becomes a
// [Session], which shakes hands, asks the switch for everything it remembers
// (ports, flows, groups, meters), hands that to the [Handler], and from then on
// delivers what the switch says until the connection ends.
//
// # Goroutines
//
// Each session has one reader. It handles every message that its read buffer
// holds and then writes all the answers at once, so that a burst of packet-ins
// costs two system calls. [Handler.PacketIns] runs on it and allocates nothing.
// Messages of other goroutines ([Session.Send]) go through a bounded queue to
// the session's writer. The two only share the lock around the write itself,
// so whole messages never mix, but they have no order between them.
//
// # When the other side misbehaves
//
//   - A message that can't be decoded is answered with an OpenFlow error and
//     counted; the session goes on. When the framing is lost (a length below 8
//     or another version) the session is closed.
//   - A switch that says nothing is sent echo requests, then closed.
//   - A switch that stops reading is closed when a write takes longer than
//     [Config.WriteTimeout], or when its queue is over [Config.MaxQueue].
//   - Of two connections with the same datapath id the newer one stays.
//
// Sources: OpenFlow Switch Specification 1.3.5 ("OF1.3" with a section number),
// ONF extension 230 (bundles), and ovs-fields(7), ovs-actions(7) for the Nicira
// extensions.
package ofconn
