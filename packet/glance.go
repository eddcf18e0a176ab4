package packet

import "encoding/binary"

// Glance is what is seen of an IP packet without judging it: where it says that it comes
// from, and what it carries.
type Glance struct {
	V6       bool
	Src      [16]byte // an IPv4 address in its mapped form
	Protocol uint8    // the upper layer; 0 if the headers end before it
	Fragment bool
	UDPTo    uint16 // destination port, 0 if it isn't UDP or the port isn't there
	ICMPType uint8  // of ICMPv6, likewise
}

// Parse fills the view from a frame's payload. ok is false if that is no IP packet with a
// whole header.
func (g *Glance) Parse(f *Frame) (ok bool) {
	*g = Glance{}
	var upper []byte
	switch f.EtherType {
	case EtherTypeIPv4:
		var ip ipv4
		if ip.parse(f.Payload) != nil {
			return false
		}
		g.Src[10], g.Src[11] = 0xff, 0xff
		copy(g.Src[12:], ip.src[:])
		g.Protocol, g.Fragment = ip.protocol, ip.later || binary.BigEndian.Uint16(ip.header[6:])&ipv4MoreFragments != 0
		upper = ip.payload
	case EtherTypeIPv6:
		var ip ipv6
		if ip.parseHeader(f.Payload) != nil {
			return false
		}
		g.V6, g.Src = true, ip.src
		if ip.walkAll() != nil {
			return true
		}
		g.Protocol, g.Fragment, upper = ip.protocol, ip.fragmented, ip.upper
	default:
		return false
	}
	switch {
	case g.Fragment:
	case g.Protocol == protocolUDP && len(upper) >= udpHeaderLen:
		g.UDPTo = binary.BigEndian.Uint16(upper[2:])
	case g.V6 && g.Protocol == nextICMPv6 && len(upper) > 0:
		g.ICMPType = upper[0]
	}
	return true
}
