package pipeline

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/packet"
)

// The priorities of a strict port in guard. Malformed ND and ARP, above, is nobody's.
const (
	strictProbe    = 93 // a DAD probe of a listed MAC; above the one that lets any pass
	strictNoProbe  = 92
	strictClaim    = 88 // ARP and ND of a listed address; above the one that lets any pass
	strictSource   = 87 // an NA from a listed address, before its target is looked at
	strictNoClaim  = 86
	strictPacket   = 60 // IP from a listed address; beneath malformed ND
	strictNoPacket = 57
	strictFrame    = 55 // any other protocol of a listed MAC
	strictNoFrame  = 50
)

// guardStrictRules refuse what no rule of a strict port lets pass.
func guardStrictRules() []Rule {
	refuse := puntFor(ReasonRefused)
	return []Rule{
		{Priority: strictNoProbe, Match: `flags.strict && ` + dadProbe, Actions: refuse,
			Doc: "strict: a DAD probe for an address that is not listed, or by a MAC that is not"},
		{Priority: strictNoClaim, Match: `flags.strict && (arp || nd_ns || nd_na)`, Actions: refuse,
			Doc: "strict: likewise other ND, and ARP"},
		{Priority: strictNoPacket, Match: `flags.strict && ip`, Actions: refuse,
			Doc: "strict: an IP source that is not listed"},
		{Priority: strictNoFrame, Match: `flags.strict`, Actions: refuse,
			Doc: "strict: a MAC that is not listed"},
	}
}

// guardPortRules let pass what is listed for a strict port.
func guardPortRules(a fabric.Attachment) []Rule {
	if a.Allow == nil {
		return nil
	}
	var rules []Rule
	for _, allowed := range *a.Allow {
		from := fmt.Sprintf("inport == %q && eth.src == %s", a.Name, allowed.MAC)
		if len(allowed.IPs) == 0 {
			rules = append(rules, strictAnyRules(from, allowed.MAC)...)
			continue
		}
		rules = append(rules, strictRules4(from, allowed)...)
		rules = append(rules, strictRules6(from, allowed)...)
		rules = append(rules, Rule{Priority: strictFrame, Match: from, Doc: "strict: a listed MAC, neither IP nor ARP"})
	}
	for i := range rules {
		rules[i].Table, rules[i].Actions = Guard, cmp.Or(rules[i].Actions, `next;`)
	}
	return rules
}

// strictAnyRules let pass a MAC that may have any address. It must not give out
// another one for its own.
func strictAnyRules(from string, mac packet.MAC) []Rule {
	return []Rule{
		{Priority: strictProbe, Match: from + " && " + dadProbe,
			Doc: "strict: a DAD probe of a MAC that may have any address"},
		{Priority: strictClaim, Match: fmt.Sprintf("%s && arp.sha == %s", from, mac),
			Doc: "strict: likewise ARP"},
		{Priority: strictClaim, Match: fmt.Sprintf("%s && nd_ns && nd.sll == {00:00:00:00:00:00, %s}", from, mac),
			Doc: "strict: likewise an NS"},
		{Priority: strictClaim, Match: fmt.Sprintf("%s && nd_na && nd.tll == {00:00:00:00:00:00, %s}", from, mac),
			Doc: "strict: likewise an NA"},
		{Priority: strictPacket, Match: from,
			Doc: "strict: likewise anything else"},
	}
}

// strictRules4 let pass what is IPv4's of a MAC with listed addresses.
func strictRules4(from string, allowed intent.Allowed) []Rule {
	list := prefixes(allowed, true)
	if len(list) == 0 {
		return nil
	}
	set := "{" + strings.Join(list, ", ") + "}"
	return []Rule{
		{Priority: strictClaim, Match: fmt.Sprintf("%s && arp.sha == %s && arp.spa == %s", from, allowed.MAC, set),
			Doc: "strict: ARP of a listed address"},
		{Priority: strictClaim, Match: fmt.Sprintf("%s && arp.op == 1 && arp.sha == %s && arp.spa == 0.0.0.0 && arp.tpa == %s", from, allowed.MAC, set),
			Doc: "strict: an ARP probe for a listed address (RFC 5227 §2.1.1)"},
		{Priority: strictPacket, Match: fmt.Sprintf("%s && ip4.src == %s", from, set),
			Doc: "strict: IPv4 from a listed address"},
		{Priority: strictPacket, Match: from + " && ip4.src == 0.0.0.0 && ip4.dst == 255.255.255.255 && udp.src == 68 && udp.dst == 67",
			Doc: "strict: a DHCP client that has no address yet (RFC 2131 §4.1)"},
	}
}

// strictRules6 let pass what is IPv6's of a MAC with listed addresses. The
// link-local address that the MAC makes needs no listing. No match has more than
// one list, so that lists add up and are not multiplied: an NA comes by twice, for
// its source, which a flag remembers, and for its target.
func strictRules6(from string, allowed intent.Allowed) []Rule {
	set := "{" + strings.Join(prefixes(allowed, false), ", ") + "}"
	rules := []Rule{
		{Priority: strictProbe, Match: fmt.Sprintf("%s && %s && nd.target == %s", from, dadProbe, set),
			Doc: "strict: a DAD probe for a listed address (RFC 4862 §5.4.2)"},
		{Priority: strictPacket, Match: fmt.Sprintf("%s && ip6.src == %s", from, set),
			Doc: "strict: IPv6 from a listed address"},
		{Priority: strictPacket, Match: from + " && ip6.src == :: && ip6.dst == ff02::/16 && icmp6.type == {131, 132, 133, 143}",
			Doc: "strict: router solicitations and MLD reports of a host that has no address yet (RFC 4861 §4.1, RFC 3590 §4)"},
	}
	for _, option := range []packet.MAC{{}, allowed.MAC} {
		rules = append(rules,
			Rule{Priority: strictClaim, Match: fmt.Sprintf("%s && nd_ns && nd.sll == %s && ip6.src == %s", from, option, set),
				Doc: "strict: an NS from a listed address, with no other MAC in it"},
			Rule{Priority: strictClaim, Match: fmt.Sprintf("%s && flags.listed && nd_na && nd.tll == %s && nd.target == %s", from, option, set),
				Doc: "strict: an NA about a listed address, with no other MAC in it"})
	}
	return append(rules, Rule{Priority: strictSource, Match: fmt.Sprintf("%s && !flags.listed && nd_na && ip6.src == %s", from, set),
		Actions: "flags.listed = 1; next(guard);", Doc: "strict: an NA from a listed address; now for its target"})
}

// prefixes are the addresses of a family that a MAC may have, those of IPv6 with
// its own link-local one.
func prefixes(allowed intent.Allowed, four bool) (list []string) {
	for _, p := range allowed.IPs {
		if p.Addr().Is4() == four {
			list = append(list, strings.TrimSuffix(p.String(), fmt.Sprintf("/%d", p.Addr().BitLen())))
		}
	}
	if !four {
		list = append(list, netip.AddrFrom16(packet.LinkLocal(allowed.MAC)).String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}
