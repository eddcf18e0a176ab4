package intent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// item is a value of a file and where it stands. It is not ok if it isn't there or was
// refused; its place can be used all the same.
type item[T any] struct {
	value T
	at    place
	ok    bool
}

// The shape of a document as read, before its parts are compared with one another.
type (
	rawNetwork struct {
		at       place
		name     item[string]
		number   item[uint32]
		unknown  Unknown
		subnets  []rawSubnet
		ports    []item[Port]
		bindings []rawBinding
		doubtful bool // a subnet was refused, so the subnets are not all known
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

// Keys of each mapping of the format.
var (
	networkKeys = []string{"kind", "name", "number", "unknown", "subnets", "ports", "bindings"}
	subnetKeys  = []string{"prefix", "gateway", "gatewayMAC"}
	portKeys    = []string{"switch", "port", "vlan"}
	bindingKeys = []string{"ip", "mac", "macs"}
)

// KindNetwork is the kind of the documents that describe a network.
const KindNetwork = "network"

// decoder reads one document. Its subject names the network in messages.
type decoder struct {
	*source
	subject string
}

func (d *decoder) failf(at place, format string, args ...any) {
	d.fail(at, "%s: %s", d.subject, fmt.Sprintf(format, args...))
}

// fields are the values of a mapping by key.
type fields struct {
	at       place
	values   map[string]ast.Node
	misspelt map[string]bool // keys that an unknown one probably means: not reported as missing
}

// place gives the place of a value, or that of the whole mapping without it.
func (d *decoder) place(f fields, key string) place {
	if node, ok := f.values[key]; ok {
		return d.nodePlace(node)
	}
	return f.at
}

// mapping reads a mapping and reports keys that are unknown or repeated.
func (d *decoder) mapping(node ast.Node, what string, known []string) (fields, bool) {
	entries, ok := entriesOf(node)
	if !ok {
		d.failf(d.nodePlace(node), "%s is %s: want a mapping with the keys %s", what, describe(node), strings.Join(known, ", "))
		return fields{}, false
	}
	f := fields{at: d.nodePlace(node), values: make(map[string]ast.Node, len(entries)), misspelt: make(map[string]bool)}
	for _, entry := range entries {
		keyToken := entry.Key.GetToken()
		key, at := keyToken.Value, d.at(keyToken)
		switch {
		case !isPlain(keyToken) && keyToken.Indicator != token.QuotedScalarIndicator:
			d.failf(at, "%s has a key that is no word: want one of %s", what, strings.Join(known, ", "))
		case !slices.Contains(known, key):
			d.failf(at, "%s has an unknown key %q: %s", what, shorten(key), suggest(key, known))
			f.misspelt[nearest(key, known)] = true
		case f.values[key] != nil:
			d.failf(at, "%s has the key %q twice (first on line %d)", what, key, d.nodePlace(f.values[key]).line)
		default:
			f.values[key] = entry.Value
		}
	}
	return f, true
}

func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// list reads a sequence; nothing at all is an empty one.
func (d *decoder) list(f fields, key, of string) []ast.Node {
	node := f.values[key]
	if isNull(node) {
		return nil
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.failf(d.nodePlace(node), "%s is %s: want a list of %s", key, describe(node), of)
		return nil
	}
	return sequence.Values
}

// nodePlace gives where a node begins: for a mapping that is its first key.
func (d *decoder) nodePlace(node ast.Node) place {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return d.nodePlace(n.Values[0])
		}
	case *ast.MappingValueNode:
		return d.at(n.Key.GetToken())
	}
	return d.at(node.GetToken())
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a block of text"
	}
	if isNull(node) {
		return "empty"
	}
	return fmt.Sprintf("%q", shorten(node.GetToken().Value))
}

// document reads one document. A nil result means that it is no network.
func (d *decoder) document(node ast.Node) *rawNetwork {
	d.subject = "intent"
	if entries, ok := entriesOf(node); ok {
		d.subject = nameDocument(entries, d.nodePlace(node))
	}
	f, ok := d.mapping(node, "document", networkKeys)
	if !ok || !d.kind(f) {
		return nil
	}
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
	return n
}

// nameDocument says how messages refer to a document, by its name if it has one.
func nameDocument(entries []*ast.MappingValueNode, at place) string {
	for _, entry := range entries {
		if entry.Key.GetToken().Value != "name" {
			continue
		}
		if s, ok := scalarOf(entry.Value); ok && s.text != "" {
			return fmt.Sprintf("network %q", shorten(s.text))
		}
	}
	return fmt.Sprintf("network at line %d", at.line)
}

func (d *decoder) kind(f fields) bool {
	s, ok := d.scalar(f, "kind", KindNetwork)
	if ok && s.text != KindNetwork {
		d.failf(s.at, "kind %q is unknown: %s", shorten(s.text), suggest(s.text, []string{KindNetwork}))
		return false
	}
	return ok
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
	p := item[Port]{value: Port{Switch: ref.value, Port: port.value}, at: f.at, ok: ref.ok && port.ok}
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
