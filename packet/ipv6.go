package packet

import "encoding/binary"

const (
	ipv6HeaderLen     = 40
	fragmentHeaderLen = 8
	minIPv6MTU        = 1280 // of every link (RFC 8200 §5)
	maxHopLimit       = 255

	nextHopByHop       = 0
	nextRouting        = 43
	nextFragment       = 44
	nextAuthentication = 51
	nextICMPv6         = 58
	nextDestination    = 60
)

// ipv6 is what neighbour discovery and composing packets need of an IPv6 packet.
type ipv6 struct {
	src, dst   [16]byte
	hopLimit   uint8
	fragmented bool   // a fragment header stands before the upper layer
	later      bool   // a fragment that isn't the first: upper is not a header
	truncated  bool   // payload length says more than there is
	protocol   uint8  // of upper
	upper      []byte // upper-layer header and data, without what follows the payload
	datagram   []byte // header and payload, or as much of it as there is
}

// parse fills p and walks over the extension headers that may stand before ICMPv6
// (RFC 8200 §4.1). Every step moves forward by at least 8 octets.
func (p *ipv6) parse(b []byte) error {
	if err := p.parseHeader(b); err != nil {
		return err
	}
	return p.walk(b[6], p.datagram[ipv6HeaderLen:])
}

// parseHeader fills what comes from the fixed header alone.
func (p *ipv6) parseHeader(b []byte) error {
	switch {
	case len(b) < 1:
		return malformed[ReasonIPv6Truncated]
	case b[0]>>4 != 6:
		return malformed[ReasonIPv6Version]
	case len(b) < ipv6HeaderLen:
		return malformed[ReasonIPv6Truncated]
	}
	p.hopLimit = b[7]
	p.src = [16]byte(b[8:24])
	p.dst = [16]byte(b[24:40])
	p.fragmented, p.later, p.truncated = false, false, false

	p.datagram = b
	// A frame may be padded, so the payload length says where the packet ends.
	if length := ipv6HeaderLen + int(binary.BigEndian.Uint16(b[4:])); length <= len(b) {
		p.datagram = b[:length]
	} else {
		p.truncated = true
	}
	return nil
}

// parseFrame fills f from the frame b and, of p, what comes from the fixed header of the
// packet in it. The error is ErrNotIPv6 for a frame that carries something else, otherwise
// a *Malformed.
func (p *ipv6) parseFrame(f *Frame, b []byte) error {
	if err := f.Parse(b); err != nil {
		return err
	}
	if f.EtherType != EtherTypeIPv6 {
		return ErrNotIPv6
	}
	return p.parseHeader(f.Payload)
}

// walkAll is walk, but goes past authentication headers, too (RFC 4302 §2.2), which the
// receivers of neighbour discovery needn't know.
func (p *ipv6) walkAll() error {
	err := p.walk(p.datagram[6], p.datagram[ipv6HeaderLen:])
	for err == nil && p.protocol == nextAuthentication && !p.later {
		if len(p.upper) < 2 {
			return malformed[ReasonIPv6Truncated]
		}
		length := 4 * (int(p.upper[1]) + 2)
		if len(p.upper) < length {
			return malformed[ReasonIPv6Truncated]
		}
		err = p.walk(p.upper[0], p.upper[length:])
	}
	return err
}

func (p *ipv6) walk(next uint8, payload []byte) error {
	for {
		length := 0
		switch next {
		case nextHopByHop, nextRouting, nextDestination:
			if len(payload) < 8 {
				return malformed[ReasonIPv6Truncated]
			}
			length = 8 + 8*int(payload[1])
		case nextFragment:
			if len(payload) < fragmentHeaderLen {
				return malformed[ReasonIPv6Truncated]
			}
			p.fragmented = true
			if binary.BigEndian.Uint16(payload[2:])>>3 != 0 {
				p.later = true
			}
			length = fragmentHeaderLen
		default:
			p.protocol, p.upper = next, payload
			return nil
		}
		if len(payload) < length {
			return malformed[ReasonIPv6Truncated]
		}
		next, payload = payload[0], payload[length:]
		if p.later { // nothing behind it can be read
			p.protocol, p.upper = next, payload
			return nil
		}
	}
}

// ICMPv6Checksum computes the checksum of an ICMPv6 message with its pseudo-header
// (RFC 4443 §2.3, RFC 8200 §8.1). With the checksum field zero it is the value to put
// there; over a whole message that is right it is 0.
func ICMPv6Checksum(src, dst [16]byte, message []byte) uint16 {
	sum := uint64(len(message)) + nextICMPv6
	sum = sumWords(sum, src[:])
	sum = sumWords(sum, dst[:])
	return foldSum(sumWords(sum, message))
}

// foldSum makes a checksum of a sum of words.
func foldSum(sum uint64) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// appendIPv6Header appends the header of an ICMPv6 message of length octets, and says where
// the message starts. The hop limit is the one that neighbour discovery asks for (RFC 4861
// §4) and that a router may choose for errors.
func appendIPv6Header(b []byte, src, dst [16]byte, length int) ([]byte, int) {
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, nextICMPv6, maxHopLimit)
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	return b, len(b)
}

// sealICMPv6 fills in the checksum of the message that starts at start.
func sealICMPv6(b []byte, start int, src, dst [16]byte) []byte {
	binary.BigEndian.PutUint16(b[start+2:], ICMPv6Checksum(src, dst, b[start:]))
	return b
}

// sumWords adds the 16-bit words of b. 64 bits hold the sum of any packet.
func sumWords(sum uint64, b []byte) uint64 {
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// SolicitedNode gives the multicast address to which solicitations for ip go
// (RFC 4291 §2.7.1): ff02::1:ff00:0/104 with the last 24 bits of ip.
func SolicitedNode(ip [16]byte) [16]byte {
	return [16]byte{0xff, 0x02, 11: 0x01, 12: 0xff, 13: ip[13], 14: ip[14], 15: ip[15]}
}

// IsSolicitedNode says whether ip is a solicited-node address (RFC 4291 §2.7.1).
func IsSolicitedNode(ip [16]byte) bool { return ip == SolicitedNode(ip) }

// AllNodes is the link-local all-nodes address ff02::1 (RFC 4291 §2.7.1).
func AllNodes() [16]byte { return [16]byte{0xff, 0x02, 15: 0x01} }

// MulticastMAC gives the Ethernet address of an IPv6 multicast address: 33:33 and its
// last four octets (RFC 2464 §7).
func MulticastMAC(ip [16]byte) MAC {
	return MAC{0x33, 0x33, ip[12], ip[13], ip[14], ip[15]}
}

// LinkLocal gives the link-local address that a station with the address mac forms from
// its modified EUI-64 identifier (RFC 4291 appendix A, RFC 2464 §5).
func LinkLocal(mac MAC) [16]byte {
	return [16]byte{
		0xfe, 0x80, 8: mac[0] ^ 0x02, 9: mac[1], 10: mac[2], 11: 0xff,
		12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5],
	}
}
