package intent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/isat-sdn/isat/packet"
)

// routerIndex is what the routers of a file have taken so far.
type routerIndex struct {
	lines     map[string]int // of each name
	macs      map[inNetwork[packet.MAC]]membership
	addresses map[inNetwork[netip.Addr]]membership
}

// inNetwork is something that may be in a network once.
type inNetwork[T comparable] struct {
	network string
	value   T
}

// link is a prefix of a router's interface, where it was given.
type link struct {
	prefix  netip.Prefix // masked
	network string
	at      place
}

func (v *validator) allRouters(raw []*rawRouter) []Router {
	if len(raw) > MaxRouters {
		first := raw[MaxRouters]
		v.subject = first.subject(v.source)
		v.failf(first.at, "the file has %d routers: want at most %d", len(raw), MaxRouters)
		raw = raw[:MaxRouters]
	}
	v.routers = routerIndex{
		lines:     make(map[string]int),
		macs:      make(map[inNetwork[packet.MAC]]membership),
		addresses: make(map[inNetwork[netip.Addr]]membership),
	}
	numbers := routerNumbers(raw)
	var routers []Router
	for _, r := range raw {
		v.subject = r.subject(v.source)
		if first, ok := v.routers.lines[r.name.value]; ok && r.name.ok {
			// That it has the same addresses is the same fault: the document stands there twice.
			v.failf(r.name.at, "name is used twice (first on %s): want a name of its own", v.lineName(first))
			continue
		}
		v.routers.lines[r.name.value] = r.name.at.line
		router := Router{Name: r.name.value, Number: numbers[r.name.value]}
		v.interfaces(r, &router)
		v.routes(r, &router)
		routers = append(routers, router)
	}
	slices.SortFunc(routers, func(a, b Router) int { return strings.Compare(a.Name, b.Name) })
	return routers
}

// subject names the router as messages do.
func (r *rawRouter) subject(s *source) string { return s.subjectOf(KindRouter, r.name.value, r.at) }

// routerNumbers gives the number of each name that can be used.
func routerNumbers(raw []*rawRouter) map[string]uint16 {
	var named []Router
	for _, r := range raw {
		if r.name.ok {
			named = append(named, Router{Name: r.name.value})
		}
	}
	byName := func(a, b Router) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(named, byName)
	named = slices.CompactFunc(named, func(a, b Router) bool { return a.Name == b.Name })
	numberRouters(named)
	numbers := make(map[string]uint16, len(named))
	for _, r := range named {
		numbers[r.Name] = r.Number
	}
	return numbers
}

// interfaces checks the interfaces of a router and adds them to it.
func (v *validator) interfaces(r *rawRouter, router *Router) {
	lines := make(map[string]int)
	for n := range r.interfaces {
		i := &r.interfaces[n]
		if !i.network.ok {
			continue
		}
		if first, ok := lines[i.network.value]; ok {
			v.failf(i.network.at, "network %q has an interface already (%s): want one for each network, with all addresses",
				i.network.value, v.lineName(first))
			continue
		}
		lines[i.network.value] = i.network.at.line
		network, ok := v.networks[i.network.value]
		if !ok {
			r.doubtful = true
			if !v.doubtful {
				v.failf(i.network.at, "network %q is in no document: %s", i.network.value,
					v.suggestNetwork(i.network.value, v.networkNames, "want the name of a network of the file"))
			}
			continue
		}
		in := Interface{Network: network.Name, NetworkNumber: network.Number, MAC: i.mac.value, Advertise: i.advertise}
		for _, address := range i.addresses {
			v.interfaceAddress(network, address)
			in.Addresses = append(in.Addresses, address.value)
		}
		slices.SortFunc(in.Addresses, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		if i.advertise != nil && !i.doubtful && !in.HasIPv6() {
			v.failf(i.advertiseAt, "advertise without an IPv6 address: want one in addresses, or no advertise")
		}
		v.interfaceMAC(r, i, router, &in)
		router.Interfaces = append(router.Interfaces, in)
	}
	slices.SortFunc(router.Interfaces, func(a, b Interface) int { return cmp.Compare(a.NetworkNumber, b.NetworkNumber) })
}

// suggestNetwork says what was expected instead of name, which is none of known.
func (v *validator) suggestNetwork(name string, known []string, want string) string {
	const most = 256 // comparing with each takes its time, as often as it is shown
	if len(known) <= most && len(v.errs) < maxErrors {
		if best := nearest(name, known); best != "" {
			return fmt.Sprintf("did you mean %q?", best)
		}
	}
	return want
}

// interfaceAddress checks an address against the network that it is in.
func (v *validator) interfaceAddress(network *Network, address item[netip.Prefix]) {
	ip := address.value.Addr()
	if raw := v.names[network.Name]; raw != nil && !raw.doubtful && hasSubnets(network, ip.Is4()) {
		s, ok := network.SubnetOf(ip)
		if !ok {
			v.failf(address.at, "address %s is in none of the subnets of network %q: want an address of one of them", ip, network.Name)
		} else if kind := reserved(s, ip); kind != "" {
			v.failf(address.at, "address %s is the %s address of subnet %s: want one of a host", ip, kind, s.Prefix)
		}
	}
	v.claimAddress(network, item[netip.Addr]{ip, address.at, true}, "address")
}

// hasSubnets says whether a network has subnets of a family. Those of IPv4 come first.
func hasSubnets(n *Network, is4 bool) bool {
	if len(n.Subnets) == 0 {
		return false
	}
	if is4 {
		return n.Subnets[0].Prefix.Addr().Is4()
	}
	return n.Subnets[len(n.Subnets)-1].Prefix.Addr().Is6()
}

// claimAddress reports an address that somebody else in the network is known to have.
func (v *validator) claimAddress(network *Network, ip item[netip.Addr], what string) {
	if raw := v.names[network.Name]; raw != nil {
		if b, ok := raw.bindingOf(ip.value); ok {
			v.failf(ip.at, "%s %s is that of a static binding of network %q (%s): want one of its own", what, ip.value, network.Name, v.lineName(b.at.line))
		}
		if line, ok := raw.gatewayLines[ip.value]; ok {
			v.failf(ip.at, "%s %s is a gateway of network %q that has a gatewayMAC (%s): want that left out, for the router answers",
				what, ip.value, network.Name, v.lineName(line))
		}
	}
	key := inNetwork[netip.Addr]{network.Name, ip.value}
	if first, ok := v.routers.addresses[key]; ok {
		v.failf(ip.at, "%s %s of network %q is that of %s (%s): want one of its own", what, ip.value, network.Name, first.owner, v.lineName(first.line))
		return
	}
	v.routers.addresses[key] = membership{v.subject, ip.at.line}
}

// interfaceMAC sets and checks the interface's MAC, and the link-local address that it makes.
func (v *validator) interfaceMAC(r *rawRouter, i *rawInterface, router *Router, in *Interface) {
	at := i.mac.at
	if given := at.line != 0; !given && r.name.ok {
		in.MAC, at = router.DefaultMAC(), i.at
	} else if !i.mac.ok {
		return
	}
	key := inNetwork[packet.MAC]{in.Network, in.MAC}
	if first, ok := v.routers.macs[key]; ok {
		v.failf(at, "mac %s in network %q is that of %s (%s): want one of its own", in.MAC, in.Network, first.owner, v.lineName(first.line))
		return
	}
	v.routers.macs[key] = membership{v.subject, at.line}
	if in.HasIPv6() {
		v.claimAddress(v.networks[in.Network], item[netip.Addr]{in.LinkLocal(), at, true}, "link-local address")
	}
}

// links gives the widest prefixes of the router's interfaces in order, which are apart from
// each other, and reports those of two interfaces that are not.
func (v *validator) links(r *rawRouter) []link {
	var sorted, widest []link
	for _, i := range r.interfaces {
		if !i.network.ok {
			continue
		}
		for _, address := range i.addresses {
			sorted = append(sorted, link{address.value.Masked(), i.network.value, address.at})
		}
	}
	slices.SortStableFunc(sorted, func(a, b link) int { return comparePrefixes(a.prefix, b.prefix) })
	for _, l := range sorted {
		if len(widest) == 0 || !widest[len(widest)-1].prefix.Overlaps(l.prefix) {
			widest = append(widest, l)
			continue
		}
		if last := widest[len(widest)-1]; last.network != l.network {
			if last.at.compare(l.at) > 0 {
				last, l = l, last
			}
			v.failf(l.at, "prefix %s overlaps %s of network %q (%s): want the prefixes of two interfaces apart from each other",
				l.prefix, last.prefix, last.network, v.lineName(last.at.line))
		}
	}
	return widest
}

// linkOf finds the link that an address is on.
func linkOf(links []link, ip netip.Addr) (link, bool) {
	after := sort.Search(len(links), func(l int) bool { return ip.Less(links[l].prefix.Addr()) })
	if after > 0 && links[after-1].prefix.Contains(ip) {
		return links[after-1], true
	}
	return link{}, false
}
