package flowsim

import "bytes"

const (
	ethernetLen = 14
	tagLen      = 4
	arpLen      = 28
	ipv4Len     = 20
	ipv6Len     = 40
)

// isTagType says whether an Ethernet type is that of a VLAN tag.
func isTagType(t uint16) bool { return t == typeVLAN || t == typeQinQ }

// parse fills the packet's part of a key as Open vSwitch does (miniflow_extract in lib/flow.c): a
// header that is cut off or wrong ends the reading, and what would have come stays zero.
func parse(p []byte, k *key) layout {
	at := layout{end: len(p)}
	if len(p) < ethernetLen {
		return at
	}
	copy(k.ethDst[:], p)
	copy(k.ethSrc[:], p[6:])
	// Only the outermost tag is read (other_config:vlan-limit, 1 unless told otherwise).
	off := 12
	if t := be.Uint16(p[off:]); isTagType(t) && len(p)-off >= tagLen+2 {
		k.tags[0] = vlanTag{t, be.Uint16(p[off+2:]) | tagPresent}
		off += tagLen
	}
	k.ethType, off = parseType(p, off)
	at.l3 = off
	switch k.ethType {
	case typeIPv4:
		parseIPv4(p, k, &at)
	case typeIPv6:
		parseIPv6(p, k, &at)
	case typeARP, typeRARP:
		parseARP(p[off:], k)
	}
	return at
}

// parseType reads the Ethernet type, also from behind an 802.2 LLC and SNAP header.
func parseType(p []byte, off int) (uint16, int) {
	const leastType, snapLen = 0x0600, 8
	t := be.Uint16(p[off:])
	off += 2
	if t >= leastType {
		return t, off
	}
	snap := p[off:]
	if len(snap) < snapLen || !bytes.Equal(snap[:6], []byte{0xaa, 0xaa, 0x03, 0, 0, 0}) {
		return typeNone, off
	}
	off += snapLen
	if t = be.Uint16(snap[6:]); t >= leastType {
		return t, off
	}
	return typeNone, off
}

// parseARP reads ARP for IPv4 over Ethernet; of an opcode only what fits into a byte.
func parseARP(p []byte, k *key) {
	if len(p) < arpLen || be.Uint16(p) != 1 || be.Uint16(p[2:]) != typeIPv4 || p[4] != 6 || p[5] != 4 {
		return
	}
	k.ip4Src, k.ip4Dst = [4]byte(p[14:18]), [4]byte(p[24:28])
	if op := be.Uint16(p[6:]); op <= 0xff {
		k.proto = uint8(op)
	}
	k.sha, k.tha = [6]byte(p[8:14]), [6]byte(p[18:24])
}

func parseIPv4(p []byte, k *key, at *layout) {
	h := p[at.l3:]
	if len(h) < ipv4Len {
		return
	}
	head, total := int(h[0]&0xf)*4, int(be.Uint16(h[2:]))
	if head < ipv4Len || head > len(h) || total > len(h) || head > total {
		return
	}
	at.end = at.l3 + total
	k.ip4Src, k.ip4Dst = [4]byte(h[12:16]), [4]byte(h[16:20])
	k.tos, k.ttl, k.proto = h[1], h[8], h[9]
	const moreFragments, offsetMask = 0x2000, 0x1fff
	if f := be.Uint16(h[6:]); f&(moreFragments|offsetMask) != 0 {
		k.frag = fragAny
		if f&offsetMask != 0 {
			k.frag |= fragLater
		}
	}
	at.l4 = at.l3 + head
	parseTransport(p[at.l4:at.end], k)
}

func parseIPv6(p []byte, k *key, at *layout) {
	h := p[at.l3:]
	if len(h) < ipv6Len {
		return
	}
	payload := int(be.Uint16(h[4:]))
	if payload+ipv6Len > len(h) {
		return
	}
	at.end = at.l3 + ipv6Len + payload
	k.ip6Src, k.ip6Dst = [16]byte(h[8:24]), [16]byte(h[24:40])
	proto, frag, skip, ok := skipExtensions(h[6], h[ipv6Len:ipv6Len+payload])
	if !ok {
		return
	}
	k.label = be.Uint32(h) & 0xfffff
	k.tos, k.ttl, k.proto, k.frag = uint8(be.Uint32(h)>>20), h[7], proto, frag
	at.l4 = at.l3 + ipv6Len + skip
	parseTransport(p[at.l4:at.end], k)
}

// skipExtensions walks over the extension headers (parse_ipv6_ext_hdrs). A fragment other than the
// first has the protocol "fragment".
func skipExtensions(next uint8, p []byte) (proto, frag uint8, skipped int, ok bool) {
	const least, offsetMask = 8, 0xfff8
	for {
		length := 0
		rest := p[skipped:]
		switch next {
		case protoHopByHop, protoRouting, protoDestOpts, protoAH, protoFragment:
			if len(rest) < least {
				return 0, 0, 0, false
			}
		default:
			return next, frag, skipped, true
		}
		header := next
		next = rest[0]
		switch header {
		case protoAH:
			length = (int(rest[1]) + 2) * 4
		case protoFragment:
			length = least
		default:
			length = (int(rest[1]) + 1) * 8
		}
		if length > len(rest) {
			return 0, 0, 0, false
		}
		skipped += length
		if header != protoFragment || be.Uint16(rest[2:]) == 0 {
			continue
		}
		frag = fragAny
		if be.Uint16(rest[2:])&offsetMask != 0 {
			return protoFragment, frag | fragLater, skipped, true
		}
	}
}

// parseTransport reads ports, or type and code; b ends where the network packet does.
func parseTransport(b []byte, k *key) {
	if k.frag&fragLater != 0 {
		return
	}
	least, ok := transportLen[transport{k.ethType, k.proto}]
	if !ok || len(b) < least {
		return
	}
	switch k.proto {
	case protoTCP:
		if !isWholeTCP(b) {
			return
		}
		k.tcpFlags = be.Uint16(b[12:]) & 0xfff
		k.src, k.dst = be.Uint16(b), be.Uint16(b[2:])
	case protoUDP, protoSCTP:
		k.src, k.dst = be.Uint16(b), be.Uint16(b[2:])
	default:
		k.src, k.dst = uint16(b[0]), uint16(b[1])
		if k.proto == protoICMPv6 {
			parseND(b, k)
		}
	}
}

// isWholeTCP tells if b holds as much of a TCP header as its data offset says (RFC 9293 §3.1). Open
// vSwitch neither reads nor writes the ports of any other.
func isWholeTCP(b []byte) bool {
	const least = 20
	if len(b) < least {
		return false
	}
	length := int(b[12]>>4) * 4
	return length >= least && length <= len(b)
}

type transport struct {
	ethType uint16
	proto   uint8
}

// transportLen is the least length of a header that is read.
var transportLen = map[transport]int{
	{typeIPv4, protoTCP}: 20, {typeIPv6, protoTCP}: 20,
	{typeIPv4, protoUDP}: 8, {typeIPv6, protoUDP}: 8,
	{typeIPv4, protoSCTP}: 12, {typeIPv6, protoSCTP}: 12,
	{typeIPv4, protoICMP}: 8, {typeIPv4, protoIGMP}: 8, {typeIPv6, protoICMPv6}: 8,
}

// ndLen is an ND message without options, ndOption a link-layer option (RFC 4861 §4.3, §4.6.1).
const (
	ndLen    = 24
	ndOption = 8
)

// parseND reads a solicitation or advertisement (parse_icmpv6). An option with a wrong length ends
// the reading; the same link-layer option twice makes target and options invalid.
func parseND(b []byte, k *key) {
	if k.dst != 0 || k.src != ndSolicit && k.src != ndAdvertise {
		return
	}
	k.ndReserved = be.Uint32(b[4:])
	if len(b) < ndLen {
		return
	}
	k.ndTarget = [16]byte(b[8:24])
	first := uint8(0)
	for b = b[ndLen:]; len(b) >= ndOption; {
		length := int(b[1]) * 8
		if length == 0 || length > len(b) {
			break
		}
		if kind := b[0]; length == ndOption && (kind == optionSLL || kind == optionTLL) {
			into := &k.sha
			if kind == optionTLL {
				into = &k.tha
			}
			if *into != ([6]byte{}) {
				k.ndTarget, k.sha, k.tha = [16]byte{}, [6]byte{}, [6]byte{}
				break
			}
			*into = [6]byte(b[2:8])
			if first == 0 {
				first = kind
			}
		}
		b = b[length:]
	}
	k.tcpFlags = uint16(first)
}
