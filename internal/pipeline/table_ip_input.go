package pipeline

import "fmt"

// How errors go back: to the neighbour that the packet came from, which is the
// sender or the router before this one.
const (
	turnFrame = `eth.dst <-> eth.src;`
	goBack    = `loopback; next(l2);`
)

// ipInputRules drop what no router forwards.
func ipInputRules() []Rule {
	return inTable(IPInput, []Rule{
		{Priority: 200, Match: `ip4.src == ` + notHosts, Actions: `drop;`,
			Doc: "sources that are no host's (RFC 1812 §5.3.7)"},
		{Priority: 200, Match: `ip4.dst == ` + notHosts, Actions: `drop;`,
			Doc: "destinations that are no host's (RFC 1812 §5.3.7)"},
		{Priority: 200, Match: `ip6.src == {::, ::1, ::ffff:0:0/96, ff00::/8}`, Actions: `drop;`,
			Doc: "sources that are no host's (RFC 4291 §2.5, RFC 4443 §2.4)"},
		{Priority: 200, Match: `ip6.dst == {::, ::1, ::ffff:0:0/96, ff00::/8}`, Actions: `drop;`,
			Doc: "destinations that are no host's (RFC 4291 §2.5)"},
		{Priority: 170, Match: `arp`, Actions: `drop;`,
			Doc: "ARP: learn has heard it, and answer has answered it"},
		{Priority: 160, Match: `icmp6.type == {134, 135, 136, 137}`, Actions: `drop;`,
			Doc: "neighbour discovery: likewise; advertisements of other routers and redirects are for hosts"},
		{Priority: 120, Match: `ip4.src == 169.254.0.0/16 || ip4.dst == 169.254.0.0/16`, Actions: `drop;`,
			Doc: "link-local addresses stay on their link (RFC 3927 §7)"},
		{Priority: 120, Match: `ip6.src == fe80::/10 || ip6.dst == fe80::/10`, Actions: `drop;`,
			Doc: "link-local addresses stay on their link (RFC 4291 §2.5.6)"},
		{Priority: 105, Match: `ip.ttl == {0, 1}`, Actions: `drop;`,
			Doc: "expired, where no error may tell of it (RFC 1812 §5.3.1)"},
		{Priority: 10, Match: `ip4 || ip6`, Actions: `next;`, Doc: "to be forwarded"},
		{Priority: 0, Match: `1`, Actions: `drop;`, Doc: "no protocol that is routed"},
	})
}

// ipInputRouterRules are about a router's own addresses, on any interface.
func ipInputRouterRules(r *router) []Rule {
	var rules []Rule
	if nobody := r.broadcasts(); nobody != "" {
		rules = append(rules, Rule{Priority: 195, Match: fmt.Sprintf("router == %q && ip4.src == %s", r.Name, nobody), Actions: `drop;`,
			Doc: "a network or its broadcast address can't send (RFC 1812 §5.3.7)"})
	}
	if own := r.own4(); own != "" {
		at := fmt.Sprintf("router == %q && ip4.dst == %s", r.Name, own)
		rules = append(rules,
			Rule{Priority: 195, Match: fmt.Sprintf("router == %q && ip4.src == %s", r.Name, own), Actions: `drop;`,
				Doc: "nobody else has the router's own addresses (RFC 1812 §5.3.8)"},
			Rule{Priority: 150, Match: at + ` && icmp4.type == 8 && icmp4.code == 0 && !ip.is_frag`,
				Actions: `ip4.dst <-> ip4.src; ip.ttl = 255; icmp4.type = 0; ` + turnFrame + goBack,
				Doc:     "echo request: the switch itself replies (RFC 1812 §4.3.3.6); fragments can't be put together"},
			Rule{Priority: 140, Match: at + ` && (udp || tcp) && !ip.later_frag`,
				Actions: `icmp4 { ` + turnFrame + ` ip4.dst <-> ip4.src; icmp4.type = 3; icmp4.code = 3; ` + goBack + ` };`,
				Doc:     "no port is open: port unreachable (RFC 1122 §3.2.2.1)"},
			Rule{Priority: 138, Match: at + ` && icmp4`, Actions: `drop;`,
				Doc: "other ICMP"},
			Rule{Priority: 135, Match: at + ` && !ip.later_frag`,
				Actions: `icmp4 { ` + turnFrame + ` ip4.dst <-> ip4.src; icmp4.type = 3; icmp4.code = 2; ` + goBack + ` };`,
				Doc:     "no other protocol is spoken: protocol unreachable (RFC 1122 §3.2.2.1)"},
			Rule{Priority: 130, Match: at, Actions: `drop;`, Doc: "the rest that is for the router itself"})
	}
	own := r.own6()
	if own == "" {
		return inTable(IPInput, rules)
	}
	at := fmt.Sprintf("router == %q && ip6.dst == %s", r.Name, own)
	return inTable(IPInput, append(rules,
		Rule{Priority: 195, Match: fmt.Sprintf("router == %q && ip6.src == %s", r.Name, own), Actions: `drop;`,
			Doc: "nobody else has the router's own addresses"},
		Rule{Priority: 150, Match: at + ` && icmp6.type == 128 && icmp6.code == 0 && !ip.is_frag`,
			Actions: `ip6.dst <-> ip6.src; ip.ttl = 255; icmp6.type = 129; ` + turnFrame + goBack,
			Doc:     "echo request: the switch itself replies (RFC 4443 §4.2)"},
		Rule{Priority: 140, Match: at + ` && (udp || tcp) && !ip.later_frag`,
			Actions: `icmp6 { ` + turnFrame + ` ip6.dst <-> ip6.src; icmp6.type = 1; icmp6.code = 4; ` + goBack + ` };`,
			Doc:     "no port is open: port unreachable (RFC 4443 §3.1)"},
		Rule{Priority: 138, Match: at + ` && ip.proto == 58`, Actions: `drop;`, Doc: "other ICMPv6"},
		Rule{Priority: 135, Match: at + ` && !ip.later_frag`,
			Actions: `icmp6 { ` + turnFrame + ` ip6.dst <-> ip6.src; icmp6.type = 4; icmp6.code = 1; icmp6.pointer = 6; ` + goBack + ` };`,
			Doc:     "no other protocol is spoken: unrecognized next header (RFC 4443 §3.4)"},
		Rule{Priority: 130, Match: at, Actions: `drop;`, Doc: "the rest that is for the router itself"}))
}

// ipInputInterfaceRules are about what came in on one interface.
func ipInputInterfaceRules(i *routerInterface) []Rule {
	from := fmt.Sprintf("router == %q && ingress.network == %q", i.Router.Name, i.Network)
	var rules []Rule
	if i.Advertise != nil {
		rules = append(rules, Rule{Priority: 165, Match: from + " && nd_rs", Actions: puntFor(ReasonSolicitation),
			Doc: "a router solicitation by unicast (RFC 4861 §6.2.6)"})
	}
	if source, ok := i.source4(); ok {
		rules = append(rules, Rule{Priority: 110, Match: from + " && ip4 && ip.ttl == {0, 1} && !ip.later_frag",
			Actions: fmt.Sprintf("icmp4 { %s ip4.dst = ip4.src; ip4.src = %s; icmp4.type = 11; icmp4.code = 0; %s };", turnFrame, source, goBack),
			Doc:     "expired: time exceeded (RFC 1812 §5.3.1)"})
	}
	if source, ok := i.source6(); ok {
		rules = append(rules,
			Rule{Priority: 165, Match: from + " && nd_ns && nd.target == " + i.own6(),
				Actions: fmt.Sprintf("nd_na { eth.src = %s; nd.tll = %s; nd.reserved = 0xe0000000; %s };", i.MAC, i.MAC, goBack),
				Doc:     "an NS for the interface that the tables could not turn into its answer (RFC 4861 §7.2.4)"},
			Rule{Priority: 110, Match: from + " && ip6 && ip.ttl == {0, 1} && !ip.later_frag",
				Actions: fmt.Sprintf("icmp6 { %s ip6.dst = ip6.src; ip6.src = %s; icmp6.type = 3; icmp6.code = 0; %s };", turnFrame, source, goBack),
				Doc:     "expired: time exceeded (RFC 4443 §3.3)"})
	}
	return inTable(IPInput, rules)
}
