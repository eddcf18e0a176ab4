package pipeline

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
)

// FloodActions make a packet-out reach every attachment of a network but the
// ingress port that the packet-out names.
func FloodActions(b []byte, s binding.Segment) []byte {
	return openflow.AppendActions(b, set(fieldSegment, segmentValue(s)), lookup(Flood))
}

// GoOnActions make a packet-out go on from answer, as if it had just come in at an
// attachment: what ReasonClaim sent to the controller. Nobody is learned from it.
func GoOnActions(b []byte, s binding.Segment, at binding.PortKey) []byte {
	return openflow.AppendActions(b, set(fieldSegment, segmentValue(s)), set(fieldIngress, uint64(at)), lookup(Answer))
}

// deliverTemplate makes a packet leave through the attachment whose key stands
// at deliverKeyAt.
var deliverTemplate = openflow.AppendActions(nil, set(fieldEgress, 0), lookup(Deliver))

// deliverKeyAt is where the value of the first action stands: after the heads
// of the action and of the field, of four bytes each.
const deliverKeyAt = 8

// AppendDeliver appends the actions that make a packet-out leave through one
// attachment. It allocates nothing if b has room.
func AppendDeliver(b []byte, to binding.PortKey) []byte {
	start := len(b)
	b = append(b, deliverTemplate...)
	binary.BigEndian.PutUint32(b[start+deliverKeyAt:], uint32(to))
	return b
}

// Unreachable says that nobody answers for a next hop: the actions that turn an
// ICMP error made of the packet, by packet.AppendComposedICMP4 or 6, into one to
// the packet's sender, and route it there (RFC 1812 §5.2.7.1, RFC 4443 §3.1).
// from is the interface that the packet came in on.
func (p *Program) Unreachable(r *intent.Router, from *intent.Interface, is4 bool) ([]byte, error) {
	i := &routerInterface{from, &router{Router: r}}
	family, source, ok := "ip6", netip.Addr{}, false
	if is4 {
		family = "ip4"
		source, ok = i.source4()
	} else {
		source, ok = i.source6()
	}
	if !ok {
		return nil, fmt.Errorf("router %q has no address of %s in network %q", r.Name, family, from.Network)
	}
	text := fmt.Sprintf("router = %q; %s.dst = %s.src; %s.src = %s; next(routing);", r.Name, family, family, family, source)
	acts, err := logical.ParseActions(Symbols(), text)
	if err != nil {
		return nil, err
	}
	done, err := acts.Compile(packetOutTarget(p.names(nil)))
	if err != nil {
		return nil, err
	}
	return openflow.AppendActions(nil, done.Apply...), nil
}

// packetOutTarget is what actions mean in a packet-out, which has no
// instructions.
func packetOutTarget(names logical.Names) *logical.Target {
	t := target(Classify, names)
	t.Goto = false
	return t
}
