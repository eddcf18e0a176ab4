package intent

import (
	"cmp"
	"net/netip"
	"slices"
)

// routeValidator checks the routes of one router.
type routeValidator struct {
	*validator
	doubtful  bool // the links are not all known
	links     []link
	on        map[string]*Interface   // of each network
	linked    []string                // of these networks
	connected map[netip.Prefix]string // networks
	own       map[netip.Addr]bool     // addresses, link-local ones not among them
}

// routes checks the routes of a router, whose interfaces are there already, and adds them.
func (v *validator) routes(r *rawRouter, router *Router) {
	rv := routeValidator{
		validator: v, doubtful: r.doubtful, links: v.links(r), on: make(map[string]*Interface),
		connected: make(map[netip.Prefix]string), own: make(map[netip.Addr]bool),
	}
	for i := range router.Interfaces {
		in := &router.Interfaces[i]
		rv.on[in.Network] = in
		rv.linked = append(rv.linked, in.Network)
		for _, address := range in.Addresses {
			rv.connected[address.Masked()] = in.Network
			rv.own[address.Addr()] = true
		}
	}
	lines := make(map[netip.Prefix]int)
	for _, route := range r.routes {
		prefix := route.prefix
		if first, ok := lines[prefix.value]; ok {
			v.failf(prefix.at, "prefix %s is there twice (first on %s): want one route, with a list of next hops if it has several",
				prefix.value, v.lineName(first))
			continue
		}
		lines[prefix.value] = prefix.at.line
		if network, ok := rv.connected[prefix.value]; ok {
			v.failf(prefix.at, "prefix %s is that of the interface in network %q: want no route for it", prefix.value, network)
		}
		router.Routes = append(router.Routes, Route{Prefix: prefix.value, NextHops: rv.nextHops(route)})
	}
	slices.SortFunc(router.Routes, func(a, b Route) int { return comparePrefixes(a.Prefix, b.Prefix) })
}

func (v *routeValidator) nextHops(route rawRoute) []NextHop {
	only := v.on[route.network.value]
	if route.network.ok && only == nil {
		if !v.doubtful {
			v.failf(route.network.at, "network %q has no interface of the router: %s", route.network.value,
				v.suggestNetwork(route.network.value, v.linked, "want the network of one"))
		}
		return nil
	}
	var hops []NextHop
	for _, hop := range route.nextHops {
		network, ok := v.nextHop(route, hop, only)
		next := NextHop{hop.value, network}
		switch {
		case !ok:
		case slices.Contains(hops, next):
			v.failf(hop.at, "via has %s twice: want each once", hop.value)
		default:
			hops = append(hops, next)
		}
	}
	slices.SortFunc(hops, func(a, b NextHop) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Network, b.Network))
	})
	return hops
}

// nextHop checks a next hop and gives the number of the network that it is in. It must be
// on the link of the interface only, if that is not nil.
func (v *routeValidator) nextHop(route rawRoute, hop item[netip.Addr], only *Interface) (uint32, bool) {
	ip := hop.value
	switch {
	case ip.Is4() && !route.prefix.value.Addr().Is4():
		v.failf(hop.at, "via %s is an IPv4 address: want IPv6 as in prefix %s", ip, route.prefix.value)
		return 0, false
	case ip.Is6() && !route.prefix.value.Addr().Is6():
		v.failf(hop.at, "via %s is an IPv6 address: want IPv4 as in prefix %s", ip, route.prefix.value)
		return 0, false
	case v.own[ip]:
		v.failf(hop.at, "via %s is an address of the router itself: want that of a neighbour", ip)
		return 0, false
	case isLinkLocal6(ip):
		return v.linkLocalHop(hop, only)
	}
	on, ok := linkOf(v.links, ip)
	switch {
	case v.doubtful && (!ok || only != nil):
		return 0, false
	case !ok:
		v.failf(hop.at, "via %s is in no prefix of the router's interfaces: want the address of a neighbour", ip)
		return 0, false
	case only != nil && only.Network != on.network:
		v.failf(hop.at, "via %s is in network %q, not in %q: want the network left out, or another address", ip, on.network, only.Network)
		return 0, false
	}
	return v.onLink(hop, on)
}

// linkLocalHop checks a next hop that no prefix tells the network of.
func (v *routeValidator) linkLocalHop(hop item[netip.Addr], only *Interface) (uint32, bool) {
	switch {
	case only == nil:
		v.failf(hop.at, "via %s is link-local: want network, too, for the interface that it is on", hop.value)
	case !only.HasIPv6() && !v.doubtful:
		v.failf(hop.at, "via %s is link-local, and the interface in network %q has no IPv6 address: want one there", hop.value, only.Network)
	case only.LinkLocal() == hop.value:
		v.failf(hop.at, "via %s is an address of the router itself: want that of a neighbour", hop.value)
	default:
		return only.NetworkNumber, true
	}
	return 0, false
}

// onLink checks that a host may have the address of a next hop.
func (v *routeValidator) onLink(hop item[netip.Addr], on link) (uint32, bool) {
	in := v.on[on.network]
	if in == nil {
		return 0, false // the network is in no document, which was reported
	}
	for _, address := range in.Addresses {
		prefix := address.Masked()
		if !prefix.Contains(hop.value) {
			continue
		}
		if kind := reserved(Subnet{Prefix: prefix}, hop.value); kind != "" {
			v.failf(hop.at, "via %s is the %s address of %s: want one of a host", hop.value, kind, prefix)
			return 0, false
		}
	}
	return in.NetworkNumber, true
}
