package pipeline

import "fmt"

// The length of Ethernet, IPv6 and NS; beyond it come options.
const (
	bareNS    = 14 + 40 + 24
	ndOption  = 8
	vlanTag   = 4
	toOwner   = `eth.dst = found.mac; next(l2);`
	turnRound = `outport = inport; loopback; output;`
)

// replyRules turn a request for a known address into its answer.
func replyRules() []Rule {
	longer := func(than int) string { return fmt.Sprintf("flags.long = check_pkt_larger(%d); next;", than) }
	return inTable(Reply, []Rule{
		{Priority: 100, Match: `flags.owner || flags.stale`, Actions: `next(flood);`,
			Doc: "the asker's own address: everybody may hear it (conformance A7, N6, P4)"},
		{Priority: 99, Match: `arp && !flags.differ`, Actions: `next(flood);`,
			Doc: "an announcement, by whomever, is spread (conformance A6, P4)"},
		{Priority: 98, Match: `found.sponge && (arp.spa == 0.0.0.0 || (nd_ns && ip6.src == ::))`, Actions: `next(search);`,
			Doc: "whoever wants an address for itself that nobody has is not kept from it (RFC 5227 §2.1.1, RFC 4862 §5.4)"},
		{Priority: 91, Match: `arp && found && arp.spa == 0.0.0.0`, Actions: puntFor(ReasonAnswer), Leased: true,
			Doc: "an ARP probe for a known address: it may be the owner's own, which nobody may answer while it is not known here (RFC 5227 §2.1.1)"},
		{Priority: 90, Match: `arp && found`, Doc: "ARP: the request becomes the reply (RFC 826)",
			Actions: `eth.dst = eth.src; eth.src = found.mac; arp.tha = arp.sha; arp.sha = found.mac; ` +
				`arp.tpa = arp.spa; arp.spa = key4; arp.op = 2; ` + turnRound},
		{Priority: 96, Match: `nd_ns && found && ip6.src == ::`, Actions: puntFor(ReasonAnswer), Leased: true,
			Doc: "a DAD probe for a known address: its answer needs an option that the probe has no room for"},
		{Priority: 95, Match: `nd_ns && found && ip6.src == ::`, Actions: toOwner,
			Doc: "without a controller the owner itself defends (RFC 6085)"},
		{Priority: 94, Match: `nd_ns && found && nd.sll == 00:00:00:00:00:00 && vlan.present`, Actions: longer(bareNS + vlanTag),
			Doc: "NS in a VLAN without a link-layer option: is there any option, perhaps a broken one"},
		{Priority: 93, Match: `nd_ns && found && nd.sll == 00:00:00:00:00:00`, Actions: longer(bareNS),
			Doc: "NS without a link-layer option: is there any option, perhaps a broken one"},
		{Priority: 92, Match: `nd_ns && found && vlan.present`, Actions: longer(bareNS + ndOption + vlanTag),
			Doc: "NS in a VLAN: is there more than a link-layer option in it"},
		{Priority: 90, Match: `nd_ns && found`, Actions: longer(bareNS + ndOption),
			Doc: "NS: is there more than a link-layer option in it"},
		{Priority: 0, Match: `1`, Actions: `next(search);`, Doc: "not known"},
	})
}
