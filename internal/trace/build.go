package trace

import (
	"encoding/binary"
	"fmt"

	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// Defaults of what an expression leaves open. The MACs are locally administered,
// and nobody's.
const (
	defaultTTL      = 64
	neighbourTTL    = 255    // of neighbour discovery (RFC 4861 §7.1)
	experimentType  = 0x88b5 // Ethernet type for local experiments (IEEE 802-2014 §9.2.3)
	experimentProto = 253    // for experiments (RFC 3692 §2.1)
	noNextHeader    = 59     // RFC 8200 §4.7
	payloadLen      = 46     // of a frame about which nothing is known
	synFlag         = 0x02

	protoICMP, protoTCP, protoUDP, protoFragment, protoICMPv6, protoSCTP = 1, 6, 17, 44, 58, 132

	typeRouterSolicitation, typeSolicitation, typeAdvertisement = 133, 135, 136
)

func defaultSource() packet.MAC      { return packet.MAC{0x02, 0, 0, 0, 0xff, 0x01} }
func defaultDestination() packet.MAC { return packet.MAC{0x02, 0, 0, 0, 0xff, 0x02} }

// given is what an expression says of a packet.
type given struct{ openflow.Match }

func (g given) has(f *openflow.Field) bool { _, _, ok := g.Get(f); return ok }

// number is the value of a field of up to 64 bits: what is given, and otherwise
// the default.
func (g given) number(f *openflow.Field, def uint64) uint64 {
	value, mask, ok := g.GetU64(f)
	if !ok {
		return def
	}
	return def&^mask | value&mask
}

// bytes is the same for a field of any width.
func (g given) bytes(f *openflow.Field, def []byte) []byte {
	value, mask, ok := g.Get(f)
	if !ok {
		return def
	}
	out := append([]byte(nil), def...)
	for i := range out {
		m := byte(0xff)
		if mask != nil {
			m = mask[i]
		}
		out[i] = out[i]&^m | value[i]&m
	}
	return out
}

func (g given) mac(f *openflow.Field, def packet.MAC) packet.MAC {
	return packet.MAC(g.bytes(f, def[:]))
}

// build makes the frame.
func build(g given) ([]byte, error) {
	src := g.mac(openflow.EthSrc, defaultSource())
	etherType := uint16(g.number(openflow.EthType, experimentType))
	dst, payload := defaultDestination(), make([]byte, payloadLen)
	switch etherType {
	case packet.EtherTypeARP:
		dst, payload = buildARP(g, src)
	case packet.EtherTypeIPv4:
		dst, payload = buildIPv4(g)
	case packet.EtherTypeIPv6:
		dst, payload = buildIPv6(g, src)
	}
	if g.has(openflow.PktMark) {
		return nil, fmt.Errorf("pkt.mark is no part of a frame")
	}
	dst = g.mac(openflow.EthDst, dst)
	b := append(append([]byte(nil), dst[:]...), src[:]...)
	if vid := uint16(g.number(openflow.VLANVID, 0)); vid&openflow.VLANPresent != 0 {
		b = binary.BigEndian.AppendUint16(b, packet.EtherTypeVLAN)
		b = binary.BigEndian.AppendUint16(b, uint16(g.number(openflow.VLANPCP, 0))<<13|vid&0xfff)
	}
	return append(binary.BigEndian.AppendUint16(b, etherType), payload...), nil
}

// buildARP makes an ARP packet for IPv4 over Ethernet (RFC 826): a request, if
// nothing else is said.
func buildARP(g given, src packet.MAC) (dst packet.MAC, b []byte) {
	op := uint16(g.number(openflow.ARPOp, uint64(packet.ARPRequest)))
	if dst = defaultDestination(); op == packet.ARPRequest {
		dst = packet.Broadcast
	}
	b = append(b, 0, 1, 8, 0, 6, 4)
	b = binary.BigEndian.AppendUint16(b, op)
	b = append(b, g.bytes(openflow.ARPSHA, src[:])...)
	b = append(b, g.bytes(openflow.ARPSPA, make([]byte, 4))...)
	b = append(b, g.bytes(openflow.ARPTHA, make([]byte, 6))...)
	return dst, append(b, g.bytes(openflow.ARPTPA, make([]byte, 4))...)
}

// buildIPv4 makes an IPv4 packet (RFC 791 §3.1).
func buildIPv4(g given) (dst packet.MAC, b []byte) {
	const headerLen, moreFragments = 20, 0x2000
	proto := byte(g.number(openflow.IPProto, experimentProto))
	from, to := g.bytes(openflow.IPv4Src, make([]byte, 4)), g.bytes(openflow.IPv4Dst, make([]byte, 4))
	frag, later := fragment(g)
	payload := []byte(nil)
	if !later {
		payload = transport(g, proto, pseudo4(from, to, proto))
	}
	b = append(b, 0x45, trafficClass(g))
	b = binary.BigEndian.AppendUint16(b, uint16(headerLen+len(payload)))
	switch {
	case later:
		b = append(b, 0, 1, 0, 1) // behind the first 8 bytes, and the last
	case frag:
		b = append(b, 0, 1, moreFragments>>8, 0)
	default:
		b = append(b, 0, 0, 0, 0)
	}
	b = append(b, byte(g.number(openflow.IPTTL, defaultTTL)), proto, 0, 0)
	b = append(append(b, from...), to...)
	binary.BigEndian.PutUint16(b[10:], checksum(0, b))
	dst = defaultDestination()
	switch {
	case to[0]>>4 == 0xe: // RFC 1112 §6.4
		dst = packet.MAC{0x01, 0, 0x5e, to[1] & 0x7f, to[2], to[3]}
	case [4]byte(to) == [4]byte{255, 255, 255, 255}:
		dst = packet.Broadcast
	}
	return dst, append(b, payload...)
}

// buildIPv6 makes an IPv6 packet (RFC 8200 §3).
func buildIPv6(g given, src packet.MAC) (dst packet.MAC, b []byte) {
	proto := byte(g.number(openflow.IPProto, noNextHeader))
	frag, later := fragment(g)
	if later {
		proto = noNextHeader // what is behind a later fragment's header can't be seen
	}
	own := packet.LinkLocal(src)
	from, to := make([]byte, 16), make([]byte, 16)
	ttl := uint64(defaultTTL)
	if proto == protoICMPv6 {
		switch g.number(openflow.ICMPv6Type, 0) {
		case typeRouterSolicitation:
			from, to, ttl = own[:], []byte{0xff, 2, 15: 2}, neighbourTTL // all routers (RFC 4291 §2.7.1)
		case typeSolicitation:
			group := packet.SolicitedNode([16]byte(g.bytes(openflow.NDTarget, to)))
			from, to, ttl = own[:], group[:], neighbourTTL
		case typeAdvertisement:
			all := packet.AllNodes()
			from, to, ttl = g.bytes(openflow.NDTarget, own[:]), all[:], neighbourTTL
		}
	}
	from, to = g.bytes(openflow.IPv6Src, from), g.bytes(openflow.IPv6Dst, to)
	var payload []byte
	next := proto
	if !later {
		payload = transport(g, proto, pseudo6(from, to, proto))
	}
	if frag { // RFC 8200 §4.5
		offset := byte(1) // the first, and more to come
		if later {
			offset = 8 // behind the first 8 bytes, and the last
		}
		payload = append([]byte{proto, 0, 0, offset, 0, 0, 0, 1}, payload...)
		next = protoFragment
	}
	b = binary.BigEndian.AppendUint32(b, 6<<28|uint32(trafficClass(g))<<20|uint32(g.number(openflow.IPv6Label, 0)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, next, byte(g.number(openflow.IPTTL, ttl)))
	b = append(append(append(b, from...), to...), payload...)
	if dst = defaultDestination(); to[0] == 0xff {
		dst = packet.MulticastMAC([16]byte(to))
	}
	return dst, b
}

// trafficClass is the octet of DSCP and ECN (RFC 2474 §3, RFC 3168 §5).
func trafficClass(g given) byte {
	return byte(g.number(openflow.IPDSCP, 0))<<2 | byte(g.number(openflow.IPECN, 0))
}

// fragment says whether the packet is a fragment, and not the first.
func fragment(g given) (is, later bool) {
	bits := g.number(openflow.IPFrag, 0)
	return bits != 0, bits&2 != 0
}
