package intent

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/isat-sdn/isat/packet"
)

// Parse reads the documents of a file; its name is only used in messages. The default
// network is added if no document describes it. The error is of type Errors and holds
// every fault; the intent is then nil.
func Parse(file string, data []byte) (*Intent, error) { return ParseWith(file, data, nil) }

// ParseWith is Parse that asks check, if not nil, about every policy whose values could be
// read. A fault that it finds is reported like any other, where it stands in the file.
func ParseWith(file string, data []byte, check PolicyCheck) (*Intent, error) {
	src := &source{}
	text, ok := src.read(file, data)
	if !ok {
		return nil, src.result()
	}
	intent, _, err := src.intent(parseDocuments(src, text), check, nil)
	return intent, err
}

// intent makes one intent of documents, and says which revisions they were made from. What
// they say may be edited, before it is checked.
func (s *source) intent(bodies []ast.Node, check PolicyCheck, edit func(*decoder, *rawIntent)) (*Intent, map[Ref]int64, error) {
	d := &decoder{source: s}
	raw := &rawIntent{doubtful: len(s.errs) > 0, expected: make(map[Ref]int64)}
	for _, body := range bodies {
		d.document(body, raw)
	}
	if edit != nil {
		edit(d, raw)
	}
	intent := newValidator(d, check).intent(raw)
	if err := s.result(); err != nil {
		return nil, nil, err
	}
	return intent, raw.expected, nil
}

// validator compares the parts of a file with one another.
type validator struct {
	*decoder
	check    PolicyCheck
	names    map[string]*rawNetwork
	numbers  map[uint32]*rawNetwork
	ports    map[portPlace]membership
	networks map[string]*Network // what became of the documents, by name, and the default network
	// Names of the networks, by number.
	networkNames []string
	routers      routerIndex
	doubtful     bool // a document was refused, so a network may be missing for that only
}

// portPlace says which port and VLAN a membership is of.
type portPlace struct {
	sw   SwitchRef
	port PortRef
	vlan uint16
}

// membership is where something was first given to a network or router.
type membership struct {
	owner string // as messages name it
	line  int
}

func newValidator(d *decoder, check PolicyCheck) *validator {
	return &validator{
		decoder: d, check: check,
		names: make(map[string]*rawNetwork), numbers: make(map[uint32]*rawNetwork),
		ports: make(map[portPlace]membership), networks: make(map[string]*Network),
	}
}

func (v *validator) intent(raw *rawIntent) *Intent {
	v.doubtful = raw.doubtful
	intent := &Intent{Limits: DefaultLimits()}
	for _, n := range raw.networks {
		v.subject = n.subject(v.source)
		v.identity(n)
		network := Network{Name: n.name.value, Number: n.number.value, Unknown: n.unknown,
			Age: n.age, Duplicates: n.duplicates, Sponge: n.sponge}
		network.Subnets = v.subnets(n)
		network.Ages = v.ages(n)
		network.Ports = v.memberships(n)
		network.Bindings = v.bindings(n, &network)
		intent.Networks = append(intent.Networks, network)
	}
	if _, ok := v.names[DefaultName]; !ok {
		intent.Networks = append(intent.Networks, Default().Networks...)
	}
	slices.SortFunc(intent.Networks, func(a, b Network) int { return cmp.Compare(a.Number, b.Number) })
	for i := range intent.Networks {
		n := &intent.Networks[i]
		v.networks[n.Name] = n
		v.networkNames = append(v.networkNames, n.Name)
	}
	intent.Routers = v.allRouters(raw.routers)
	intent.Policies = v.allPolicies(raw.policies)
	v.limits(raw.limits, intent)
	return intent
}

// subject names the network as messages do.
func (n *rawNetwork) subject(s *source) string { return s.subjectOf(KindNetwork, n.name.value, n.at) }

func (v *validator) identity(n *rawNetwork) {
	if n.name.ok {
		if first, ok := v.names[n.name.value]; ok {
			v.failf(n.name.at, "name is used twice (first on %s): want a name of its own", v.lineName(first.name.at.line))
			// An equal number is the same fault: the document stands there twice.
			return
		}
		v.names[n.name.value] = n
	}
	if n.number.ok {
		if first, ok := v.numbers[n.number.value]; ok {
			v.failf(n.number.at, "number %d is that of %s (%s): want a number of its own",
				n.number.value, first.subject(v.source), v.lineName(first.number.at.line))
			return
		}
		v.numbers[n.number.value] = n
	}
}

func (v *validator) subnets(n *rawNetwork) []Subnet {
	gateways := make(map[netip.Addr]packet.MAC)
	for i := range n.subnets {
		v.gateway(&n.subnets[i], gateways)
	}
	sorted := slices.DeleteFunc(slices.Clone(n.subnets), func(s rawSubnet) bool { return !s.prefixAt.ok })
	n.doubtful = n.doubtful || len(sorted) < len(n.subnets)
	slices.SortStableFunc(sorted, func(a, b rawSubnet) int { return comparePrefixes(a.Prefix, b.Prefix) })
	var subnets []Subnet
	widest := -1 // prefixes nest or are apart, so comparing with the last widest one is enough
	for i, s := range sorted {
		if widest >= 0 && sorted[widest].Prefix.Overlaps(s.Prefix) {
			v.overlap(sorted[widest], s)
			continue
		}
		widest = i
		subnets = append(subnets, s.Subnet)
	}
	return subnets
}

// overlap reports at the one that comes later in the file.
func (v *validator) overlap(a, b rawSubnet) {
	if a.prefixAt.at.line > b.prefixAt.at.line {
		a, b = b, a
	}
	v.failf(b.prefixAt.at, "subnet %s overlaps %s (%s): want subnets apart from each other",
		b.Prefix, a.Prefix, v.lineName(a.prefixAt.at.line))
}

// gateway checks the gateway of one subnet. Two subnets may share a link-local gateway,
// but not with two MACs.
func (v *validator) gateway(s *rawSubnet, seen map[netip.Addr]packet.MAC) {
	if !s.gatewayAt.ok {
		return
	}
	at := s.gatewayAt.at
	linkLocal := s.Gateway.Is6() && s.Gateway.IsLinkLocalUnicast()
	if s.prefixAt.ok {
		switch {
		case linkLocal && s.Prefix.Addr().Is6():
		case !s.Prefix.Contains(s.Gateway):
			v.failf(at, "gateway %s is not in subnet %s: want an address of the subnet", s.Gateway, s.Prefix)
		default:
			if kind := reserved(s.Subnet, s.Gateway); kind != "" {
				v.failf(at, "gateway %s is the %s address of subnet %s: want one of a host", s.Gateway, kind, s.Prefix)
			}
		}
	}
	if mac, ok := seen[s.Gateway]; ok && mac != s.GatewayMAC {
		v.failf(at, "gateway %s has another gatewayMAC in another subnet: want the same one", s.Gateway)
	}
	seen[s.Gateway] = s.GatewayMAC
}

// reserved says whether ip is an address of the subnet that no host has: the name of its
// kind, or nothing.
func reserved(s Subnet, ip netip.Addr) string {
	broadcast, ok := s.Broadcast()
	switch {
	case ok && ip == broadcast:
		return "broadcast"
	case ok && ip == s.Prefix.Addr():
		return "network"
	case ip.Is6() && s.Prefix.Bits() < 127 && ip == s.Prefix.Addr(): // RFC 4291 §2.6.1, RFC 6164
		return "subnet-router anycast"
	}
	return ""
}

func (v *validator) memberships(n *rawNetwork) []Port {
	inNetwork := make(map[portPlace]membership) // without VLAN
	var ports []Port
	for _, p := range n.ports {
		here := membership{v.subject, p.at.line}
		bare := portPlace{sw: p.value.Switch, port: p.value.Port}
		full := bare
		full.vlan = p.value.VLAN
		if first, ok := v.ports[full]; ok {
			v.failf(p.at, "%s is already in %s (%s): want each port in one network only, or with another VLAN",
				p.value, first.owner, v.lineName(first.line))
			continue
		}
		if first, ok := inNetwork[bare]; ok {
			v.failf(p.at, "%s is in the network twice (first on %s): want it once", p.value, v.lineName(first.line))
			continue
		}
		v.ports[full], inNetwork[bare] = here, here
		ports = append(ports, p.value)
	}
	slices.SortFunc(ports, comparePorts)
	return ports
}

// bindings checks the static bindings against the network's subnets, which are there
// already. While one of those is wrong nothing can be said about what is in none of them.
// It leaves those of the file in the order of their addresses.
func (v *validator) bindings(n *rawNetwork, network *Network) []Binding {
	has4, has6 := false, false
	gateways := make(map[netip.Addr]bool)
	n.gatewayLines = make(map[netip.Addr]int)
	for _, s := range n.subnets {
		has4 = has4 || s.Prefix.Addr().Is4()
		has6 = has6 || s.Prefix.Addr().Is6()
		if s.gatewayAt.ok {
			gateways[s.Gateway] = true
			if !s.GatewayMAC.IsZero() {
				n.gatewayLines[s.Gateway] = s.gatewayAt.at.line
			}
		}
	}
	order := func(a, b rawBinding) int { return cmp.Or(a.IP.Compare(b.IP), a.at.compare(b.at)) }
	if !slices.IsSortedFunc(n.bindings, order) {
		slices.SortFunc(n.bindings, order)
	}
	bindings := slices.Grow([]Binding(nil), len(n.bindings))
	first := place{} // where the address stands that the last bindings are of
	for i, b := range n.bindings {
		if i == 0 || n.bindings[i-1].IP != b.IP {
			first = b.at
		}
		switch {
		case first != b.at:
			v.failf(b.at, "binding of %s is there twice (first on %s): want one, with a list of macs if it has several", b.IP, v.lineName(first.line))
			continue
		case gateways[b.IP]:
			v.failf(b.at, "binding of %s is for a gateway: want gatewayMAC in its subnet instead", b.IP)
		case n.doubtful:
		case b.IP.Is4() && has4 || b.IP.Is6() && has6 && !b.IP.IsLinkLocalUnicast():
			v.bindingSubnet(network, b)
		}
		bindings = append(bindings, b.Binding)
	}
	return bindings
}

// bindingOf finds the static binding of an address, once they are checked.
func (n *rawNetwork) bindingOf(ip netip.Addr) (b rawBinding, ok bool) {
	at, ok := slices.BinarySearchFunc(n.bindings, ip, func(b rawBinding, ip netip.Addr) int { return b.IP.Compare(ip) })
	if ok {
		b = n.bindings[at]
	}
	return b, ok
}

func (v *validator) bindingSubnet(n *Network, b rawBinding) {
	s, ok := n.SubnetOf(b.IP)
	if !ok {
		v.failf(b.at, "binding of %s is in none of the network's subnets: want an address of one of them", b.IP)
		return
	}
	if kind := reserved(s, b.IP); kind != "" {
		v.failf(b.at, "binding of %s is for the %s address of subnet %s: want one of a host", b.IP, kind, s.Prefix)
	}
}

// ages checks the age limits of prefixes. One that has no address of the network's subnets
// is a slip.
func (v *validator) ages(n *rawNetwork) []AgeRule {
	lines := make(map[netip.Prefix]int)
	var ages []AgeRule
	for _, a := range n.ages {
		if first, twice := lines[a.Prefix]; twice {
			v.failf(a.at, "ages has %s twice (first on %s): want it once", a.Prefix, v.lineName(first))
			continue
		}
		lines[a.Prefix] = a.at.line
		sameFamily, overlaps := false, isLinkLocal6(a.Prefix.Addr())
		for _, s := range n.subnets {
			sameFamily = sameFamily || s.Prefix.Addr().BitLen() == a.Prefix.Addr().BitLen()
			overlaps = overlaps || s.Prefix.Overlaps(a.Prefix)
		}
		if sameFamily && !overlaps && !n.doubtful {
			v.failf(a.at, "ages has %s, which has no address of the network's subnets: want a prefix of one, or one that holds it", a.Prefix)
		}
		ages = append(ages, a.AgeRule)
	}
	slices.SortFunc(ages, func(a, b AgeRule) int { return comparePrefixes(a.Prefix, b.Prefix) })
	return ages
}

// limits takes the one document of the limits, if there is one.
func (v *validator) limits(documents []*rawLimits, intent *Intent) {
	for i, raw := range documents {
		v.subject = v.subjectOf(KindLimits, "", raw.at)
		if i > 0 {
			v.failf(raw.at, "there are limits already (%s): want one document for all of them", v.lineName(documents[0].at.line))
			continue
		}
		intent.Limits = raw.limits
	}
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func comparePorts(a, b Port) int {
	return cmp.Or(a.Switch.compare(b.Switch), a.Port.compare(b.Port), cmp.Compare(a.VLAN, b.VLAN))
}
