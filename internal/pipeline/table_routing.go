package pipeline

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/isat-sdn/isat/internal/intent"
)

// routePriority orders routes by the length of their prefix; connected before
// static ones. IPv4 and IPv6 never compete.
func routePriority(prefix netip.Prefix, connected bool) uint16 {
	priority := uint16(100 + 2*prefix.Bits())
	if connected {
		priority++
	}
	return priority
}

// routingInterfaceRules are the routes to an interface's own prefixes, and what
// happens without any route to what came from there.
func routingInterfaceRules(i *routerInterface) []Rule {
	var rules []Rule
	for _, own := range i.Addresses {
		prefix := own.Masked()
		rules = append(rules, Rule{Priority: routePriority(prefix, true), Match: toPrefix(i.Router, prefix),
			Actions: "ip.ttl--; " + i.direct(prefix.Addr()) + " next(resolve);", Doc: "a network that the router is on: the destination is the next hop"})
		subnet := intent.Subnet{Prefix: prefix}
		if broadcast, ok := subnet.Broadcast(); ok {
			rules = append(rules, Rule{Priority: routePriority(netip.PrefixFrom(broadcast, 32), true) + 1,
				Match: fmt.Sprintf("router == %q && ip4.dst == {%s, %s}", i.Router.Name, broadcast, prefix.Addr()), Actions: `drop;`,
				Doc: "directed broadcasts are not forwarded (RFC 2644)"})
		}
	}
	from := fmt.Sprintf("router == %q && ingress.network == %q", i.Router.Name, i.Network)
	if source, ok := i.source4(); ok {
		rules = append(rules, Rule{Priority: 50, Match: from + " && ip4 && !ip.later_frag",
			Actions: fmt.Sprintf("icmp4 { %s ip4.dst = ip4.src; ip4.src = %s; icmp4.type = 3; icmp4.code = 0; %s };", turnFrame, source, goBack),
			Doc:     "no route: network unreachable (RFC 1812 §5.2.7.1)"})
	}
	if source, ok := i.source6(); ok {
		rules = append(rules, Rule{Priority: 50, Match: from + " && ip6 && !ip.later_frag",
			Actions: fmt.Sprintf("icmp6 { %s ip6.dst = ip6.src; ip6.src = %s; icmp6.type = 1; icmp6.code = 0; %s };", turnFrame, source, goBack),
			Doc:     "no route to destination (RFC 4443 §3.1)"})
	}
	return inTable(Routing, rules)
}

// routingRules end the way of what has no route.
func routingRules() []Rule {
	return inTable(Routing, []Rule{{Priority: 0, Match: `1`, Actions: `drop;`, Doc: "no route, where no error may tell of it"}})
}

// routeRules are a static route: one rule, or with several next hops one that
// chooses by the flow's hash and one in ecmp for each (RFC 2992).
func routeRules(r *router, route *intent.Route) []Rule {
	match, priority := toPrefix(r, route.Prefix), routePriority(route.Prefix, false)
	if len(route.NextHops) == 1 {
		hop := route.NextHops[0]
		return inTable(Routing, []Rule{{Priority: priority, Match: match,
			Actions: "ip.ttl--; " + r.interfaceOn(hop.Network).towards(hop.Addr) + " next(resolve);", Doc: "a static route"}})
	}
	id := r.routeID(route.Prefix)
	members := make([]string, len(route.NextHops))
	var each []Rule
	for n, hop := range route.NextHops {
		members[n] = fmt.Sprint(n)
		each = append(each, Rule{Priority: 10, Match: fmt.Sprintf("router == %q && ecmp.route == %#x && ecmp.member == %d", r.Name, id, n),
			Actions: r.interfaceOn(hop.Network).towards(hop.Addr) + " next;",
			Doc:     fmt.Sprintf("next hop %d of %d to %s", n+1, len(route.NextHops), route.Prefix)})
	}
	choose := Rule{Priority: priority, Match: match, Doc: "a static route with several next hops, chosen by the flow's addresses and ports",
		Actions: fmt.Sprintf("ip.ttl--; ecmp.route = %#x; ecmp.member = select(%s); next(ecmp);", id, strings.Join(members, ", "))}
	return append(inTable(Routing, []Rule{choose}), inTable(ECMP, each)...)
}

// toPrefix matches what a router gets for a prefix.
func toPrefix(r *router, prefix netip.Prefix) string {
	family := "ip6"
	if prefix.Addr().Is4() {
		family = "ip4"
	}
	if prefix.Bits() == 0 {
		return fmt.Sprintf("router == %q && %s", r.Name, family)
	}
	return fmt.Sprintf("router == %q && %s.dst == %s", r.Name, family, prefix)
}
