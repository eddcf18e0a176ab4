package pipeline

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"github.com/isat-sdn/isat/internal/intent"
)

// router is a router of the intent, with what its rules share.
type router struct {
	*intent.Router
	interfaces []*routerInterface
	routeIDs   map[netip.Prefix]uint32
}

// routerInterface is an interface that knows its router.
type routerInterface struct {
	*intent.Interface
	Router *router
}

func newRouter(in *intent.Router) *router {
	r := &router{Router: in, routeIDs: make(map[netip.Prefix]uint32)}
	for i := range in.Interfaces {
		r.interfaces = append(r.interfaces, &routerInterface{&in.Interfaces[i], r})
	}
	taken := make(map[uint32]bool)
	for i := range in.Routes {
		route := &in.Routes[i]
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(route.Prefix.String()))
		id := hash.Sum32()
		for taken[id] {
			id++
		}
		taken[id] = true
		r.routeIDs[route.Prefix] = id
	}
	return r
}

// routeID is a number for a route that does not depend on the other routes, so
// that a change of one leaves the flows of the others alone.
func (r *router) routeID(prefix netip.Prefix) uint32 { return r.routeIDs[prefix] }

func (r *router) interfaceOn(network uint32) *routerInterface {
	for _, i := range r.interfaces {
		if i.NetworkNumber == network {
			return i
		}
	}
	return nil
}

// rules are all logical flows of the router.
func (r *router) rules() []Rule {
	rules := ipInputRouterRules(r)
	for _, i := range r.interfaces {
		for _, table := range []func(*routerInterface) []Rule{guardInterfaceRules, learnInterfaceRules, answerInterfaceRules, l2InterfaceRules,
			admissionInterfaceRules, ipInputInterfaceRules, routingInterfaceRules} {
			rules = append(rules, table(i)...)
		}
	}
	for n := range r.Routes {
		rules = append(rules, routeRules(r, &r.Routes[n])...)
	}
	for n := range rules {
		rules[n].Owner = fmt.Sprintf("router %q", r.Name)
	}
	return rules
}

// own4 is the set of the interface's IPv4 addresses, "" for none.
func (i *routerInterface) own4() string {
	return setOf(i.addresses(netip.Addr.Is4))
}

// own6 is the set of the interface's IPv6 addresses, the link-local one among
// them, "" for none.
func (i *routerInterface) own6() string {
	own := i.addresses(netip.Addr.Is6)
	if len(own) == 0 {
		return ""
	}
	return setOf(append(own, i.LinkLocal()))
}

func (i *routerInterface) addresses(family func(netip.Addr) bool) []netip.Addr {
	var out []netip.Addr
	for _, prefix := range i.Addresses {
		if family(prefix.Addr()) {
			out = append(out, prefix.Addr())
		}
	}
	return out
}

// source4 is the address that errors about what came in on the interface are
// from (RFC 1812 §4.3.2.4).
func (i *routerInterface) source4() (netip.Addr, bool) {
	if own := i.addresses(netip.Addr.Is4); len(own) > 0 {
		return own[0], true
	}
	return netip.Addr{}, false
}

// source6 is likewise for IPv6 (RFC 4443 §2.2).
func (i *routerInterface) source6() (netip.Addr, bool) {
	if own := i.addresses(netip.Addr.Is6); len(own) > 0 {
		return own[0], true
	}
	return netip.Addr{}, false
}

// SourceFor is the address that the interface asks for a next hop from: the one
// in the same prefix, where there is one. It is the zero Addr if the interface
// has none of that family.
func SourceFor(i *intent.Interface, nextHop netip.Addr) netip.Addr {
	var other netip.Addr
	for _, prefix := range i.Addresses {
		switch {
		case prefix.Contains(nextHop):
			return prefix.Addr()
		case prefix.Addr().Is4() == nextHop.Is4() && !other.IsValid():
			other = prefix.Addr()
		}
	}
	if nextHop.Is6() && i.HasIPv6() {
		return i.LinkLocal() // the next hop is link-local, too
	}
	return other
}

// towards are the actions that send a packet on by the interface to a next hop.
func (i *routerInterface) towards(nextHop netip.Addr) string {
	return i.leave(keyOf(nextHop), nextHop.String())
}

// direct are the actions that send a packet on by the interface to its
// destination, which is of the family of like.
func (i *routerInterface) direct(like netip.Addr) string {
	if like.Is4() {
		return i.leave(keyOf(like), "ip4.dst")
	}
	return i.leave(keyOf(like), "ip6.dst")
}

func (i *routerInterface) leave(key, nextHop string) string {
	return fmt.Sprintf("%s = %s; eth.src = %s; network = %q;", key, nextHop, i.MAC, i.Network)
}

func keyOf(a netip.Addr) string {
	if a.Is4() {
		return "key4"
	}
	return "key6"
}

func (r *router) own4() string { return setOf(r.addresses(netip.Addr.Is4)) }

func (r *router) own6() string {
	own := r.addresses(netip.Addr.Is6)
	seen := make(map[netip.Addr]bool)
	for _, i := range r.interfaces {
		if a := i.LinkLocal(); i.HasIPv6() && !seen[a] {
			seen[a] = true
			own = append(own, a)
		}
	}
	return setOf(own)
}

func (r *router) addresses(family func(netip.Addr) bool) []netip.Addr {
	var out []netip.Addr
	for _, i := range r.interfaces {
		out = append(out, i.addresses(family)...)
	}
	return out
}

// broadcasts is the set of the broadcast addresses of the networks that the
// router is on, in both forms (RFC 1122 §3.2.1.3), "" for none.
func (r *router) broadcasts() string {
	var out []netip.Addr
	for _, i := range r.interfaces {
		for _, own := range i.Addresses {
			subnet := intent.Subnet{Prefix: own.Masked()}
			if broadcast, ok := subnet.Broadcast(); ok {
				out = append(out, subnet.Prefix.Addr(), broadcast)
			}
		}
	}
	return setOf(out)
}

// setOf writes addresses as a set of the language, "" for none.
func setOf(addresses []netip.Addr) string {
	if len(addresses) == 0 {
		return ""
	}
	words := make([]string, len(addresses))
	for n, a := range addresses {
		words[n] = a.String()
	}
	return "{" + strings.Join(words, ", ") + "}"
}
