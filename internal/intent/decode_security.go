package intent

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var allowKeys = []string{"mac", "ips"}

// security reads whom a port believes. A strict port without a list would let nobody
// send, and a list means nothing elsewhere.
func (d *decoder) security(f fields, p *Port) {
	p.Security = Security(d.word(f, "security", "port security", securityNames[:]))
	p.Trusted = d.boolField(f, "trusted")
	list, listed := f.values["allow"]
	switch {
	case listed && p.Security != SecurityStrict:
		if !f.misspelt["security"] {
			d.failf(d.nodePlace(list), "allow is for strict ports: want security: strict with it, or leave it out")
		}
	case listed:
		d.required(f, "allow", "MAC address with what it may have")
	case p.Security == SecurityStrict && !f.misspelt["allow"]:
		d.failf(d.place(f, "security"), "security is strict, and nobody may send: want allow, the list of who may")
	}
	for _, entry := range d.limited(f, "allow", "MAC addresses and what they may have", MaxAllowed) {
		d.allowed(entry, p)
	}
	slices.SortFunc(p.Allow, func(a, b Allowed) int { return slices.Compare(a.MAC[:], b.MAC[:]) })
}

func (d *decoder) allowed(node ast.Node, p *Port) {
	f, ok := d.mapping(node, "allow entry", allowKeys)
	if !ok {
		return
	}
	mac := d.mac(f, "mac")
	if mac.ok && slices.ContainsFunc(p.Allow, func(a Allowed) bool { return a.MAC == mac.value }) {
		d.failf(mac.at, "allow has %s twice: want it once, with all its ips", mac.value)
		mac.ok = false
	}
	if _, listed := f.values["ips"]; listed {
		d.required(f, "ips", "address or prefix")
	}
	ips := d.allowedIPs(f)
	if mac.ok {
		p.Allow = append(p.Allow, Allowed{MAC: mac.value, IPs: ips})
	}
}

func (d *decoder) allowedIPs(f fields) []netip.Prefix {
	var ips []netip.Prefix
	for _, entry := range d.limited(f, "ips", "addresses and prefixes", MaxAllowedIPs) {
		s, ok := d.scalarNode(entry, "ips entry", wantAddressOrPrefix)
		if !ok {
			continue
		}
		ip := d.addressOrPrefix(s)
		switch {
		case !ip.ok:
		case slices.Contains(ips, ip.value):
			d.failf(ip.at, "ips has %s twice: want each once", hostOrPrefix(ip.value))
		default:
			ips = append(ips, ip.value)
		}
	}
	slices.SortFunc(ips, comparePrefixes)
	return ips
}

const wantAddressOrPrefix = "an address or a prefix, such as 10.1.0.5 or fd00:1::/64"

// addressOrPrefix reads an address as the prefix of all its bits.
func (d *decoder) addressOrPrefix(s scalar) item[netip.Prefix] {
	if strings.Contains(s.text, "/") {
		return d.maskedPrefix(s, "ips entry")
	}
	ip := d.addressText(s, "ips entry")
	return item[netip.Prefix]{netip.PrefixFrom(ip.value, ip.value.BitLen()), s.at, ip.ok}
}

// hostOrPrefix prints what addressOrPrefix reads.
func hostOrPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
