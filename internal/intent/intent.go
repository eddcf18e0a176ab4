package intent

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sort"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// The network that always exists and that ports belong to without being asked.
const (
	DefaultName   = "default"
	DefaultNumber = 1
)

// Limits of what can be asked for.
const (
	MaxNetworkNumber = 1<<24 - 1 // 24 bits, as a VXLAN network identifier (RFC 7348 §5)
	MaxVLAN          = 4094      // 0 and 4095 are reserved (IEEE 802.1Q-2018 table 9-2)
	MaxPortNumber    = 0xffffff00
	MaxNameLen       = 63
	// MaxPortNameLen is what OpenFlow 1.3.5 §7.2.1 carries of a port's name; a bridge's
	// name is that of its local port.
	MaxPortNameLen = 15
)

// Intent is everything that was asked for. One from Default or Parse is valid, contains
// the default network, and is in canonical order: networks by number, subnets by prefix,
// ports by switch, port and VLAN, bindings by address, routers by name, policies by table,
// falling priority and name.
type Intent struct {
	Networks []Network
	Routers  []Router
	Policies []Policy
	Limits   Limits
}

// Network is one L2 broadcast domain.
type Network struct {
	Name     string // unique
	Number   uint32 // 1..MaxNetworkNumber, unique
	Unknown  Unknown
	Subnets  []Subnet // don't overlap
	Ports    []Port
	Bindings []Binding // one for each address
	// Age is how long a binding lives without a sign of life; 0: for ever.
	Age time.Duration
	// Ages override it for prefixes; the longest that matches counts.
	Ages       []AgeRule
	Duplicates DuplicateRule
	// Sponge is what happens to requests for addresses that nobody has; nil: nothing.
	Sponge *Sponge
}

// Unknown says what happens to a request for an address that nobody is known to have
// (RFC 9161 §3.5).
type Unknown uint8

const (
	// Solicit searches for the owner with a bounded number of requests: the default.
	Solicit Unknown = iota
	// Flood sends the request on to every port of the network.
	Flood
	// Drop discards the request.
	Drop
)

var unknownNames = [...]string{Solicit: "solicit", Flood: "flood", Drop: "drop"}

// String gives the word that stands for the policy in a file.
func (u Unknown) String() string {
	if int(u) < len(unknownNames) {
		return unknownNames[u]
	}
	return fmt.Sprintf("unknown(%d)", uint8(u))
}

// MarshalText gives the form of String.
func (u Unknown) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Subnet is a prefix in a network.
type Subnet struct {
	Prefix     netip.Prefix // masked
	Gateway    netip.Addr   // the zero Addr if there is none; inside Prefix or IPv6 link-local
	GatewayMAC packet.MAC   // if not zero, isat answers for Gateway with it
}

// Broadcast gives the subnet's directed broadcast address (RFC 919). An IPv6 prefix and
// an IPv4 prefix of 31 or 32 bits (RFC 3021) have none.
func (s Subnet) Broadcast() (netip.Addr, bool) {
	if !s.Prefix.Addr().Is4() || s.Prefix.Bits() > 30 {
		return netip.Addr{}, false
	}
	address := s.Prefix.Masked().Addr().As4()
	for bit := s.Prefix.Bits(); bit < 32; bit++ {
		address[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(address), true
}

// Port is a network's membership of one switch port. Switch, Port and VLAN say which it
// is: no two of an intent agree in all of them.
type Port struct {
	Switch SwitchRef
	Port   PortRef
	VLAN   uint16 // 1..MaxVLAN: the network's tag on a trunk; 0: untagged frames
	Role   PortRole
	// Security says whom the port believes, Trusted that DHCP servers and routers may be
	// behind it. Allow lists who may send, for Strict only.
	Security Security
	Trusted  bool
	Allow    []Allowed
}

// PortRole says what is behind a port.
type PortRole uint8

const (
	// Edge has hosts behind it: the default.
	Edge PortRole = iota
	// Uplink has a network behind it that isn't isat's.
	Uplink
)

var roleNames = [...]string{Edge: "edge", Uplink: "uplink"}

// String gives the word that stands for the role in a file.
func (r PortRole) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// MarshalText gives the form of String.
func (r PortRole) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String gives switch, port and VLAN in words: port h1 of switch br0 (VLAN 10).
func (p Port) String() string {
	s := fmt.Sprintf("port %s of switch %s", p.Port, p.Switch)
	if p.VLAN != 0 {
		s += fmt.Sprintf(" (VLAN %d)", p.VLAN)
	}
	return s
}

// Binding says that an address belongs to one of several MACs.
type Binding struct {
	IP   netip.Addr
	MACs []packet.MAC // at least one, in order of preference, all different
}

// Default is what is asked for when nothing is: the default network alone.
func Default() *Intent {
	return &Intent{Limits: DefaultLimits(), Networks: []Network{
		{Name: DefaultName, Number: DefaultNumber, Age: DefaultAge, Duplicates: DefaultDuplicates()}}}
}

// Equal says whether two intents ask for the same.
func (i *Intent) Equal(o *Intent) bool {
	without := func(i *Intent) Intent { // the one list of a network that may be very long
		c := *i
		c.Networks = slices.Clone(i.Networks)
		for n := range c.Networks {
			c.Networks[n].Bindings = nil
		}
		return c
	}
	return reflect.DeepEqual(without(i), without(o)) && slices.EqualFunc(i.Networks, o.Networks, func(a, b Network) bool {
		return slices.EqualFunc(a.Bindings, b.Bindings, Binding.equal)
	})
}

func (b Binding) equal(o Binding) bool { return b.IP == o.IP && slices.Equal(b.MACs, o.MACs) }

// StaticBindings is how many there are, in all networks.
func (i *Intent) StaticBindings() (n int) {
	for at := range i.Networks {
		n += len(i.Networks[at].Bindings)
	}
	return n
}

// ByName finds a network by its name. The result points into the intent.
func (i *Intent) ByName(name string) (*Network, bool) {
	for n := range i.Networks {
		if i.Networks[n].Name == name {
			return &i.Networks[n], true
		}
	}
	return nil, false
}

// ByNumber finds a network by its number. The result points into the intent.
func (i *Intent) ByNumber(number uint32) (*Network, bool) {
	at, ok := slices.BinarySearchFunc(i.Networks, number, func(n Network, number uint32) int {
		return cmp.Compare(n.Number, number)
	})
	if !ok {
		return nil, false
	}
	return &i.Networks[at], true
}

// SubnetOf finds the subnet that contains ip.
func (n *Network) SubnetOf(ip netip.Addr) (Subnet, bool) {
	// The only candidate is the last subnet that doesn't begin after ip.
	after := sort.Search(len(n.Subnets), func(s int) bool {
		return ip.Less(n.Subnets[s].Prefix.Addr())
	})
	if after > 0 && n.Subnets[after-1].Prefix.Contains(ip) {
		return n.Subnets[after-1], true
	}
	return Subnet{}, false
}

// BindingOf finds the static binding of ip.
func (n *Network) BindingOf(ip netip.Addr) (Binding, bool) {
	at, ok := slices.BinarySearchFunc(n.Bindings, ip, func(b Binding, ip netip.Addr) int {
		return b.IP.Compare(ip)
	})
	if !ok {
		return Binding{}, false
	}
	return n.Bindings[at], true
}
