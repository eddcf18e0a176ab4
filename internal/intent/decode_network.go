package intent

import (
	"net/netip"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// The shape of a network's document as read.
type (
	rawNetwork struct {
		at       place
		name     item[string]
		number   item[uint32]
		unknown  Unknown
		subnets  []rawSubnet
		ports    []item[Port]
		bindings []rawBinding
		// What is left to its default is filled in.
		age        time.Duration
		ages       []rawAge
		duplicates DuplicateRule
		sponge     *Sponge
		doubtful   bool // a subnet was refused, so the subnets are not all known
		// Where each gateway stands that isat answers for; set when they are checked.
		gatewayLines map[netip.Addr]int
	}
	rawSubnet struct {
		Subnet
		prefixAt, gatewayAt item[struct{}] // ok if the field is
	}
	rawBinding struct {
		Binding
		at place
	}
)

// Keys of the mappings in a network.
var (
	subnetKeys  = []string{"prefix", "gateway", "gatewayMAC"}
	portKeys    = []string{"switch", "port", "vlan", "role", "security", "trusted", "allow"}
	bindingKeys = []string{"ip", "mac", "macs"}
)

func (d *decoder) network(f fields) *rawNetwork {
	n := &rawNetwork{at: f.at}
	n.name = d.name(f)
	n.number = d.number(f, n.name)
	n.unknown = d.unknown(f)
	for _, entry := range d.list(f, "subnets", "subnets") {
		if s, ok := d.subnet(entry); ok {
			n.subnets = append(n.subnets, s)
		} else {
			n.doubtful = true
		}
	}
	for _, entry := range d.list(f, "ports", "ports") {
		if p, ok := d.port(entry); ok {
			n.ports = append(n.ports, p)
		}
	}
	for _, entry := range d.list(f, "bindings", "bindings") {
		if b, ok := d.binding(entry); ok {
			n.bindings = append(n.bindings, b)
		}
	}
	n.age = DefaultAge
	if age := d.age(f); age.ok {
		n.age = age.value
	}
	n.ages, n.duplicates, n.sponge = d.ages(f), d.duplicates(f), d.sponge(f)
	return n
}

func (d *decoder) subnet(node ast.Node) (rawSubnet, bool) {
	var s rawSubnet
	f, ok := d.mapping(node, "subnet", subnetKeys)
	if !ok {
		return s, false
	}
	prefix := d.prefix(f)
	s.Prefix, s.prefixAt = prefix.value, item[struct{}]{at: prefix.at, ok: prefix.ok}
	if _, ok := f.values["gateway"]; ok {
		gateway := d.address(f, "gateway")
		s.gatewayAt = item[struct{}]{at: gateway.at, ok: gateway.ok}
		s.Gateway = gateway.value
	}
	if _, ok := f.values["gatewayMAC"]; ok {
		mac := d.mac(f, "gatewayMAC")
		s.GatewayMAC = mac.value
		if f.values["gateway"] == nil {
			d.failf(mac.at, "gatewayMAC without a gateway: want the gateway's address, too")
		}
	}
	return s, true
}

func (d *decoder) port(node ast.Node) (item[Port], bool) {
	f, ok := d.mapping(node, "port", portKeys)
	if !ok {
		return item[Port]{}, false
	}
	ref := d.switchRef(f)
	port := d.portRef(f)
	p := item[Port]{value: Port{Switch: ref.value, Port: port.value, Role: d.role(f)}, at: f.at, ok: ref.ok && port.ok}
	d.security(f, &p.value)
	if _, ok := f.values["vlan"]; ok {
		vlan := d.uintField(f, "vlan", 1, MaxVLAN)
		p.value.VLAN = uint16(vlan.value)
		p.ok = p.ok && vlan.ok
	}
	return p, p.ok
}

func (d *decoder) binding(node ast.Node) (rawBinding, bool) {
	f, ok := d.mapping(node, "binding", bindingKeys)
	if !ok {
		return rawBinding{}, false
	}
	ip := d.address(f, "ip")
	b := rawBinding{Binding: Binding{IP: ip.value}, at: ip.at}
	_, one := f.values["mac"]
	_, several := f.values["macs"]
	switch {
	case one && several:
		d.failf(d.place(f, "macs"), "binding has mac and macs: want only one of them")
	case several:
		b.MACs = d.macList(f)
	default:
		if mac := d.mac(f, "mac"); mac.ok {
			b.MACs = append(b.MACs, mac.value)
		}
	}
	return b, ip.ok
}
