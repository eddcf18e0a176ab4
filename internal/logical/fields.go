package logical

import "github.com/isat-sdn/isat/openflow"

// AddPacketFields adds the fields of packets, and the predicates on them, under OVN's names
// (ovn-sb(5), table Logical_Flow, column match).
func (s *Symbols) AddPacketFields() {
	s.addEthernet()
	s.addIP()
	s.addICMP()
	s.addTransport()
	s.addARP()
	s.addND()
	s.whole("pkt.mark", openflow.PktMark, "", "mark of the packet, kept across bridges")
}

// whole adds a field that is all of f, and ordinal if f can be masked.
func (s *Symbols) whole(name string, f *openflow.Field, prereq, doc string) {
	s.AddField(Field{Name: name, OF: f, Bits: f.Bits, Nominal: !f.Maskable, Prereq: prereq, Doc: doc})
}

// readOnly adds a field like whole that can't be assigned.
func (s *Symbols) readOnly(name string, f *openflow.Field, prereq, doc string) {
	s.AddField(Field{Name: name, OF: f, Bits: f.Bits, Nominal: !f.Maskable, Prereq: prereq, Doc: doc, ReadOnly: true})
}

func (s *Symbols) addEthernet() {
	s.whole("eth.src", openflow.EthSrc, "", "source MAC address")
	s.whole("eth.dst", openflow.EthDst, "", "destination MAC address")
	s.readOnly("eth.type", openflow.EthType, "", "Ethernet type behind VLAN tags")
	s.AddPredicate("eth.bcast", "eth.dst == ff:ff:ff:ff:ff:ff", "broadcast")
	s.AddPredicate("eth.mcast", "eth.dst[40]", "multicast or broadcast")
	s.AddPredicate("eth.mcastv6", "eth.dst[32..47] == 0x3333", "IPv6 multicast (RFC 2464, section 7)")

	s.AddField(Field{Name: "vlan.tci", OF: openflow.VLANTCI, Bits: 16,
		Doc: "VLAN tag: priority, a bit that says that there is a tag, VLAN id; 0 without tag"})
	s.AddPredicate("vlan.present", "vlan.tci[12]", "has a VLAN tag")
	s.AddField(Field{Name: "vlan.vid", OF: openflow.VLANTCI, Bits: 12, Prereq: "vlan.present", Doc: "VLAN id"})
	s.AddField(Field{Name: "vlan.pcp", OF: openflow.VLANTCI, Ofs: 13, Bits: 3, Prereq: "vlan.present", Doc: "VLAN priority"})
}

func (s *Symbols) addIP() {
	s.AddPredicate("ip4", "eth.type == 0x800", "IPv4")
	s.AddPredicate("ip6", "eth.type == 0x86dd", "IPv6")
	s.AddPredicate("ip", "ip4 || ip6", "IPv4 or IPv6")

	s.readOnly("ip.proto", openflow.IPProto, "ip", "protocol, or last next header")
	s.whole("ip.dscp", openflow.IPDSCP, "ip", "differentiated services code point")
	s.whole("ip.ecn", openflow.IPECN, "ip", "explicit congestion notification")
	s.whole("ip.ttl", openflow.IPTTL, "ip", "time to live, or hop limit")
	s.readOnly("ip.frag", openflow.IPFrag, "ip", "bit 0: is a fragment; bit 1: and not the first")
	s.AddPredicate("ip.is_frag", "ip.frag[0]", "is a fragment")
	s.AddPredicate("ip.later_frag", "ip.frag[1]", "is a fragment, and not the first")
	s.AddPredicate("ip.first_frag", "ip.is_frag && !ip.later_frag", "is the first fragment")

	s.whole("ip4.src", openflow.IPv4Src, "ip4", "IPv4 source address")
	s.whole("ip4.dst", openflow.IPv4Dst, "ip4", "IPv4 destination address")
	s.AddPredicate("ip4.src_mcast", "ip4.src[28..31] == 0xe", "IPv4 source address is a multicast address")
	s.AddPredicate("ip4.mcast", "ip4.dst[28..31] == 0xe", "IPv4 multicast (RFC 5771)")
	s.whole("ip6.src", openflow.IPv6Src, "ip6", "IPv6 source address")
	s.whole("ip6.dst", openflow.IPv6Dst, "ip6", "IPv6 destination address")
	s.whole("ip6.label", openflow.IPv6Label, "ip6", "IPv6 flow label")
	s.AddPredicate("ip6.mcast", "ip6.dst[120..127] == 0xff", "IPv6 multicast (RFC 4291, section 2.7)")
}

func (s *Symbols) addICMP() {
	s.AddPredicate("icmp4", "ip4 && ip.proto == 1", "ICMP")
	s.AddPredicate("icmp6", "ip6 && ip.proto == 58", "ICMPv6")
	s.AddPredicate("icmp", "icmp4 || icmp6", "ICMP or ICMPv6")
	s.whole("icmp4.type", openflow.ICMPv4Type, "icmp4", "ICMP type")
	s.whole("icmp4.code", openflow.ICMPv4Code, "icmp4", "ICMP code")
	s.whole("icmp6.type", openflow.ICMPv6Type, "icmp6", "ICMPv6 type")
	s.whole("icmp6.code", openflow.ICMPv6Code, "icmp6", "ICMPv6 code")
}

func (s *Symbols) addTransport() {
	s.AddPredicate("tcp", "ip.proto == 6", "TCP")
	s.AddPredicate("udp", "ip.proto == 17", "UDP")
	s.AddPredicate("sctp", "ip.proto == 132", "SCTP")
	s.whole("tcp.src", openflow.TCPSrc, "tcp", "TCP source port")
	s.whole("tcp.dst", openflow.TCPDst, "tcp", "TCP destination port")
	s.readOnly("tcp.flags", openflow.TCPFlags, "tcp", "TCP flags")
	s.whole("udp.src", openflow.UDPSrc, "udp", "UDP source port")
	s.whole("udp.dst", openflow.UDPDst, "udp", "UDP destination port")
	s.whole("sctp.src", openflow.SCTPSrc, "sctp", "SCTP source port")
	s.whole("sctp.dst", openflow.SCTPDst, "sctp", "SCTP destination port")
}

func (s *Symbols) addARP() {
	s.AddPredicate("arp", "eth.type == 0x806", "ARP")
	s.whole("arp.op", openflow.ARPOp, "arp", "ARP operation")
	s.whole("arp.spa", openflow.ARPSPA, "arp", "ARP sender's IPv4 address")
	s.whole("arp.sha", openflow.ARPSHA, "arp", "ARP sender's MAC address")
	s.whole("arp.tpa", openflow.ARPTPA, "arp", "ARP target's IPv4 address")
	s.whole("arp.tha", openflow.ARPTHA, "arp", "ARP target's MAC address")
}

func (s *Symbols) addND() {
	// A hop limit of 255 says that no router has forwarded the message (RFC 4861, section 3.1).
	const message = " && icmp6.code == 0 && ip.ttl == 255"
	s.AddPredicate("nd", "icmp6.type == {135, 136}"+message, "neighbour solicitation or advertisement, not forwarded")
	s.AddPredicate("nd_ns", "icmp6.type == 135"+message, "neighbour solicitation, not forwarded")
	s.AddPredicate("nd_na", "icmp6.type == 136"+message, "neighbour advertisement, not forwarded")
	s.AddPredicate("nd_rs", "icmp6.type == 133"+message, "router solicitation, not forwarded")
	s.AddPredicate("nd_ra", "icmp6.type == 134"+message, "router advertisement, not forwarded")
	s.whole("nd.target", openflow.NDTarget, "nd", "target address of neighbour discovery")
	s.whole("nd.sll", openflow.NDSLL, "nd_ns", "source link-layer address option")
	s.whole("nd.tll", openflow.NDTLL, "nd_na", "target link-layer address option")
	s.whole("nd.reserved", openflow.NDReserved, "nd", "word before the target: flags of an advertisement")
	s.whole("nd.option", openflow.NDOptionsType, "nd", "type of the link-layer address option")
}
