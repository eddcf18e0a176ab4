package pipeline

// replyNDRules turn a solicitation into an advertisement, as far as Open
// vSwitch takes it for a solicitation.
func replyNDRules() []Rule {
	return inTable(ReplyND, []Rule{
		{Priority: 20, Match: `nd_ns && flags.long`, Actions: puntFor(ReasonAnswer), Leased: true,
			Doc: "other options: the controller tells a nonce from what only the owner can answer (RFC 3971; conformance N2)"},
		{Priority: 10, Match: `nd_ns && flags.long`, Actions: toOwner,
			Doc: "without a controller the owner itself answers (RFC 6085)"},
		{Priority: 7, Match: `nd_ns && nd.sll == 00:00:00:00:00:00`, Actions: toOwner,
			Doc: "an NS that needs a link-layer option and has none: the owner itself answers (RFC 6085)"},
		{Priority: 5, Match: `nd_ns`, Doc: "the NS becomes an NA to its source (RFC 4861 §7.2.4)",
			Actions: `eth.dst = eth.src; eth.src = found.mac; ip6.dst = ip6.src; ip6.src = key6; icmp6.type = 136; next;`},
	})
}

// replyNDEndRules set what exists only once the packet is an advertisement.
func replyNDEndRules() []Rule {
	const option = ` nd.option = 2; nd.tll = found.mac; ` + turnRound
	return inTable(ReplyNDEnd, []Rule{
		{Priority: 20, Match: `nd_na && found.router`, Actions: `nd.reserved = 0xe0000000;` + option,
			Doc: "the owner routes: R, S and O set, with its link-layer option (RFC 9161 §3.3)"},
		{Priority: 10, Match: `nd_na`, Actions: `nd.reserved = 0x60000000;` + option,
			Doc: "S and O set, with the owner's link-layer option"},
	})
}
