package packet

import "encoding/binary"

// Glance is what is seen of an IP packet without judging it: where it says that it comes
// from, and what it carries.
type Glance struct {
	V6       bool
	Src      [16]byte // an IPv4 address in its mapped form
	Protocol uint8    // the upper layer; 0 if the headers end before it
	Hidden   bool     // the headers, or a first fragment, end before port or type; of IPv6
	First    bool     // the first fragment, of IPv6
	UDPTo    uint16   // destination port, 0 if it isn't UDP or the port isn't there
	ICMPType uint8    // of ICMPv6, likewise
}

// Parse fills the view from a frame's payload. ok is false if that is no IP packet with a
// whole header.
func (g *Glance) Parse(f *Frame) (ok bool) {
	*g = Glance{}
	var upper []byte // nil in a later fragment
	switch f.EtherType {
	case EtherTypeIPv4:
		var ip ipv4
		if ip.parse(f.Payload) != nil {
			return false
		}
		g.Src[10], g.Src[11] = 0xff, 0xff
		copy(g.Src[12:], ip.src[:])
		g.Protocol = ip.protocol
		if !ip.later {
			upper = ip.payload
		}
	case EtherTypeIPv6:
		var ip ipv6
		if ip.parseHeader(f.Payload) != nil {
			return false
		}
		g.V6, g.Src = true, ip.src
		if ip.walkAll() != nil {
			g.Hidden = true
			return true
		}
		g.Protocol = ip.protocol
		if !ip.later {
			upper, g.First = ip.upper, ip.fragmented
		}
	default:
		return false
	}
	switch {
	case g.Protocol == protocolUDP && len(upper) >= udpHeaderLen:
		g.UDPTo = binary.BigEndian.Uint16(upper[2:])
	case g.V6 && g.Protocol == nextICMPv6 && len(upper) > 0:
		g.ICMPType = upper[0]
	}
	g.Hidden = g.First && (g.Protocol == protocolUDP && g.UDPTo == 0 || g.Protocol == nextICMPv6 && g.ICMPType == 0)
	return true
}
