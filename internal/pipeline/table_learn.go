package pipeline

import (
	"fmt"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
)

// notHosts are IPv4 addresses that no host has: nobody is learned under them,
// and nobody is searched (conformance A6, P1).
const notHosts = `{0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3}`

// sameMAC raises flags.differ unless the MAC that a sender gives for an address is
// the one that the address is bound to. The flag is only lowered by answer, so the
// second comparison, of the upper bits, may see what is left of the first.
const sameMAC = `compare.a = owner.mac[0..31]; compare.b = found.mac[0..31]; lookup(compare); ` +
	`compare.a[0..15] = owner.mac[32..47]; compare.b[0..15] = found.mac[32..47]; lookup(compare); `

// contradicts is a sender that says of an address that it has another MAC than
// the switches answer with.
const contradicts = `found && flags.differ && flags.address && !flags.owner && !flags.stale`

// What is looked up of a sender that says nothing of its address, and of one whose
// address stands in an IP header.
const (
	onlyStation = `lookup(stations); next;`
	alive4      = `key4 = ip4.src; owner.mac = eth.src; lookup(stations); lookup(owners); next;`
	alive6      = `key6 = ip6.src; owner.mac = eth.src; lookup(stations); lookup(owners); next;`
)

// learnRules look up the sender.
func learnRules() []Rule {
	const station, both = onlyStation, `flags.address = 1; lookup(stations); lookup(owners); next;`
	const claim4, claim6 = `get_arp(network, key4); ` + sameMAC + both, `get_nd(network, key6); ` + sameMAC + both
	return inTable(Learn, []Rule{
		{Priority: 20, Match: `arp.spa == ` + notHosts, Actions: station,
			Doc: "an ARP sender without an address: only its MAC counts (RFC 5227 §2.1.1)"},
		{Priority: 10, Match: `arp`, Actions: `key4 = arp.spa; owner.mac = arp.sha; ` + claim4,
			Doc: "ARP: the sender's address and hardware address, whatever the opcode (RFC 826)"},
		{Priority: 20, Match: `nd_ns && ip6.src == ::`, Actions: station,
			Doc: "a DAD probe: only the MAC counts (RFC 4862 §5.4.3)"},
		{Priority: 15, Match: `nd_ns && nd.sll == 00:00:00:00:00:00`, Actions: station,
			Doc: "an NS that does not say its link-layer address"},
		{Priority: 10, Match: `nd_ns`, Actions: `key6 = ip6.src; owner.mac = nd.sll; ` + claim6,
			Doc: "NS: the source and its link-layer option, which whoever is asked takes over (RFC 4861 §7.2.3)"},
		{Priority: 15, Match: `nd_na && nd.tll == 00:00:00:00:00:00`, Actions: `key6 = nd.target; owner.mac = eth.src; ` + claim6,
			Doc: "an NA without a link-layer option: the frame's source stands for it (RFC 4861 §4.4)"},
		{Priority: 10, Match: `nd_na`, Actions: `key6 = nd.target; owner.mac = nd.tll; ` + claim6,
			Doc: "NA: the target and its link-layer option"},
		{Priority: 15, Match: `nd_rs && ip6.src == ::`, Actions: station,
			Doc: "an RS of a host without an address: only its MAC counts"},
		{Priority: 10, Match: `nd_rs`, Actions: `key6 = ip6.src; owner.mac = eth.src; get_nd(network, key6); ` + sameMAC + `lookup(stations); lookup(owners); next;`,
			Doc: "RS: routers take over the source with its link-layer option, which the switch does not see; the frame's source stands for it (RFC 4861 §6.2.6)"},
		{Priority: 10, Match: `flags.trusted && ip4 && udp.dst == 68`, Actions: puntFor(ReasonDHCP) + ` ` + alive4,
			Doc: "a DHCP server's reply: a copy to the controller, which reads the lease (RFC 2131 §3.1)"},
		{Priority: 10, Match: `flags.trusted && ip6 && udp.dst == 546`, Actions: puntFor(ReasonDHCP) + ` ` + alive6,
			Doc: "a DHCPv6 server's reply: likewise (RFC 8415 §18.2.10)"},
		{Priority: 10, Match: `ip4 && udp.dst == 67`, Actions: puntFor(ReasonRelease) + ` ` + alive4,
			Doc: "a DHCP client's message: likewise, it may give a lease back (RFC 2131 §4.4.6)"},
		{Priority: 10, Match: `ip6 && udp.dst == 547`, Actions: puntFor(ReasonRelease) + ` ` + alive6,
			Doc: "a DHCPv6 client's message: likewise (RFC 8415 §18.2.7)"},
		{Priority: 4, Match: `ip4`, Actions: alive4,
			Doc: "IPv4: what an owner sends from its address keeps its binding, and teaches nothing"},
		{Priority: 4, Match: `ip6`, Actions: alive6, Doc: "IPv6: likewise"},
		{Priority: 0, Match: `1`, Actions: station, Doc: "anything else: the MAC"},
	})
}

// learnNetworkRules look for owners only among the addresses that a network's
// subnets have. What routers send on for others has many more sources, and a
// lookup for each would fill the switch's cache.
func learnNetworkRules(n *intent.Network) []Rule {
	in := fmt.Sprintf("network == %q", n.Name)
	var rules []Rule
	rule := func(priority uint16, match, actions, doc string) {
		rules = append(rules, Rule{Table: Learn, Priority: priority, Match: in + " && " + match, Actions: actions, Doc: doc})
	}
	has4, has6 := false, false
	for _, s := range n.Subnets {
		if s.Prefix.Addr().Is4() {
			has4 = true
			rule(6, "ip4.src == "+s.Prefix.String(), alive4, "IPv4 from an address of the network")
		} else {
			has6 = true
			rule(6, "ip6.src == "+s.Prefix.String(), alive6, "IPv6 from an address of the network")
		}
	}
	if has4 {
		rule(5, "ip4", onlyStation, "IPv4 that was routed: only the MAC")
	}
	if has6 {
		rule(6, "ip6.src == fe80::/10", alive6, "IPv6 from a link-local address")
		rule(5, "ip6", onlyStation, "IPv6 that was routed: only the MAC")
	}
	return rules
}

// learnPortRules spare what comes from another network the lookup of owners.
func learnPortRules(a fabric.Attachment) []Rule {
	if !a.Uplink {
		return nil
	}
	return []Rule{{Table: Learn, Priority: 8, Match: fmt.Sprintf("inport == %q && ip", a.Name), Actions: onlyStation,
		Doc: "from an uplink: only the MAC"}}
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
