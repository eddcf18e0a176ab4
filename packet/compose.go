package packet

import "encoding/binary"

// ICMP types and codes that are composed (RFC 792), and what RFC 1812 says of the datagram.
const (
	icmp4Unreachable     = 3
	icmp4HostUnreachable = 1

	icmpHeaderLen = 8   // of ICMP and ICMPv6 errors: type, code, checksum, four octets
	icmp4MaxLen   = 576 // of the whole datagram (RFC 1812 §4.3.2.3)
	icmp4TTL      = 255

	tosBits                    = 0x1c // the TOS field less what ECN took of it (RFC 3168 §22)
	precedenceInternetworkCtrl = 6 << 5
)

// ICMPv6 types and codes that are composed or told apart (RFC 4443 §2.1, §3; RFC 4861 §4.5).
const (
	icmp6Unreachable        = 1
	icmp6AddressUnreachable = 3
	icmp6PacketTooBig       = 2
	icmp6ParameterProblem   = 4
	icmp6UnrecognizedOption = 2    // code of a parameter problem
	icmp6Informational      = 0x80 // the bit of a type that errors haven't got
	icmp6Redirect           = 137
)

// AppendComposedARP appends the frame that `arp { … }` begins with: a request by the
// sender of the IPv4 packet in frame for its destination. Ethernet addresses and tags are
// the frame's, sender hardware and protocol address its Ethernet and IPv4 source, the
// target protocol address is its IPv4 destination, the target hardware address zero (RFC
// 826).
//
// The error is ErrNotIPv4 or a *Malformed; b is returned as it was then. That holds for
// all the functions that compose. b and frame must not share memory.
func AppendComposedARP(b, frame []byte) ([]byte, error) {
	var f Frame
	var p ipv4
	if err := p.parseFrame(&f, frame); err != nil {
		return b, err
	}
	start := len(b)
	f.EtherType = EtherTypeARP
	b = appendReplyHeader(b, f.Dst, f.Src, &f)
	return pad(appendARPMessage(b, &ARP{Op: ARPRequest, SHA: f.Src, SPA: p.src, TPA: p.dst}), start), nil
}

// AppendComposedNS appends the frame that `nd_ns { … }` begins with: a solicitation by the
// sender of the IPv6 packet in frame for its destination (RFC 4861 §4.3). Ethernet source,
// tags and IPv6 source are the frame's, the target is its IPv6 destination, the destination
// the target's solicited-node address, and the source link-layer option holds the Ethernet
// source. No address is judged, because the inner actions set what the solicitation needs.
//
// The error is ErrNotIPv6 or a *Malformed.
func AppendComposedNS(b, frame []byte) ([]byte, error) {
	var f Frame
	var p ipv6
	if err := p.parseFrame(&f, frame); err != nil {
		return b, err
	}
	group := SolicitedNode(p.dst)
	b = appendReplyHeader(b, MulticastMAC(group), f.Src, &f)
	b, start := appendND(b, p.src, group, p.dst, NDSolicitation, 0, ndLen+linkLayerOptionLen)
	b = appendLinkLayerOption(b, optionSourceLinkLayer, f.Src)
	return sealICMPv6(b, start, p.src, group), nil
}

// AppendComposedNA appends the frame that `nd_na { … }` begins with: the advertisement
// that answers the neighbour solicitation in frame (RFC 4861 §4.4, §7.2.4). It goes to
// the Ethernet source, even if its IPv6 destination is ff02::1 for a source that has no
// address yet (RFC 6085), with the solicitation's target as its source and target. The
// flags are O and, towards a source that has an address, S. Ethernet source and target
// link-layer option hold the solicitation's Ethernet destination until the inner actions
// set them.
//
// The error is ErrNotNS, or a *Malformed for what ND.Parse refuses.
func AppendComposedNA(b, frame []byte) ([]byte, error) {
	var f Frame
	var request ND
	if err := f.Parse(frame); err != nil {
		return b, err
	}
	if f.EtherType != EtherTypeIPv6 {
		return b, ErrNotNS
	}
	switch err := request.Parse(f.Payload); {
	case err == ErrNotND || err == nil && request.Type != NDSolicitation:
		return b, ErrNotNS
	case err != nil:
		return b, err
	}
	dstIP, solicited := request.Src, true
	if request.IsDAD() {
		dstIP, solicited = AllNodes(), false
	}
	b = appendReplyHeader(b, f.Src, f.Dst, &f)
	return appendAdvertisement(b, request.Target, dstIP, request.Target, f.Dst, advertisementFlags(false, solicited, true)), nil
}

// AppendComposedICMP4 appends the frame that `icmp4 { … }` begins with: host unreachable
// (RFC 792) about the IPv4 packet in frame. Ethernet addresses, tags and IPv4 addresses
// are the frame's. The message carries arg as the MTU of the next hop (RFC 1191 §4) and as
// much of the packet as a datagram of 576 octets holds (RFC 1812 §4.3.2.3). It keeps the
// packet's TOS bits at the precedence of internetwork control (RFC 1812 §4.3.2.5) and must
// not be fragmented, for which it would need an identification (RFC 6864 §4).
//
// The error is ErrNotIPv4, a *Malformed, or an *Exempt if no error may be sent about it.
func AppendComposedICMP4(b, frame []byte, arg uint16) ([]byte, error) {
	var f Frame
	var p ipv4
	if err := p.parseFrame(&f, frame); err != nil {
		return b, err
	}
	if checksum(p.header) != 0 {
		return b, malformed[ReasonIPv4Checksum]
	}
	if e := exemption4(&f, &p); e != ExemptNone {
		return b, exempt[e]
	}
	quote := p.datagram[:min(len(p.datagram), icmp4MaxLen-ipv4HeaderLen-icmpHeaderLen)]
	b = appendReplyHeader(b, f.Dst, f.Src, &f)

	header := len(b)
	b = append(b, 4<<4|ipv4HeaderLen/4, precedenceInternetworkCtrl|p.tos&tosBits)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4HeaderLen+icmpHeaderLen+len(quote)))
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, ipv4DontFragment)
	b = append(b, icmp4TTL, protocolICMP, 0, 0)
	b = append(b, p.src[:]...)
	b = append(b, p.dst[:]...)
	message := len(b)
	binary.BigEndian.PutUint16(b[header+10:], checksum(b[header:message]))

	b = append(b, icmp4Unreachable, icmp4HostUnreachable, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, arg)
	b = append(b, quote...)
	binary.BigEndian.PutUint16(b[message+2:], checksum(b[message:]))
	return b, nil
}

// AppendComposedICMP6 appends the frame that `icmp6 { … }` begins with: address
// unreachable (RFC 4443 §3.1) about the IPv6 packet in frame, with the four octets arg
// after the checksum. It is AppendICMP6Error of type 1, code 3, so that nothing is said
// about multicast packets, whatever type the inner actions set.
func AppendComposedICMP6(b, frame []byte, arg uint32) ([]byte, error) {
	return AppendICMP6Error(b, frame, icmp6Unreachable, icmp6AddressUnreachable, arg)
}

// AppendICMP6Error appends a frame with the ICMPv6 error of that type and code about the
// IPv6 packet in frame (RFC 4443 §2.1, §3). Ethernet addresses, tags and IPv6 addresses
// are the frame's; who sends it has to set them. arg follows the checksum: the MTU in
// octets of a packet too big (type 2), the pointer of a parameter problem (type 4). Then
// comes as much of the packet as 1280 octets hold (RFC 4443 §2.4 (c)).
//
// The error is ErrNotIPv6, a *Malformed, or an *Exempt if no such error may be sent about
// it: a packet too big and an unrecognized option (type 4, code 2) may be reported of
// multicast packets, too.
func AppendICMP6Error(b, frame []byte, kind, code uint8, arg uint32) ([]byte, error) {
	var f Frame
	var p ipv6
	if err := p.parseFrame(&f, frame); err != nil {
		return b, err
	}
	if err := p.walkAll(); err != nil {
		return b, err
	}
	if e := exemption6(&f, &p, kind, code); e != ExemptNone {
		return b, exempt[e]
	}
	quote := p.datagram[:min(len(p.datagram), minIPv6MTU-ipv6HeaderLen-icmpHeaderLen)]
	b = appendReplyHeader(b, f.Dst, f.Src, &f)
	b, start := appendIPv6Header(b, p.src, p.dst, icmpHeaderLen+len(quote))
	b = append(b, kind, code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, arg)
	b = append(b, quote...)
	return sealICMPv6(b, start, p.src, p.dst), nil
}
