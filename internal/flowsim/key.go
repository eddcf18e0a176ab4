package flowsim

import "encoding/binary"

var be = binary.BigEndian

// maxTags is how many VLAN tags a key holds (FLOW_MAX_VLAN_HEADERS).
const maxTags = 2

// tagPresent marks a tag that exists, in the bit that is the DEI on the wire (VLAN_CFI).
const tagPresent = 0x1000

type vlanTag struct{ tpid, tci uint16 }

// key is what flows see of a packet, and what travels with it. As in Open vSwitch, protocols share
// members: which fields exist is decided by the prerequisites of matches and actions.
type key struct {
	conjID   uint32 // only inside a lookup, of a conjunctive match
	inPort   uint32
	metadata uint64
	regs     [16]uint32
	tunnelID uint64
	mark     uint32

	ethDst, ethSrc [6]byte
	tags           [maxTags]vlanTag // outermost first
	ethType        uint16

	ip4Src, ip4Dst [4]byte  // also ARP's sender and target
	ip6Src, ip6Dst [16]byte //
	label          uint32
	frag           uint8 // fragAny, fragLater
	tos, ttl       uint8
	proto          uint8 // also the lower byte of ARP's opcode

	sha, tha [6]byte // ARP's, or ND's source and target link-layer addresses

	ndTarget   [16]byte
	ndReserved uint32
	tcpFlags   uint16 // also the type of ND's first link-layer option
	src, dst   uint16 // transport ports, or ICMP type and code
}

// Bits of key.frag.
const (
	fragAny   = 1
	fragLater = 2
)

// Protocol numbers (IANA).
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIPv6 = 0x86dd
	typeVLAN = 0x8100
	typeQinQ = 0x88a8
	typeNone = 0x05ff // an 802.3 frame that names no Ethernet type (OFP_DL_TYPE_NOT_ETH_TYPE)

	protoHopByHop = 0
	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoICMPv6   = 58
	protoDestOpts = 60
	protoSCTP     = 132

	ndSolicit   = 135
	ndAdvertise = 136
	optionSLL   = 1
	optionTLL   = 2
)

// layout is where the headers of a packet stand.
type layout struct {
	l3, l4 int // offsets, 0 where there is no such header
	end    int // of the network packet; padding follows
}

// countTags counts the tags that exist.
func (k *key) countTags() int {
	n := 0
	for n < maxTags && k.tags[n].tci&tagPresent != 0 {
		n++
	}
	return n
}

func (k *key) isICMPv6() bool {
	return k.ethType == typeIPv6 && k.proto == protoICMPv6 && k.frag&fragLater == 0
}
