package pipeline

import (
	"fmt"
	"slices"
)

// guardRules drop what no host may send.
func guardRules() []Rule {
	return inTable(Guard, slices.Concat(guardFrameRules(), guardServerRules(), guardStrictRules()))
}

// dadProbe is a DAD probe: from ::, to the solicited-node address, without a
// link-layer option (RFC 4861 §7.1.1).
const dadProbe = `nd_ns && ip6.src == :: && ip6.dst == ff02::1:ff00:0/104 && nd.sll == 00:00:00:00:00:00`

// guardFrameRules are about what nobody may send.
func guardFrameRules() []Rule {
	return []Rule{
		{Priority: 100, Match: `eth.src[40]`, Actions: `drop;`,
			Doc: "a group address can't send (IEEE 802.3 §3.2.3)"},
		{Priority: 100, Match: `eth.src == 00:00:00:00:00:00`, Actions: `drop;`,
			Doc: "no host has the null MAC"},
		{Priority: 101, Match: `flags.trusted && !eth.mcast && (arp.op == 1 || nd_ns) && eth.src == ` + MAC.String(), Actions: `next(l2);`,
			Doc: "isat's own question to one host, from another switch by a link: the answer is punted here"},
		{Priority: 100, Match: `eth.src == ` + MAC.String(), Actions: `drop;`,
			Doc: "nobody sends as isat itself"},
		{Priority: 100, Match: `eth.dst == 01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0`, Actions: `drop;`,
			Doc: "frames for the bridge itself go no further (IEEE 802.1Q §8.6.3)"},
		{Priority: 96, Match: `ip.first_frag && icmp6.type == {133, 134, 135, 136, 137}`, Actions: puntFor(ReasonMalformed),
			Doc: "fragmented ND (RFC 6980 §5)"},
		{Priority: 95, Match: `nd.target == ::`, Actions: puntFor(ReasonMalformed),
			Doc: "too short for a target (RFC 4861 §7.1), or the same link-layer option twice"},
		{Priority: 94, Match: `nd.target == ff00::/8`, Actions: puntFor(ReasonMalformed),
			Doc: "a group address as the target (RFC 4861 §7.1)"},
		{Priority: 92, Match: `nd_na && ip6.dst == ff00::/8 && nd.reserved == {0x40000000, 0x60000000, 0xc0000000, 0xe0000000}`,
			Actions: puntFor(ReasonMalformed), Doc: "an NA to a group says that it was solicited (RFC 4861 §7.1.2)"},
		{Priority: 91, Match: dadProbe, Actions: `next;`,
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
	}
}

// guardServerRules are about what only DHCP servers and routers send. What can't
// be told apart from that is dropped, too, where no ordinary packet looks like it.
func guardServerRules() []Rule {
	refuse := puntFor(ReasonRefused)
	return []Rule{
		// Hosts take off priority tags, and what is in them then is theirs.
		{Priority: 97, Match: `(!flags.trusted || flags.strict) && eth.type == {0x8100, 0x88a8}`, Actions: refuse,
			Doc: "a VLAN tag inside the one that the switch reads: it may hide anything (CVE-2021-27853)"},
		{Priority: 97, Match: `!flags.trusted && ip4 && udp.dst == 68`, Actions: refuse,
			Doc: "a DHCP server where none may be: only servers send to this port (RFC 2131 §4.1)"},
		{Priority: 97, Match: `!flags.trusted && ip6 && udp.dst == 546`, Actions: refuse,
			Doc: "a DHCPv6 server where none may be: likewise, and reconfigure messages with it (RFC 8415 §7.2)"},
		{Priority: 97, Match: `!flags.trusted && icmp6.type == {134, 137}`, Actions: refuse,
			Doc: "a router where none may be: advertisements and redirects (RFC 6105 §3)"},
		{Priority: 97, Match: `!flags.trusted && ip6 && ip.proto == 0`, Actions: refuse,
			Doc: "a chain of extension headers that the switch could not follow: it may hide either (RFC 7113 §2, RFC 7610 §5)"},
		{Priority: 97, Match: `!flags.trusted && ip6 && ip.first_frag && (udp.dst == 0 || icmp6.type == 0)`, Actions: refuse,
			Doc: "a first fragment that ends before its ports or type: likewise"},
		// What overlaps it may say otherwise to a host that does not drop that (RFC
		// 5722 §4). Only such can be an advertisement or a redirect (RFC 4861 §6.1.2,
		// §8.1); ordinary packets have another hop limit.
		{Priority: 89, Match: `!flags.trusted && ip6.src == fe80::/10 && ip.ttl == 255 && ip.proto == 58 && ip.first_frag`, Actions: refuse,
			Doc: "a first fragment that fragments which overlap it may make a router's (RFC 7113 §2)"},
	}
}

// guardInterfaceRules drop the advertisements of isat's own routers where they
// come back.
func guardInterfaceRules(i *routerInterface) []Rule {
	return inTable(Guard, []Rule{{Priority: 98, Actions: `drop;`,
		Match: fmt.Sprintf("network == %q && eth.src == %s && nd_ra", i.Network, i.MAC),
		Doc:   "a router's own advertisement, by a link: the controller puts it on every switch itself"}})
}
