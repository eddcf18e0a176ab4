package openflow

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// FormatFlow is the flow as one line in the syntax of ovs-ofctl(8): add-flow reads it, and
// dump-flows --no-stats prints it.
func FormatFlow(f *FlowMod) string {
	var s strings.Builder
	if f.Cookie != 0 {
		fmt.Fprintf(&s, "cookie=0x%x, ", f.Cookie)
	}
	if f.TableID != 0 {
		fmt.Fprintf(&s, "table=%d, ", f.TableID)
	}
	if f.IdleTimeout != 0 {
		fmt.Fprintf(&s, "idle_timeout=%d, ", f.IdleTimeout)
	}
	if f.HardTimeout != 0 {
		fmt.Fprintf(&s, "hard_timeout=%d, ", f.HardTimeout)
	}
	for bit, name := range [...]string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"} {
		if f.Flags&(1<<bit) != 0 {
			s.WriteString(name + " ")
		}
	}
	const defaultPriority = 0x8000
	match := FormatMatch(f.Match)
	if f.Priority != defaultPriority {
		fmt.Fprintf(&s, "priority=%d", f.Priority)
		if match != "" {
			s.WriteByte(',')
		}
	}
	return s.String() + match + " actions=" + FormatInstructions(f.Instructions)
}

// FormatMatch is the match in the syntax of ovs-ofctl(8), with its shorthands for protocols. A match
// on every packet is empty. What has no notation of its own is printed as name=value/mask.
func FormatMatch(m Match) string {
	x := matchText{m: m, done: make(map[*Field]bool)}
	x.early()
	x.protocol()
	x.generic(registers[:]...)
	x.generic(TunnelID, TunIPv4Src, TunIPv4Dst, TunIPv6Src, TunIPv6Dst, TunGBPID, TunGBPFlags, TunFlags, Metadata, InPort)
	x.vlan()
	x.generic(EthSrc, EthDst)
	if x.etherType != 0 && !x.done[EthType] {
		x.add(EthType, fmt.Sprintf("dl_type=0x%04x", x.etherType))
	}
	x.generic(IPv4Src, IPv4Dst, IPv6Src, IPv6Dst, IPv6Label, ARPSPA, ARPTPA, ARPOp, IPProto, ARPSHA, ARPTHA)
	if v, _, ok := m.GetU64(IPDSCP); ok {
		x.add(IPDSCP, fmt.Sprintf("nw_tos=%d", v<<2)) // the whole octet, of which DSCP is the upper part
	}
	x.generic(IPECN, IPTTL, MPLSLabel, MPLSTC, MPLSTTL, MPLSBOS)
	x.fragments()
	x.generic(ICMPv4Type, ICMPv4Code, ICMPv6Type, ICMPv6Code, NDTarget, NDSLL, NDTLL, NDReserved, NDOptionsType,
		TCPSrc, TCPDst, UDPSrc, UDPDst, SCTPSrc, SCTPDst, TCPFlags)
	for o := range m.All() {
		x.generic(o.Field)
	}
	return strings.Join(x.parts, ",")
}

// matchText collects the parts of a match, each field once.
type matchText struct {
	m         Match
	parts     []string
	done      map[*Field]bool
	etherType uint16
}

func (x *matchText) add(f *Field, text string) {
	x.done[f] = true
	x.parts = append(x.parts, text)
}

// matchNames are the names under which ovs-ofctl prints fields of a match, where they differ from
// the fields' own.
var matchNames = map[*Field]string{
	InPort: "in_port", EthSrc: "dl_src", EthDst: "dl_dst", IPv4Src: "nw_src", IPv4Dst: "nw_dst",
	ICMPv6Type: "icmp_type", ICMPv6Code: "icmp_code", TCPSrc: "tp_src", TCPDst: "tp_dst",
	UDPSrc: "tp_src", UDPDst: "tp_dst", SCTPSrc: "tp_src", SCTPDst: "tp_dst",
}

// generic adds the fields that are matched and not printed yet, as name=value or name=value/mask.
func (x *matchText) generic(list ...*Field) {
	for _, f := range list {
		value, mask, ok := x.m.Get(f)
		if !ok || x.done[f] {
			// A field that is not known is found by none of its kind; it is printed by its bytes.
			continue
		}
		name := f.Name
		if short, ok := matchNames[f]; ok {
			name = short
		}
		x.add(f, name+"="+formatValue(f, value, mask))
	}
}

func (x *matchText) early() {
	x.generic(PktMark, ConjID, ActsetOutput, CTState, CTZone, CTMark, CTLabel, CTNwSrc, CTIPv6Src, CTNwDst, CTIPv6Dst,
		CTNwProto, CTTpSrc, CTTpDst, PacketType)
}

// protocolNames are the shorthands for an Ethernet type, and for an IP protocol with it.
var protocolNames = map[uint16]struct {
	name      string
	protocols map[uint64]string
}{
	EtherTypeIPv4: {"ip", map[uint64]string{1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 132: "sctp"}},
	EtherTypeIPv6: {"ipv6", map[uint64]string{6: "tcp6", 17: "udp6", 58: "icmp6", 132: "sctp6"}},
	EtherTypeARP:  {"arp", nil},
	0x8035:        {"rarp", nil},
	0x8847:        {"mpls", nil},
	0x8848:        {"mplsm", nil},
}

func (x *matchText) protocol() {
	v, _, ok := x.m.GetU64(EthType)
	if !ok {
		return
	}
	x.etherType = uint16(v)
	names, ok := protocolNames[x.etherType]
	if !ok {
		return
	}
	if p, _, ok := x.m.GetU64(IPProto); ok {
		if short, ok := names.protocols[p]; ok {
			x.done[IPProto], x.done[EthType] = true, true
			x.parts = append(x.parts, short)
			return
		}
	}
	x.add(EthType, names.name)
}

// vlan adds the tag: as VLAN id and priority where they are whole, otherwise as the header's bits.
func (x *matchText) vlan() {
	vid, vidMask, hasVID := x.m.GetU64(VLANVID)
	pcp, _, hasPCP := x.m.GetU64(VLANPCP)
	if !hasVID && !hasPCP {
		return
	}
	x.done[VLANVID], x.done[VLANPCP] = true, true
	const present, idMask = uint64(VLANPresent), 0xfff
	vidMask &= present | idMask
	if hasPCP {
		// Open vSwitch matches the tag's presence with its priority.
		vid, vidMask = vid|present, vidMask|present
	}
	id := vidMask & idMask
	if vid&vidMask&present != 0 && (id == 0 || id == idMask) && (id != 0 || hasPCP) {
		if id != 0 {
			x.parts = append(x.parts, fmt.Sprintf("dl_vlan=%d", vid&idMask))
		}
		if hasPCP {
			x.parts = append(x.parts, fmt.Sprintf("dl_vlan_pcp=%d", pcp))
		}
		return
	}
	value, mask := vid&vidMask, vidMask
	if hasPCP {
		value, mask = value|pcp<<13, mask|7<<13
	}
	x.parts = append(x.parts, fmt.Sprintf("vlan_tci=0x%04x/0x%04x", value, mask))
}

// fragments adds ip_frag, whose lower bit says "a fragment" and whose upper bit "not the first".
func (x *matchText) fragments() {
	const anyBit, laterBit = 1, 2
	v, mask, ok := x.m.GetU64(IPFrag)
	if !ok {
		return
	}
	word := ""
	switch mask & (anyBit | laterBit) {
	case anyBit:
		word = [...]string{"no", "yes"}[v&anyBit]
	case laterBit:
		word = [...]string{"not_later", "later"}[v&laterBit>>1]
	default:
		word = [...]string{"no", "first", "<error>", "later"}[v&(anyBit|laterBit)]
	}
	x.add(IPFrag, "nw_frag="+word)
}

// notation says how ovs-fields(7) writes a field's values.
type notation uint8

const (
	inHex notation = iota // numbers, registers and whatever is not known
	inDecimal
	inEthernet
	inIPv4
	inIPv6
	inPort
)

func notationOf(f *Field) notation {
	switch f {
	case EthSrc, EthDst, ARPSHA, ARPTHA, NDSLL, NDTLL:
		return inEthernet
	case IPv4Src, IPv4Dst, ARPSPA, ARPTPA, TunIPv4Src, TunIPv4Dst, CTNwSrc, CTNwDst:
		return inIPv4
	case IPv6Src, IPv6Dst, NDTarget, TunIPv6Src, TunIPv6Dst, CTIPv6Src, CTIPv6Dst:
		return inIPv6
	case InPort, InPortNX, ActsetOutput:
		return inPort
	case VLANVID, VLANPCP, MPLSTC, MPLSBOS, MPLSTTL, MPLSLabel, IPDSCP, IPECN, IPTTL, IPProto, TCPSrc, TCPDst,
		UDPSrc, UDPDst, SCTPSrc, SCTPDst, ICMPv4Type, ICMPv4Code, ICMPv6Type, ICMPv6Code, NDReserved,
		NDOptionsType, ARPOp, ConjID, CTZone, CTNwProto, CTTpSrc, CTTpDst, TunGBPID:
		return inDecimal
	}
	return inHex
}

// formatValue is a field's value, with its mask if it has one.
func formatValue(f *Field, value, mask []byte) string {
	switch notationOf(f) {
	case inEthernet:
		return masked(mask, func(b []byte) string { return ethernetText(b) }, value)
	case inIPv4, inIPv6:
		return addressText(value, mask)
	case inPort:
		if mask == nil {
			return portText(portOf(value))
		}
	case inDecimal:
		if mask == nil {
			return strconv.FormatUint(uintOf(value), 10)
		}
	}
	return masked(mask, hexText, value)
}

func masked(mask []byte, text func([]byte) string, value []byte) string {
	if mask == nil {
		return text(value)
	}
	return text(value) + "/" + text(mask)
}

func ethernetText(b []byte) string {
	var parts []string
	for _, c := range b {
		parts = append(parts, fmt.Sprintf("%02x", c))
	}
	return strings.Join(parts, ":")
}

// hexText is a number without leading zeros, and 0 without 0x, as C prints it.
func hexText(b []byte) string {
	text := strings.TrimLeft(fmt.Sprintf("%x", b), "0")
	if text == "" {
		return "0"
	}
	return "0x" + text
}

// addressText is an address, with a prefix length or a mask.
func addressText(value, mask []byte) string {
	ip, ok := netip.AddrFromSlice(value)
	if !ok {
		return masked(mask, hexText, value)
	}
	if mask == nil {
		return ip.String()
	}
	bits := leadingOnes(mask)
	whole := make([]byte, len(mask))
	for i := range bits {
		whole[i/8] |= 0x80 >> (i % 8)
	}
	if bytes.Equal(whole, mask) {
		return fmt.Sprintf("%s/%d", ip, bits)
	}
	m, _ := netip.AddrFromSlice(mask)
	return ip.String() + "/" + m.String()
}

func leadingOnes(mask []byte) int {
	n := 0
	for n < 8*len(mask) && mask[n/8]&(0x80>>(n%8)) != 0 {
		n++
	}
	return n
}

// portOf widens the port number that a field of two or four bytes holds.
func portOf(value []byte) uint32 {
	if len(value) == 2 {
		return widenPort(be.Uint16(value))
	}
	return uint32(uintOf(value))
}

var portNames = map[uint32]string{
	PortInPort: "IN_PORT", PortTable: "TABLE", PortNormal: "NORMAL", PortFlood: "FLOOD", PortAll: "ALL",
	PortController: "CONTROLLER", PortLocal: "LOCAL", PortAny: "ANY",
}

func portText(port uint32) string {
	if name, ok := portNames[port]; ok {
		return name
	}
	return strconv.FormatUint(uint64(port), 10)
}
