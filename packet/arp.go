package packet

import "encoding/binary"

// ARP opcodes (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

const (
	arpLen          = 28 // with 6-octet hardware and 4-octet protocol addresses
	arpHardwareType = 1
	arpHardwareLen  = 6
	arpProtocolLen  = 4
)

// ARP is a view of an ARP message for IPv4 over Ethernet (RFC 826).
type ARP struct {
	Op       uint16  // ARPRequest, ARPReply, or another one that is only passed on
	SHA, THA MAC     // sender and target hardware address
	SPA, TPA [4]byte // sender and target protocol address
}

// Parse fills the view from a frame's payload, whose padding it ignores. Hardware
// and protocol types and address lengths must be those of IPv4 over Ethernet
// (RFC 826, where the checks are optional; here they are not). Any opcode parses.
// On error the view is unchanged and the error a *Malformed.
func (a *ARP) Parse(payload []byte) error {
	if len(payload) < arpLen {
		return malformed[ReasonARPTruncated]
	}
	p := payload[:arpLen]
	switch {
	case binary.BigEndian.Uint16(p[0:]) != arpHardwareType:
		return malformed[ReasonARPHardwareType]
	case binary.BigEndian.Uint16(p[2:]) != EtherTypeIPv4:
		return malformed[ReasonARPProtocolType]
	case p[4] != arpHardwareLen || p[5] != arpProtocolLen:
		return malformed[ReasonARPAddressLength]
	}
	a.Op = binary.BigEndian.Uint16(p[6:])
	a.SHA = MAC(p[8:14])
	a.SPA = [4]byte(p[14:18])
	a.THA = MAC(p[18:24])
	a.TPA = [4]byte(p[24:28])
	return nil
}

// IsProbe says whether the message is an ARP probe: a request whose sender address is
// all zero (RFC 5227 §1.1). It teaches nothing about its sender.
func (a *ARP) IsProbe() bool { return a.Op == ARPRequest && a.SPA == [4]byte{} }

// IsAnnouncement says whether sender and target address are the same, whatever the
// opcode: an ARP announcement (RFC 5227 §1.1) or a gratuitous reply.
func (a *ARP) IsAnnouncement() bool { return a.SPA == a.TPA && a.SPA != [4]byte{} }

// AppendARP appends a whole frame that carries a, padded to MinFrameLen. With tagged,
// the frame carries one customer tag with the tag control information tci.
func AppendARP(b []byte, dst, src MAC, tagged bool, tci uint16, a *ARP) []byte {
	start := len(b)
	b = appendHeader(b, dst, src, tagged, tci, EtherTypeARP)
	return pad(appendARPMessage(b, a), start)
}

// AppendARPReply appends the reply of owner to the request that came in frame f: to the
// requester only, with the request's tags, addresses swapped, and owner as Ethernet
// source and sender hardware address (RFC 826).
func AppendARPReply(b []byte, f *Frame, request *ARP, owner MAC) []byte {
	start := len(b)
	reply := ARP{
		Op:  ARPReply,
		SHA: owner, SPA: request.TPA,
		THA: request.SHA, TPA: request.SPA,
	}
	b = appendReplyHeader(b, f.Src, owner, f)
	return pad(appendARPMessage(b, &reply), start)
}

func appendARPMessage(b []byte, a *ARP) []byte {
	b = binary.BigEndian.AppendUint16(b, arpHardwareType)
	b = binary.BigEndian.AppendUint16(b, EtherTypeIPv4)
	b = append(b, arpHardwareLen, arpProtocolLen)
	b = binary.BigEndian.AppendUint16(b, a.Op)
	b = append(b, a.SHA[:]...)
	b = append(b, a.SPA[:]...)
	b = append(b, a.THA[:]...)
	return append(b, a.TPA[:]...)
}
