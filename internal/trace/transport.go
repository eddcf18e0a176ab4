package trace

import (
	"encoding/binary"

	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// transport makes the upper-layer header. Its checksum, if it has the Internet
// checksum, begins with the sum of the pseudo-header.
func transport(g given, proto byte, pseudo func(length int) uint32) []byte {
	switch proto {
	case protoICMP:
		b := []byte{byte(g.number(openflow.ICMPv4Type, 8)), byte(g.number(openflow.ICMPv4Code, 0)), 0, 0, 0, 1, 0, 1}
		binary.BigEndian.PutUint16(b[2:], checksum(0, b))
		return b
	case protoICMPv6:
		return icmp6(g, pseudo)
	case protoTCP:
		return tcp(g, pseudo)
	case protoUDP:
		const length = 8
		b := ports(g, openflow.UDPSrc, openflow.UDPDst)
		b = append(b, 0, length, 0, 0)
		sum := checksum(pseudo(length), b)
		if sum == 0 {
			sum = 0xffff // zero says that there is none (RFC 768)
		}
		binary.BigEndian.PutUint16(b[6:], sum)
		return b
	case protoSCTP:
		// The checksum is left out: no switch looks at it (RFC 9260 §3.1).
		return append(ports(g, openflow.SCTPSrc, openflow.SCTPDst), make([]byte, 8)...)
	}
	return nil
}

func ports(g given, src, dst *openflow.Field) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(g.number(src, 49152))) // the first dynamic port (RFC 6335 §6)
	return binary.BigEndian.AppendUint16(b, uint16(g.number(dst, 0)))
}

// tcp makes a segment that opens a connection (RFC 9293 §3.1).
func tcp(g given, pseudo func(int) uint32) []byte {
	const headerLen, window = 20, 0xffff
	b := append(ports(g, openflow.TCPSrc, openflow.TCPDst), make([]byte, 8)...)
	flags := uint16(g.number(openflow.TCPFlags, synFlag))
	b = binary.BigEndian.AppendUint16(b, headerLen/4<<12|flags)
	b = binary.BigEndian.AppendUint16(b, window)
	b = append(b, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo(headerLen), b))
	return b
}

// icmp6 makes an ICMPv6 message (RFC 4443 §2.1), of neighbour discovery with the
// link-layer option that it usually has (RFC 4861 §4).
func icmp6(g given, pseudo func(int) uint32) []byte {
	kind := byte(g.number(openflow.ICMPv6Type, 128))
	b := []byte{kind, byte(g.number(openflow.ICMPv6Code, 0)), 0, 0}
	switch kind {
	case typeRouterSolicitation:
		b = append(b, 0, 0, 0, 0)
	case typeSolicitation, typeAdvertisement:
		flags := uint64(0)
		if kind == typeAdvertisement {
			flags = 0x20000000 // it overrides what is known (RFC 4861 §4.4)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(g.number(openflow.NDReserved, flags)))
		b = append(b, g.bytes(openflow.NDTarget, make([]byte, 16))...)
		b = append(b, linkLayer(g, kind)...)
	default:
		b = append(b, 0, 1, 0, 1)
	}
	binary.BigEndian.PutUint16(b[2:], checksum(pseudo(len(b)), b))
	return b
}

// linkLayer makes the link-layer address option of a message: nothing if it is
// said to be without one.
func linkLayer(g given, kind byte) []byte {
	const source, target = 1, 2
	option, field := byte(source), openflow.NDSLL
	if kind == typeAdvertisement {
		option, field = target, openflow.NDTLL
	}
	if g.has(openflow.NDOptionsType) {
		if option = byte(g.number(openflow.NDOptionsType, 0)); option == 0 {
			return nil
		}
	}
	mac := g.mac(openflow.EthSrc, defaultSource())
	if kind == typeSolicitation && g.has(openflow.IPv6Src) && [16]byte(g.bytes(openflow.IPv6Src, make([]byte, 16))) == [16]byte{} {
		mac = packet.MAC{} // a host that has no address yet does not say its own (RFC 4861 §4.3)
	}
	mac = g.mac(field, mac)
	if mac.IsZero() {
		return nil
	}
	return append([]byte{option, 1}, mac[:]...)
}

// sum adds the 16-bit words of b (RFC 1071 §1). It has room for 64 KiB.
func sum(start uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		start += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		start += uint32(b[0]) << 8
	}
	return start
}

func checksum(start uint32, b []byte) uint16 {
	s := sum(start, b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// pseudo4 is the sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293 §3.1).
func pseudo4(src, dst []byte, proto byte) func(length int) uint32 {
	return func(length int) uint32 { return sum(sum(uint32(proto)+uint32(length), src), dst) }
}

// pseudo6 is that of IPv6 (RFC 8200 §8.1).
func pseudo6(src, dst []byte, proto byte) func(length int) uint32 { return pseudo4(src, dst, proto) }
