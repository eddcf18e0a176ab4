package pipeline

// guardRules drop what no host may send.
func guardRules() []Rule {
	return inTable(Guard, []Rule{
		{Priority: 100, Match: `eth.src[40]`, Actions: `drop;`,
			Doc: "a group address can't send (IEEE 802.3 §3.2.3)"},
		{Priority: 100, Match: `eth.src == 00:00:00:00:00:00`, Actions: `drop;`,
			Doc: "no host has the null MAC"},
		{Priority: 100, Match: `eth.src == ` + MAC.String(), Actions: `drop;`,
			Doc: "nobody sends as isat itself"},
		{Priority: 100, Match: `eth.dst == 01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0`, Actions: `drop;`,
			Doc: "frames for the bridge itself go no further (IEEE 802.1Q §8.6.3)"},
		// A fragment has no ICMPv6 type for Open vSwitch, the first one neither;
		// but to a solicited-node address goes nothing else.
		{Priority: 96, Match: `ip6 && ip.proto == 58 && ip.is_frag && ip6.dst == ff02::1:ff00:0/104`, Actions: puntFor(ReasonMalformed),
			Doc: "fragmented ND (RFC 6980 §5)"},
		{Priority: 95, Match: `nd.target == ::`, Actions: puntFor(ReasonMalformed),
			Doc: "too short for a target (RFC 4861 §7.1), or the same link-layer option twice"},
		{Priority: 94, Match: `nd.target == ff00::/8`, Actions: puntFor(ReasonMalformed),
			Doc: "a group address as the target (RFC 4861 §7.1)"},
		{Priority: 92, Match: `nd_na && ip6.dst == ff00::/8 && nd.reserved == {0x40000000, 0x60000000, 0xc0000000, 0xe0000000}`,
			Actions: puntFor(ReasonMalformed), Doc: "an NA to a group says that it was solicited (RFC 4861 §7.1.2)"},
		{Priority: 91, Match: `nd_ns && ip6.src == :: && ip6.dst == ff02::1:ff00:0/104 && nd.sll == 00:00:00:00:00:00`, Actions: `next;`,
			Doc: "a DAD probe: from ::, to the solicited-node address, without a link-layer option (RFC 4861 §7.1.1)"},
		{Priority: 90, Match: `nd_ns && ip6.src == ::`, Actions: puntFor(ReasonMalformed),
			Doc: "any other NS from ::"},
		{Priority: 90, Match: `arp && arp.op == 0`, Actions: puntFor(ReasonMalformed),
			Doc: "ARP that is not Ethernet and IPv4 with lengths 6 and 4, or has an opcode of 0 or over 255 (RFC 826)"},
		{Priority: 80, Match: `nd_ns || nd_na`, Actions: `next;`,
			Doc: "ND that has not crossed a router (RFC 4861 §7.1)"},
		{Priority: 70, Match: `icmp6.type == {135, 136}`, Actions: puntFor(ReasonMalformed),
			Doc: "other hop limits and codes (RFC 4861 §7.1)"},
		{Priority: 0, Match: `1`, Actions: `next;`, Doc: "everything else"},
	})
}
