package pipeline

import "fmt"

// notHosts are IPv4 addresses that no host has: nobody is learned under them,
// and nobody is searched (conformance A6, P1).
const notHosts = `{0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3}`

// learnRules look up the sender.
func learnRules() []Rule {
	const station, both = `lookup(stations); next;`, `flags.address = 1; lookup(stations); lookup(owners); next;`
	return inTable(Learn, []Rule{
		{Priority: 20, Match: `arp.spa == ` + notHosts, Actions: station,
			Doc: "an ARP sender without an address: only its MAC counts (RFC 5227 §2.1.1)"},
		{Priority: 10, Match: `arp`, Actions: `key4 = arp.spa; owner.mac = arp.sha; ` + both,
			Doc: "ARP: the sender's address and hardware address, whatever the opcode (RFC 826)"},
		{Priority: 20, Match: `nd_ns && ip6.src == ::`, Actions: station,
			Doc: "a DAD probe: only the MAC counts (RFC 4862 §5.4.3)"},
		{Priority: 15, Match: `nd_ns && nd.sll == 00:00:00:00:00:00`, Actions: station,
			Doc: "an NS that does not say its link-layer address"},
		{Priority: 10, Match: `nd_ns`, Actions: `key6 = ip6.src; owner.mac = nd.sll; ` + both,
			Doc: "NS: the source and its link-layer option"},
		{Priority: 15, Match: `nd_na && nd.tll == 00:00:00:00:00:00`, Actions: `key6 = nd.target; owner.mac = eth.src; ` + both,
			Doc: "an NA without a link-layer option: the frame's source stands for it (RFC 4861 §4.4)"},
		{Priority: 10, Match: `nd_na`, Actions: `key6 = nd.target; owner.mac = nd.tll; ` + both,
			Doc: "NA: the target and its link-layer option"},
		{Priority: 0, Match: `1`, Actions: station, Doc: "anything else: the MAC"},
	})
}

// learnInterfaceRules leave out a router's interface as a sender: the frame comes
// from another switch.
func learnInterfaceRules(i *routerInterface) []Rule {
	from := fmt.Sprintf("network == %q && eth.src == %s", i.Network, i.MAC)
	return inTable(Learn, []Rule{
		{Priority: 31, Match: from + " && eth.dst[40]", Actions: `drop;`,
			Doc: "a router's own question or advertisement: the controller puts it on every switch itself"},
		{Priority: 30, Match: from, Actions: `next(l2);`,
			Doc: "a router's own MAC: another switch routed this, and nobody is to be learned"},
	})
}
