package bench

import (
	"encoding/binary"
	"net/netip"

	"github.com/isat-sdn/isat/packet"
)

// Where an echo message has its fields, and its types (RFC 792, RFC 4443 §4).
const (
	echoHeader  = 8
	echoIDAt    = 4
	echoSeqAt   = 6
	echoPayload = 32 // bytes behind the header

	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// IP headers without options, and where they have their fields (RFC 791, RFC 8200).
const (
	ethernetHeader = 14
	ipv4Header     = 20
	ipv6Header     = 40
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// hostTTL is what the lab's hosts, Linux, give their packets, and what requests
// are sent with. A packet that was routed once has one less.
const (
	hostTTL   = 64
	routedTTL = hostTTL - 1
)

// echo is an echo request or reply, IPv4 or IPv6.
type echo struct {
	dstMAC, srcMAC packet.MAC
	src, dst       netip.Addr
	reply          bool
	ttl            uint8
	id, seq        uint16
}

// appendTo appends the whole frame. Both addresses are of the same family.
func (e echo) appendTo(b []byte) []byte {
	b = append(append(b, e.dstMAC[:]...), e.srcMAC[:]...)
	if e.dst.Is4() {
		b = be.AppendUint16(b, packet.EtherTypeIPv4)
		ip := len(b)
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, ipv4Header+echoHeader+echoPayload)
		b = append(b, 0, 0, 0x40, 0, e.ttl, protocolICMP, 0, 0) // don't fragment
		b = append(append(b, e.src.AsSlice()...), e.dst.AsSlice()...)
		be.PutUint16(b[ip+10:], onesComplement(0, b[ip:]))
		message := len(b)
		b = e.appendMessage(b, echoRequest4, echoReply4)
		be.PutUint16(b[message+2:], onesComplement(0, b[message:]))
		return b
	}
	b = be.AppendUint16(b, packet.EtherTypeIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = be.AppendUint16(b, echoHeader+echoPayload)
	b = append(b, protocolICMPv6, e.ttl)
	b = append(append(b, e.src.AsSlice()...), e.dst.AsSlice()...)
	message := len(b)
	b = e.appendMessage(b, echoRequest6, echoReply6)
	be.PutUint16(b[message+2:], packet.ICMPv6Checksum(e.src.As16(), e.dst.As16(), b[message:]))
	return b
}

func (e echo) appendMessage(b []byte, request, reply byte) []byte {
	kind := request
	if e.reply {
		kind = reply
	}
	b = append(b, kind, 0, 0, 0)
	b = be.AppendUint16(be.AppendUint16(b, e.id), e.seq)
	return append(b, make([]byte, echoPayload)...)
}

// onesComplement is the Internet checksum (RFC 1071) of bytes of even length.
func onesComplement(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// parseEcho reads an untagged frame without IP options or extension headers. ok
// is false for everything else than an echo request or reply.
func parseEcho(b []byte) (e echo, ok bool) {
	if len(b) < ethernetHeader {
		return e, false
	}
	copy(e.dstMAC[:], b)
	copy(e.srcMAC[:], b[6:])
	ip := b[ethernetHeader:]
	var message []byte
	var request, reply byte
	switch be.Uint16(b[12:]) {
	case packet.EtherTypeIPv4:
		if len(ip) < ipv4Header+echoHeader || ip[0] != 0x45 || ip[9] != protocolICMP {
			return e, false
		}
		e.ttl = ip[8]
		e.src, e.dst = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
		message, request, reply = ip[ipv4Header:], echoRequest4, echoReply4
	case packet.EtherTypeIPv6:
		if len(ip) < ipv6Header+echoHeader || ip[6] != protocolICMPv6 {
			return e, false
		}
		e.ttl = ip[7]
		e.src, e.dst = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
		message, request, reply = ip[ipv6Header:], echoRequest6, echoReply6
	default:
		return e, false
	}
	if message[0] != request && message[0] != reply || message[1] != 0 {
		return e, false
	}
	e.reply = message[0] == reply
	e.id, e.seq = be.Uint16(message[echoIDAt:]), be.Uint16(message[echoSeqAt:])
	return e, true
}
