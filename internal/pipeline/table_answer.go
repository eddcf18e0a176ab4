package pipeline

import (
	"fmt"
	"net/netip"
)

// A question begins without flags; the priority of its trunk stays.
const (
	askARP = `flags[0..19] = 0; key4 = arp.tpa; owner.mac = arp.sha; compare.a = arp.spa; compare.b = arp.tpa; ` +
		`lookup(compare); lookup(owners); get_arp(network, key4); next;`
	askND = `flags[0..19] = 0; key6 = nd.target; owner.mac = eth.src; lookup(owners); get_nd(network, key6); next;`
)

// answerRules look up whom a request asks for.
func answerRules() []Rule {
	return inTable(Answer, []Rule{
		{Priority: 120, Match: contradicts, Actions: puntFor(ReasonClaim), Leased: true,
			Doc: "ARP, an NA or an NS that gives an address another MAC than it has: the controller asks the owner, and lets the packet go on or drops it (RFC 9161 §3.7)"},
		// From a MAC that is not known at its port the option may be of another one; what
		// comes by a link, whose ports are trusted, has passed this on its own switch.
		{Priority: 110, Match: `nd_rs && found && (flags.differ || (!flags.station && !flags.trusted))`, Actions: `drop;`, Leased: true,
			Doc: "an RS in the name of another host, or of one that is at another port: routers would believe it, and its owner asks again (RFC 4861 §6.3.7)"},
		{Priority: 100, Match: `eth.bcast && arp.op == 1 && arp.tpa == ` + notHosts, Actions: `drop;`,
			Doc: "nobody can have this address (conformance A6)"},
		{Priority: 90, Match: `eth.bcast && arp.op == 1`, Actions: askARP,
			Doc: "broadcast ARP request: who is the target, and is it the asker"},
		{Priority: 90, Match: `eth.mcast && nd_ns`, Actions: askND,
			Doc: "multicast NS: likewise"},
		{Priority: 0, Match: `1`, Actions: `next(l2);`,
			Doc: "no question, or one by unicast, which is a liveness check and reaches the host (conformance A9, N10)"},
	})
}

// answerSubnetRule refuses questions for a broadcast address.
func answerSubnetRule(network string, broadcast netip.Addr) Rule {
	return Rule{Table: Answer, Priority: 100, Actions: `drop;`,
		Match: fmt.Sprintf("network == %q && eth.bcast && arp.op == 1 && arp.tpa == %s", network, broadcast),
		Doc:   "the broadcast address of a subnet (conformance A6)"}
}

// answerInterfaceRules answer questions that were put to a router's interface
// itself. It is the owner: a check whether it is alive has reached it.
func answerInterfaceRules(i *routerInterface) []Rule {
	at := fmt.Sprintf("network == %q && network.vlan == 0 && eth.dst == %s", i.Network, i.MAC)
	var rules []Rule
	if four := i.own4(); four != "" {
		rules = append(rules, Rule{Priority: 90, Match: at + " && arp.op == 1 && arp.tpa == " + four, Actions: askARP,
			Doc: "a unicast request for a router's own address"})
	}
	if six := i.own6(); six != "" {
		rules = append(rules, Rule{Priority: 90, Match: at + " && nd_ns && nd.target == " + six, Actions: askND,
			Doc: "a unicast NS for a router's own address"})
	}
	return inTable(Answer, rules)
}
