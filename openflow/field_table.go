package openflow

import "fmt"

// Fields, by the numbers of ovs-fields(7).
var (
	PacketType = basic("packet_type", 32, 4, 44, false, 0, -1, "")
	ConjID     = nicira("conj_id", 32, 4, 37, false)
	// InPort can be matched and moved; to set it, load [InPortNX] (Open vSwitch refuses set-field).
	InPort       = basic("in_port_oxm", 32, 4, 0, false, 0, -1, "")
	ActsetOutput = newField(fieldDef{name: "actset_output", bits: 32, bytes: 4, class: classExperimenter,
		num: 43, exp: ExperimenterONF})

	EthSrc  = basic("eth_src", 48, 6, 4, true, classNXM0, 2, "dl_src")
	EthDst  = basic("eth_dst", 48, 6, 3, true, classNXM0, 1, "dl_dst")
	EthType = basic("eth_type", 16, 2, 5, false, classNXM0, 3, "dl_type")
	// VLANVID holds the VLAN id and, in matches and set-field, the bit [VLANPresent].
	VLANVID = basic("vlan_vid", 12, 2, 6, true, 0, -1, "")
	VLANPCP = basic("vlan_pcp", 3, 1, 7, false, 0, -1, "")

	MPLSTC    = basic("mpls_tc", 3, 1, 35, false, 0, -1, "")
	MPLSBOS   = basic("mpls_bos", 1, 1, 36, false, 0, -1, "")
	MPLSTTL   = nicira("mpls_ttl", 8, 1, 30, false)
	MPLSLabel = basic("mpls_label", 20, 4, 34, false, 0, -1, "")

	IPv4Src   = basic("ip_src", 32, 4, 11, true, classNXM0, 7, "nw_src")
	IPv4Dst   = basic("ip_dst", 32, 4, 12, true, classNXM0, 8, "nw_dst")
	IPv6Src   = basic("ipv6_src", 128, 16, 26, true, classNXM1, 19, "")
	IPv6Dst   = basic("ipv6_dst", 128, 16, 27, true, classNXM1, 20, "")
	IPFrag    = nicira("ip_frag", 2, 1, 26, true)
	IPDSCP    = basic("ip_dscp", 6, 1, 8, false, 0, -1, "")
	IPECN     = basic("nw_ecn", 2, 1, 9, false, classNXM1, 28, "ip_ecn")
	IPTTL     = nicira("nw_ttl", 8, 1, 29, false)
	IPv6Label = basic("ipv6_label", 20, 4, 28, true, classNXM1, 27, "")
	IPProto   = basic("nw_proto", 8, 1, 10, false, classNXM0, 6, "ip_proto")

	TCPSrc   = basic("tcp_src", 16, 2, 13, true, classNXM0, 9, "tp_src")
	TCPDst   = basic("tcp_dst", 16, 2, 14, true, classNXM0, 10, "tp_dst")
	TCPFlags = newField(fieldDef{name: "tcp_flags", bits: 12, bytes: 2, class: classExperimenter, num: 42,
		mask: true, exp: ExperimenterONF, nxm: 35, nxmCl: classNXM1})
	UDPSrc     = basic("udp_src", 16, 2, 15, true, classNXM0, 11, "")
	UDPDst     = basic("udp_dst", 16, 2, 16, true, classNXM0, 12, "")
	SCTPSrc    = basic("sctp_src", 16, 2, 17, true, 0, -1, "")
	SCTPDst    = basic("sctp_dst", 16, 2, 18, true, 0, -1, "")
	ICMPv4Type = basic("icmp_type", 8, 1, 19, false, classNXM0, 13, "")
	ICMPv4Code = basic("icmp_code", 8, 1, 20, false, classNXM0, 14, "")
	ICMPv6Type = basic("icmpv6_type", 8, 1, 29, false, classNXM1, 21, "")
	ICMPv6Code = basic("icmpv6_code", 8, 1, 30, false, classNXM1, 22, "")

	NDReserved    = newField(fieldDef{name: "nd_reserved", bits: 32, bytes: 4, class: classEric, num: 1})
	NDTarget      = basic("nd_target", 128, 16, 31, true, classNXM1, 23, "")
	NDOptionsType = newField(fieldDef{name: "nd_options_type", bits: 8, bytes: 1, class: classEric, num: 2})
	NDSLL         = basic("nd_sll", 48, 6, 32, true, classNXM1, 24, "")
	NDTLL         = basic("nd_tll", 48, 6, 33, true, classNXM1, 25, "")

	ARPOp  = basic("arp_op", 16, 2, 21, false, classNXM0, 15, "")
	ARPSPA = basic("arp_spa", 32, 4, 22, true, classNXM0, 16, "")
	ARPTPA = basic("arp_tpa", 32, 4, 23, true, classNXM0, 17, "")
	ARPSHA = basic("arp_sha", 48, 6, 24, true, classNXM1, 17, "")
	ARPTHA = basic("arp_tha", 48, 6, 25, true, classNXM1, 18, "")

	TunnelID    = basic("tun_id", 64, 8, 38, true, classNXM1, 16, "tunnel_id")
	TunFlags    = nicira("tun_flags", 1, 2, 104, true)
	TunIPv4Src  = nicira("tun_src", 32, 4, 31, true)
	TunIPv4Dst  = nicira("tun_dst", 32, 4, 32, true)
	TunIPv6Src  = nicira("tun_ipv6_src", 128, 16, 109, true)
	TunIPv6Dst  = nicira("tun_ipv6_dst", 128, 16, 110, true)
	TunGBPID    = nicira("tun_gbp_id", 16, 2, 38, true)
	TunGBPFlags = nicira("tun_gbp_flags", 8, 1, 39, true)

	Reg0  = register(0)
	Reg1  = register(1)
	Reg2  = register(2)
	Reg3  = register(3)
	Reg4  = register(4)
	Reg5  = register(5)
	Reg6  = register(6)
	Reg7  = register(7)
	Reg8  = register(8)
	Reg9  = register(9)
	Reg10 = register(10)
	Reg11 = register(11)
	Reg12 = register(12)
	Reg13 = register(13)
	Reg14 = register(14)
	Reg15 = register(15)

	PktMark   = nicira("pkt_mark", 32, 4, 33, true)
	CTState   = nicira("ct_state", 32, 4, 105, true)
	CTZone    = nicira("ct_zone", 16, 2, 106, false)
	CTMark    = nicira("ct_mark", 32, 4, 107, true)
	CTLabel   = nicira("ct_label", 128, 16, 108, true)
	CTNwSrc   = nicira("ct_nw_src", 32, 4, 120, true)
	CTIPv6Src = nicira("ct_ipv6_src", 128, 16, 122, true)
	CTNwDst   = nicira("ct_nw_dst", 32, 4, 121, true)
	CTIPv6Dst = nicira("ct_ipv6_dst", 128, 16, 123, true)
	CTNwProto = nicira("ct_nw_proto", 8, 1, 119, false)
	CTTpSrc   = nicira("ct_tp_src", 16, 2, 124, true)
	CTTpDst   = nicira("ct_tp_dst", 16, 2, 125, true)

	// Metadata is the OpenFlow metadata field.
	Metadata = basic("metadata", 64, 8, 2, true, 0, -1, "")
)

// Fields that actions use, and that matches express by the fields above.
var (
	// InPortNX is the 16-bit in_port of NXM, for actions that load or move the ingress port.
	InPortNX = newField(fieldDef{name: "in_port", bits: 16, bytes: 2, class: classNXM0, num: 0})
	// VLANTCI is the 802.1Q header as one field. A match on it becomes one on vlan_vid and vlan_pcp.
	VLANTCI = newField(fieldDef{name: "vlan_tci", bits: 16, bytes: 2, class: classNXM0, num: 4, mask: true})

	// XReg0 to XReg7 are pairs of registers: XReg0 is Reg0 (high half) and Reg1.
	XReg0 = wideRegister(0, Reg0)
	XReg1 = wideRegister(1, Reg2)
	XReg2 = wideRegister(2, Reg4)
	XReg3 = wideRegister(3, Reg6)
	XReg4 = wideRegister(4, Reg8)
	XReg5 = wideRegister(5, Reg10)
	XReg6 = wideRegister(6, Reg12)
	XReg7 = wideRegister(7, Reg14)

	// XXReg0 to XXReg3 are quadruples of registers: XXReg0 is Reg0 (highest part) to Reg3.
	XXReg0 = extraWideRegister(0, Reg0)
	XXReg1 = extraWideRegister(1, Reg4)
	XXReg2 = extraWideRegister(2, Reg8)
	XXReg3 = extraWideRegister(3, Reg12)
)

func register(n uint32) *Field { return nicira(fmt.Sprintf("reg%d", n), 32, 4, n, true) }

func wideRegister(n uint32, first *Field) *Field {
	f := newField(fieldDef{name: fmt.Sprintf("xreg%d", n), bits: 64, bytes: 8, class: classPktReg, num: n, mask: true})
	f.wide = first
	return f
}

func extraWideRegister(n uint32, first *Field) *Field {
	f := nicira(fmt.Sprintf("xxreg%d", n), 128, 16, 111+n, true)
	f.wide = first
	return f
}

// registers are Reg0 to Reg15 in order.
var registers = [...]*Field{Reg0, Reg1, Reg2, Reg3, Reg4, Reg5, Reg6, Reg7,
	Reg8, Reg9, Reg10, Reg11, Reg12, Reg13, Reg14, Reg15}

// Reg returns the 32-bit register n, 0 to 15.
func Reg(n int) *Field { return registers[n] }

// canonicalOrder is the order in which Open vSwitch 3.1 writes the fields of a match. Prerequisites
// come before the fields that need them.
func canonicalOrder() []*Field {
	order := []*Field{
		PacketType, ConjID, InPort, ActsetOutput,
		EthSrc, EthDst, EthType, VLANVID, VLANPCP,
		MPLSTC, MPLSBOS, MPLSTTL, MPLSLabel,
		IPv4Src, IPv4Dst, IPv6Src, IPv6Dst, IPFrag, IPDSCP, IPECN, IPTTL, IPv6Label, IPProto,
		TCPSrc, TCPDst, TCPFlags, UDPSrc, UDPDst, SCTPSrc, SCTPDst, ICMPv4Type, ICMPv4Code,
		ICMPv6Type, ICMPv6Code, NDReserved, NDTarget, NDOptionsType, NDSLL, NDTLL,
		ARPOp, ARPSPA, ARPTPA, ARPSHA, ARPTHA,
		TunnelID, TunFlags, TunIPv4Src, TunIPv4Dst, TunIPv6Src, TunIPv6Dst, TunGBPID, TunGBPFlags,
	}
	order = append(order, registers[:]...)
	return append(order, PktMark, CTState, CTZone, CTMark, CTLabel, CTNwSrc, CTIPv6Src, CTNwDst,
		CTIPv6Dst, CTNwProto, CTTpSrc, CTTpDst, Metadata)
}

func otherFields() []*Field {
	return []*Field{InPortNX, VLANTCI, XReg0, XReg1, XReg2, XReg3, XReg4, XReg5, XReg6, XReg7,
		XXReg0, XXReg1, XXReg2, XXReg3}
}
