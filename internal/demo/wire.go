package demo

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// family is ARP with IPv4, or neighbour discovery with IPv6.
type family int

const (
	ipv4 family = iota
	ipv6
)

func (f family) String() string { return [...]string{ipv4: "IPv4", ipv6: "IPv6"}[f] }

func familyOf(ip netip.Addr) family {
	if ip.Is4() {
		return ipv4
	}
	return ipv6
}

// kind is what a frame is to the demo.
type kind int

const (
	other     kind = iota
	question       // broadcast ARP request, or multicast NS; neither probe nor announcement
	answer         // ARP reply, or solicited NA
	echo           // ICMP echo request
	echoReply      // ICMP echo reply
)

// message is what the demo sees of a frame. peer is the address that a question
// asks for, an answer tells of, and a ping goes to or comes back from; from is
// who asks, or is answered.
type message struct {
	kind       kind
	family     family
	peer, from netip.Addr
}

// ICMP and ICMPv6 types (RFC 792, RFC 4443 §4).
const (
	icmpEchoReply     = 0
	icmpEcho          = 8
	icmpv6Echo        = 128
	icmpv6EchoReply   = 129
	protoICMP         = 1
	protoICMPv6       = 58
	ipv4MinHeader     = 20
	ipv6Header        = 40
	ipv4ProtocolAt    = 9
	ipv4SourceAt      = 12
	ipv4DestinationAt = 16
	ipv6NextAt        = 6
	ipv6SourceAt      = 8
	ipv6DestinationAt = 24
)

// messageOf reads a frame. What breaks a rule of its standard is other.
func messageOf(data []byte) message {
	var f packet.Frame
	if f.Parse(data) != nil {
		return message{}
	}
	switch f.EtherType {
	case packet.EtherTypeARP:
		return arpMessage(&f)
	case packet.EtherTypeIPv4:
		return echoMessage4(f.Payload)
	case packet.EtherTypeIPv6:
		if m := ndMessage(&f); m.kind != other {
			return m
		}
		return echoMessage6(f.Payload)
	}
	return message{}
}

func arpMessage(f *packet.Frame) message {
	var a packet.ARP
	if a.Parse(f.Payload) != nil {
		return message{}
	}
	sender, target := netip.AddrFrom4(a.SPA), netip.AddrFrom4(a.TPA)
	switch {
	case a.Op == packet.ARPReply:
		return message{answer, ipv4, sender, target}
	case a.Op != packet.ARPRequest || f.Dst != packet.Broadcast || sender.IsUnspecified() || sender == target:
		return message{}
	}
	return message{question, ipv4, target, sender}
}

func ndMessage(f *packet.Frame) message {
	var n packet.ND
	if n.Parse(f.Payload) != nil {
		return message{}
	}
	target, src, dst := netip.AddrFrom16(n.Target), netip.AddrFrom16(n.Src), netip.AddrFrom16(n.Dst)
	switch {
	case n.Type == packet.NDAdvertisement && n.Solicited:
		return message{answer, ipv6, target, dst}
	case n.Type != packet.NDSolicitation || !f.Dst.IsMulticast() || src.IsUnspecified():
		return message{}
	}
	return message{question, ipv6, target, src}
}

func echoMessage4(b []byte) message {
	if len(b) < ipv4MinHeader || b[ipv4ProtocolAt] != protoICMP {
		return message{}
	}
	header := int(b[0]&0xf) * 4
	if header < ipv4MinHeader || len(b) <= header {
		return message{}
	}
	src := netip.AddrFrom4([4]byte(b[ipv4SourceAt:]))
	dst := netip.AddrFrom4([4]byte(b[ipv4DestinationAt:]))
	switch b[header] {
	case icmpEcho:
		return message{echo, ipv4, dst, src}
	case icmpEchoReply:
		return message{echoReply, ipv4, src, dst}
	}
	return message{}
}

func echoMessage6(b []byte) message {
	if len(b) <= ipv6Header || b[ipv6NextAt] != protoICMPv6 || int(binary.BigEndian.Uint16(b[4:])) > len(b)-ipv6Header {
		return message{}
	}
	src := netip.AddrFrom16([16]byte(b[ipv6SourceAt:]))
	dst := netip.AddrFrom16([16]byte(b[ipv6DestinationAt:]))
	switch b[ipv6Header] {
	case icmpv6Echo:
		return message{echo, ipv6, dst, src}
	case icmpv6EchoReply:
		return message{echoReply, ipv6, src, dst}
	}
	return message{}
}

// ping is one echo request that a host was told to send.
type ping struct {
	from     string // the host
	to       netip.Addr
	began    time.Time
	ended    time.Time
	answered bool // on the wire, within its time
	resolved bool // a question for the address went before it
	took     time.Duration
}

// traffic is what captures on all hosts saw of one family.
type traffic struct {
	sent      int // questions that hosts sent
	answers   int // answers that reached who asked
	fromOwner int // answers that hosts sent themselves
	atOwner   int // questions that reached the host that has the address
	atOthers  int // copies of questions that reached hosts that do not have it
	reached   map[string]int
}

// wire is a capture on every host, with whose address is whose.
type wire struct {
	frames map[string][]lab.Frame
	owner  map[netip.Addr]string
}

// traffic counts the questions and answers of a family.
func (w *wire) traffic(f family) traffic {
	t := traffic{reached: make(map[string]int)}
	for host, frames := range w.frames {
		for _, frame := range frames {
			m := messageOf(frame.Data)
			if m.family != f {
				continue
			}
			switch {
			case m.kind == question && frame.Out:
				t.sent++
			case m.kind == question && w.owner[m.peer] == host:
				t.atOwner++
			case m.kind == question:
				t.atOthers++
				t.reached[host]++
			case m.kind == answer && frame.Out:
				t.fromOwner++
			case m.kind == answer && w.owner[m.from] == host:
				t.answers++
			}
		}
	}
	return t
}

// follow finds a ping on its host's link: when the question for the address, or
// the ping itself, left, and when the reply came.
func (w *wire) follow(p *ping) {
	var left time.Time
	for _, frame := range w.frames[p.from] {
		if frame.Time.Before(p.began) || frame.Time.After(p.ended) {
			continue
		}
		m := messageOf(frame.Data)
		if m.peer != p.to {
			continue
		}
		switch {
		case m.kind == question && frame.Out && left.IsZero():
			left, p.resolved = frame.Time, true
		case m.kind == echo && frame.Out && left.IsZero():
			left = frame.Time
		case m.kind == echoReply && !frame.Out && !left.IsZero():
			p.answered, p.took = true, frame.Time.Sub(left)
			return
		}
	}
}
