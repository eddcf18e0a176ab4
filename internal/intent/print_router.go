package intent

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func (r *Router) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "kind: %s\nname: %s\ninterfaces:\n", KindRouter, quote(r.Name))
	// By name: their own order is that of the networks' numbers, and a number that changes
	// must not change the documents of routers.
	interfaces := slices.SortedFunc(slices.Values(r.Interfaces), func(a, b Interface) int { return strings.Compare(a.Network, b.Network) })
	for n := range interfaces {
		in := &interfaces[n]
		fmt.Fprintf(b, "  - network: %s\n", quote(in.Network))
		if in.MAC != r.DefaultMAC() {
			fmt.Fprintf(b, "    mac: %s\n", quote(in.MAC.String()))
		}
		fmt.Fprintf(b, "    addresses: %s\n", flowList(in.Addresses, netip.Prefix.String))
		if in.Advertise != nil {
			fmt.Fprintf(b, "    advertise: {%s}\n", strings.Join(in.Advertise.fields(), ", "))
		}
	}
	if len(r.Routes) > 0 {
		b.WriteString("routes:\n")
	}
	for n := range r.Routes {
		route := &r.Routes[n]
		fmt.Fprintf(b, "  - {prefix: %s, via: %s", quote(route.Prefix.String()), route.via())
		if network, ok := r.linkLocalNetwork(route); ok {
			fmt.Fprintf(b, ", network: %s", quote(network))
		}
		b.WriteString("}\n")
	}
}

// fields gives what isn't its default.
func (a *Advertise) fields() []string {
	var fields []string
	add := func(differs bool, key, value string) {
		if differs {
			fields = append(fields, key+": "+value)
		}
	}
	add(a.Managed, "managed", "true")
	add(a.Other, "other", "true")
	add(a.Lifetime != lifetimeIntervals*a.Interval, "lifetime", seconds(a.Lifetime))
	add(a.Interval != DefaultInterval, "interval", seconds(a.Interval))
	add(a.MTU != 0, "mtu", fmt.Sprint(a.MTU))
	add(len(a.RDNSS) > 0, "rdnss", flowList(a.RDNSS, netip.Addr.String))
	add(len(a.DNSSL) > 0, "dnssl", flowList(a.DNSSL, strings.Clone))
	return fields
}

func (r *Route) via() string {
	addrs := make([]string, len(r.NextHops))
	for i, hop := range r.NextHops {
		addrs[i] = quote(hop.Addr.String())
	}
	if len(addrs) == 1 {
		return addrs[0]
	}
	return "[" + strings.Join(addrs, ", ") + "]"
}

// linkLocalNetwork gives the network to name in a route, which is needed only for a next
// hop that no prefix tells the network of.
func (r *Router) linkLocalNetwork(route *Route) (string, bool) {
	for _, hop := range route.NextHops {
		if !isLinkLocal6(hop.Addr) {
			continue
		}
		in, ok := r.InterfaceOn(hop.Network)
		return in.Network, ok
	}
	return "", false
}

func flowList[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = quote(text(one))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
