package pipeline

// resolveRules look up the next hop: configured and learned bindings alike.
func resolveRules() []Rule {
	return inTable(Resolve, []Rule{
		{Priority: 10, Match: `ip4`, Actions: `get_arp(network, key4); next;`, Doc: "who is the next hop"},
		{Priority: 10, Match: `ip6`, Actions: `get_nd(network, key6); next;`, Doc: "who is the next hop"},
	})
}

// requestRules send a packet to its next hop, or hold it until that is known.
func requestRules() []Rule {
	return inTable(Request, []Rule{
		{Priority: 20, Match: `found`, Actions: `eth.dst = found.mac; loopback; next(l2);`,
			Doc: "known: on to the next hop, even back out of the port it came in on"},
		{Priority: 10, Match: `1`, Actions: puntFor(ReasonHold) + ` next(resolve);`, Leased: true,
			Doc: "not known: the controller holds the packet and searches; then the packet goes on from here"},
		{Priority: 0, Match: `1`, Actions: `drop;`, Doc: "without a controller nobody searches"},
	})
}
