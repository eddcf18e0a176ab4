package pipeline

// puntRules send copies of what is news to the controller.
func puntRules() []Rule {
	copyIt := puntFor(ReasonLearn) + ` next;`
	return inTable(PuntTable, []Rule{
		{Priority: 40, Match: contradicts, Actions: `next;`,
			Doc: "what contradicts a binding: answer has it decided, before anybody hears it"},
		{Priority: 30, Match: `!flags.station`, Actions: copyIt,
			Doc: "a MAC that is not known on this port"},
		{Priority: 25, Match: `nd_ns && flags.stale`, Actions: `next;`,
			Doc: "an NS can't make a stale owner more than stale (conformance N8)"},
		// nd_reserved has no mask in Open vSwitch: one flow per combination of the
		// R flag (the top bit) with S and O.
		{Priority: 22, Match: `nd_na && flags.owner && flags.router && nd.reserved == {0, 0x20000000, 0x40000000, 0x60000000}`, Actions: copyIt,
			Doc: "an owner that is a router no more (RFC 4861 §7.2.5)"},
		{Priority: 22, Match: `nd_na && flags.owner && !flags.router && nd.reserved == {0x80000000, 0xa0000000, 0xc0000000, 0xe0000000}`, Actions: copyIt,
			Doc: "an owner that became a router (RFC 4861 §7.2.5)"},
		{Priority: 20, Match: `flags.address && !flags.owner`, Actions: copyIt,
			Doc: "an address that is not known as the sender's"},
		{Priority: 0, Match: `1`, Actions: `next;`, Doc: "a known sender"},
	})
}
