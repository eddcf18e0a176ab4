package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/isat-sdn/isat/packet"
)

// The shape of a router's document as read.
type (
	rawRouter struct {
		at         place
		name       item[string]
		interfaces []rawInterface
		routes     []rawRoute
		doubtful   bool // an interface or an address was refused, so the links are not all known
	}
	rawInterface struct {
		at          place
		network     item[string]
		mac         item[packet.MAC]
		addresses   []item[netip.Prefix]
		doubtful    bool // an address was refused
		advertise   *Advertise
		advertiseAt place
	}
	rawRoute struct {
		prefix   item[netip.Prefix]
		nextHops []item[netip.Addr]
		network  item[string]
	}
)

// Keys of the mappings in a router.
var (
	interfaceKeys = []string{"network", "mac", "addresses", "advertise"}
	advertiseKeys = []string{"managed", "other", "lifetime", "interval", "mtu", "rdnss", "dnssl"}
	routeKeys     = []string{"prefix", "via", "network"}
)

func (d *decoder) router(f fields) *rawRouter {
	r := &rawRouter{at: f.at, name: d.name(f)}
	d.required(f, "interfaces", "interface")
	for _, entry := range d.limited(f, "interfaces", "interfaces", MaxInterfaces) {
		i, ok := d.routerInterface(entry)
		r.doubtful = r.doubtful || !ok || i.doubtful || !i.network.ok
		if ok {
			r.interfaces = append(r.interfaces, i)
		}
	}
	for _, entry := range d.limited(f, "routes", "routes", MaxRoutes) {
		if route, ok := d.route(entry); ok {
			r.routes = append(r.routes, route)
		}
	}
	return r
}

// required reports a list that isn't there or has nothing in it.
func (d *decoder) required(f fields, key, of string) {
	node, ok := f.values[key]
	switch sequence, isList := node.(*ast.SequenceNode); {
	case !ok && !f.misspelt[key]:
		d.failf(f.at, "%s is missing: want a list of at least one %s", key, of)
	case ok && (isNull(node) || isList && len(sequence.Values) == 0):
		d.failf(d.nodePlace(node), "%s is empty: want a list of at least one %s", key, of)
	}
}

func (d *decoder) routerInterface(node ast.Node) (rawInterface, bool) {
	f, ok := d.mapping(node, "interface", interfaceKeys)
	if !ok {
		return rawInterface{}, false
	}
	i := rawInterface{at: f.at, network: d.networkName(f)}
	if _, ok := f.values["mac"]; ok {
		i.mac = d.mac(f, "mac")
	}
	d.required(f, "addresses", "address with a prefix length")
	entries := d.limited(f, "addresses", "addresses", MaxAddresses)
	i.doubtful = len(entries) == 0
	for _, entry := range entries {
		address := d.interfaceAddress(entry)
		if address.ok && slices.ContainsFunc(i.addresses, func(a item[netip.Prefix]) bool { return a.value.Addr() == address.value.Addr() }) {
			d.failf(address.at, "addresses has %s twice: want each once", address.value.Addr())
			continue
		}
		i.doubtful = i.doubtful || !address.ok
		if address.ok {
			i.addresses = append(i.addresses, address)
		}
	}
	if node, ok := f.values["advertise"]; ok {
		i.advertise, i.advertiseAt = d.advertise(node), d.nodePlace(node)
	}
	return i, true
}

// networkName reads the name of a network that another document describes.
func (d *decoder) networkName(f fields) item[string] {
	const want = "the name of a network"
	s, ok := d.scalar(f, "network", want)
	if ok && !validName(s.text) {
		d.failf(s.at, "network %q is no network's name: want %s", shorten(s.text), wantName)
		ok = false
	}
	return item[string]{s.text, s.at, ok}
}

const wantInterfaceAddress = "a host's address and the length of its prefix, such as 10.1.0.1/24 or fd00:1::1/64"

// interfaceAddress reads an address that keeps its host bits.
func (d *decoder) interfaceAddress(node ast.Node) item[netip.Prefix] {
	s, ok := d.scalarNode(node, "address", wantInterfaceAddress)
	if !ok {
		return item[netip.Prefix]{at: s.at}
	}
	prefix, err := netip.ParsePrefix(s.text)
	ip := prefix.Addr()
	switch {
	case err != nil || ip.Is4In6():
		d.failf(s.at, "address %q is not an address and a prefix length: want %s", shorten(s.text), wantInterfaceAddress)
	case prefix.Bits() == 0:
		d.failf(s.at, "address %s has a prefix of all addresses: want %s", prefix, wantInterfaceAddress)
	case !isHost(ip):
		d.failf(s.at, "address %s is %s address: want %s", prefix, addressKind(ip), wantInterfaceAddress)
	case isLinkLocal6(ip):
		d.failf(s.at, "address %s is link-local: leave it out, for the interface has the one that its MAC makes", prefix)
	default:
		if kind := reserved(Subnet{Prefix: prefix.Masked()}, ip); kind != "" {
			d.failf(s.at, "address %s is the %s address of its prefix: want %s", prefix, kind, wantInterfaceAddress)
			break
		}
		return item[netip.Prefix]{prefix, s.at, true}
	}
	return item[netip.Prefix]{at: s.at}
}

func isLinkLocal6(ip netip.Addr) bool { return ip.Is6() && ip.IsLinkLocalUnicast() }

func (d *decoder) advertise(node ast.Node) *Advertise {
	f, ok := d.mapping(node, "advertise", advertiseKeys)
	if !ok {
		return nil
	}
	a := &Advertise{Managed: d.boolField(f, "managed"), Other: d.boolField(f, "other"), Interval: DefaultInterval}
	interval := d.secondsField(f, "interval", MinInterval, MaxInterval)
	if interval.ok {
		a.Interval = interval.value
	}
	a.Lifetime = lifetimeIntervals * a.Interval
	if lifetime := d.secondsField(f, "lifetime", 0, MaxLifetime); lifetime.ok {
		a.Lifetime = lifetime.value
		if refused := !interval.ok && f.values["interval"] != nil; !refused && a.Lifetime != 0 && a.Lifetime < a.Interval {
			d.failf(lifetime.at, "lifetime %s is shorter than the interval of %s: want at least that, or 0 for no default router",
				seconds(a.Lifetime), seconds(a.Interval))
		}
	}
	if _, ok := f.values["mtu"]; ok {
		a.MTU = d.uintField(f, "mtu", MinMTU, MaxMTU).value
	}
	a.RDNSS = distinct(d, f, "rdnss", "addresses", d.nameServer)
	a.DNSSL = distinct(d, f, "dnssl", "domain names", d.searchDomain)
	return a
}

// distinct reads an optional list of up to MaxDNS different values in the order that they have.
func distinct[T comparable](d *decoder, f fields, key, of string, read func(ast.Node) item[T]) []T {
	var list []T
	for _, entry := range d.limited(f, key, of, MaxDNS) {
		one := read(entry)
		switch {
		case !one.ok:
		case slices.Contains(list, one.value):
			d.failf(one.at, "%s has %v twice: want each once", key, one.value)
		default:
			list = append(list, one.value)
		}
	}
	return list
}

func (d *decoder) nameServer(node ast.Node) item[netip.Addr] {
	const want = "the IPv6 address of a name server, such as fd00:1::53"
	s, ok := d.scalarNode(node, "rdnss entry", want)
	if !ok {
		return item[netip.Addr]{at: s.at}
	}
	ip := d.addressText(s, "rdnss entry")
	if ip.ok && ip.value.Is4() {
		d.failf(s.at, "rdnss entry %s is an IPv4 address: want %s", ip.value, want)
		ip.ok = false
	}
	return ip
}

func (d *decoder) searchDomain(node ast.Node) item[string] {
	const want = "a domain name such as example.org"
	s, ok := d.scalarNode(node, "dnssl entry", want)
	if !ok {
		return item[string]{at: s.at}
	}
	if !validDomain(s.text) {
		d.failf(s.at, "dnssl entry %q is not a domain name: want %s", shorten(s.text), want)
		return item[string]{at: s.at}
	}
	return item[string]{strings.ToLower(s.text), s.at, true}
}

// validDomain says whether s is a host name (RFC 1123 §2.1) without a final dot that fits
// into a name of 255 octets on the wire (RFC 1035 §2.3.4).
func validDomain(s string) bool {
	const longest, longestLabel = 253, 63
	if len(s) > longest {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > longestLabel || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// route reads a route. One without a prefix or a next hop that can be used is not ok.
func (d *decoder) route(node ast.Node) (rawRoute, bool) {
	f, ok := d.mapping(node, "route", routeKeys)
	if !ok {
		return rawRoute{}, false
	}
	r := rawRoute{prefix: d.routePrefix(f), nextHops: d.nextHops(f)}
	if _, ok := f.values["network"]; ok {
		if r.network = d.networkName(f); !r.network.ok {
			return r, false
		}
	}
	return r, r.prefix.ok && len(r.nextHops) > 0
}

const wantRoutePrefix = "one such as 0.0.0.0/0 or fd00:2::/48"

func (d *decoder) routePrefix(f fields) item[netip.Prefix] {
	s, ok := d.scalar(f, "prefix", wantRoutePrefix)
	if !ok {
		return item[netip.Prefix]{at: s.at}
	}
	prefix, err := netip.ParsePrefix(s.text)
	ip := prefix.Addr()
	switch {
	case err != nil || ip.Is4In6():
		d.failf(s.at, "prefix %q is not an address and a prefix length: want %s", shorten(s.text), wantRoutePrefix)
	case prefix.Masked() != prefix:
		d.failf(s.at, "prefix %s has host bits set: want %s", prefix, prefix.Masked())
	case !isHost(ip) && !(ip.IsUnspecified() && prefix.Bits() < ip.BitLen()), isLinkLocal6(ip):
		d.failf(s.at, "prefix %s holds no addresses that are routed: want %s", prefix, wantRoutePrefix)
	default:
		return item[netip.Prefix]{prefix, s.at, true}
	}
	return item[netip.Prefix]{at: s.at}
}

// nextHops reads the field via: an address or a list of them.
func (d *decoder) nextHops(f fields) []item[netip.Addr] {
	var hops []item[netip.Addr]
	if _, isList := f.values["via"].(*ast.SequenceNode); isList {
		d.required(f, "via", "next hop")
		for _, entry := range d.limited(f, "via", "next hops", MaxNextHops) {
			if s, ok := d.scalarNode(entry, "via entry", wantAddress); ok {
				hops = append(hops, d.addressText(s, "via entry"))
			}
		}
	} else if s, ok := d.scalar(f, "via", fmt.Sprintf("%s, or a list of up to %d", wantAddress, MaxNextHops)); ok {
		hops = append(hops, d.addressText(s, "via"))
	}
	return slices.DeleteFunc(hops, func(hop item[netip.Addr]) bool { return !hop.ok })
}
