package packet

import "encoding/binary"

const (
	ipv4HeaderLen      = 20 // without options
	ipv4DontFragment   = 0x4000
	ipv4MoreFragments  = 0x2000
	ipv4FragmentOffset = 0x1fff

	protocolICMP = 1
)

// ipv4 is what composing packets needs of an IPv4 packet.
type ipv4 struct {
	src, dst [4]byte
	tos      uint8
	protocol uint8
	later    bool   // a fragment that isn't the first: payload doesn't begin with a header
	header   []byte // with its options
	payload  []byte // up to the total length, or as much of it as there is
	datagram []byte // header and payload
}

// parse fills p. It makes the checks of RFC 1812 §5.2.2 but for the header checksum, which
// matters only to those who answer. A total length beyond the end is accepted, because a
// switch may punt no more than a packet's beginning.
func (p *ipv4) parse(b []byte) error {
	switch {
	case len(b) < 1:
		return malformed[ReasonIPv4Truncated]
	case b[0]>>4 != 4:
		return malformed[ReasonIPv4Version]
	case len(b) < ipv4HeaderLen:
		return malformed[ReasonIPv4Truncated]
	}
	headerLen := 4 * int(b[0]&0x0f)
	total := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case headerLen < ipv4HeaderLen || total < headerLen:
		return malformed[ReasonIPv4Length]
	case len(b) < headerLen:
		return malformed[ReasonIPv4Truncated]
	}
	p.tos = b[1]
	p.later = binary.BigEndian.Uint16(b[6:])&ipv4FragmentOffset != 0
	p.protocol = b[9]
	p.src = [4]byte(b[12:16])
	p.dst = [4]byte(b[16:20])
	p.datagram = b[:min(total, len(b))]
	p.header, p.payload = p.datagram[:headerLen], p.datagram[headerLen:]
	return nil
}

// parseFrame fills f from the frame b and p from the packet in it. The error is ErrNotIPv4
// for a frame that carries something else, otherwise a *Malformed.
func (p *ipv4) parseFrame(f *Frame, b []byte) error {
	if err := f.Parse(b); err != nil {
		return err
	}
	if f.EtherType != EtherTypeIPv4 {
		return ErrNotIPv4
	}
	return p.parse(f.Payload)
}

// checksum computes the Internet checksum (RFC 1071 §1). With the checksum field zero it
// is the value to put there; over data with a right checksum it is 0.
func checksum(b []byte) uint16 { return foldSum(sumWords(0, b)) }
