package intent

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// Limits of what a router can have.
const (
	MaxRouters    = 4096 // of a file
	MaxInterfaces = 256  // of a router
	MaxAddresses  = 16   // of an interface
	MaxRoutes     = 4096 // of a router
	MaxNextHops   = 8    // of a route
	MaxDNS        = 8    // name servers, and as many search domains, of an advertisement
)

// Router joins networks: it is in each of them with an interface. Every switch is the
// router for what enters it, with the same addresses.
type Router struct {
	Name string // unique among routers
	// Number is 1..65535, unique, and follows from the name (see numberRouters): it
	// changes only if a router of an earlier name comes whose number would be the same.
	Number     uint16
	Interfaces []Interface // at least one, at most one for each network, by network number
	Routes     []Route     // by prefix, each prefix once, none that of an interface
}

// Interface is what a router is in one network.
type Interface struct {
	Network       string // the network's name
	NetworkNumber uint32
	// MAC is unicast, not zero, and no other router's in the network: the one given in the
	// file, or Router.DefaultMAC.
	MAC packet.MAC
	// Addresses are the interface's own with the lengths of the prefixes that are on the
	// link: unmasked, at least one, IPv4 before IPv6, by address. The interface has
	// LinkLocal besides if one of them is IPv6.
	Addresses []netip.Prefix
	// Advertise, if not nil, asks for router advertisements; there is an IPv6 address then.
	Advertise *Advertise
}

// Bounds and defaults of router advertisements (RFC 4861 §6.2.1). The least MTU is that of
// IPv6 (RFC 8200 §5).
const (
	MinInterval     = 4 * time.Second
	MaxInterval     = 1800 * time.Second
	DefaultInterval = 600 * time.Second
	MaxLifetime     = 9000 * time.Second
	MinMTU          = 1280
	MaxMTU          = 65535
	// lifetimeIntervals is AdvDefaultLifetime's default, in MaxRtrAdvIntervals.
	lifetimeIntervals = 3
)

// Advertise says what router advertisements tell beside the interface's prefixes.
type Advertise struct {
	Managed  bool          // the flag M: addresses are to be had by DHCPv6 (RFC 4861 §4.2)
	Other    bool          // the flag O: other configuration is
	Lifetime time.Duration // AdvDefaultLifetime: 0, or Interval..MaxLifetime, in whole seconds
	Interval time.Duration // MaxRtrAdvInterval: MinInterval..MaxInterval, in whole seconds
	MTU      uint32        // AdvLinkMTU: 0 (none is told), or MinMTU..MaxMTU octets
	RDNSS    []netip.Addr  // recursive DNS servers in order of preference (RFC 8106 §5.1)
	DNSSL    []string      // search domains in order of preference (RFC 8106 §5.2), lower case, no final dot
}

// Route says where packets for a prefix go that is on none of the router's links.
type Route struct {
	Prefix   netip.Prefix // masked
	NextHops []NextHop    // at least one, all of Prefix's family, by address and network
}

// NextHop is a neighbour on one of the router's links.
type NextHop struct {
	Addr    netip.Addr // in a prefix of the interface in Network, or IPv6 link-local
	Network uint32     // the network's number; the router has an interface in it
}

// DefaultMAC is the MAC of the router's interfaces that are given none:
// 02:69:73:52 and the router's number.
func (r *Router) DefaultMAC() packet.MAC {
	mac := packet.MAC{0x02, 'i', 's', 'R'}
	binary.BigEndian.PutUint16(mac[4:], r.Number)
	return mac
}

// InterfaceOn finds the router's interface in a network. The result points into the router.
func (r *Router) InterfaceOn(network uint32) (*Interface, bool) {
	at, ok := slices.BinarySearchFunc(r.Interfaces, network, func(i Interface, number uint32) int {
		return cmp.Compare(i.NetworkNumber, number)
	})
	if !ok {
		return nil, false
	}
	return &r.Interfaces[at], true
}

// LinkLocal gives the IPv6 link-local address that the interface's MAC makes (RFC 4291
// §2.5.6). Only an interface with an IPv6 address uses it.
func (i *Interface) LinkLocal() netip.Addr {
	return netip.AddrFrom16(packet.LinkLocal(i.MAC))
}

// HasIPv6 says whether one of the interface's addresses is IPv6.
func (i *Interface) HasIPv6() bool {
	return len(i.Addresses) > 0 && i.Addresses[len(i.Addresses)-1].Addr().Is6()
}

// RouterByName finds a router by its name. The result points into the intent.
func (i *Intent) RouterByName(name string) (*Router, bool) {
	at, ok := slices.BinarySearchFunc(i.Routers, name, func(r Router, name string) int {
		return cmp.Compare(r.Name, name)
	})
	if !ok {
		return nil, false
	}
	return &i.Routers[at], true
}

// RouterByNumber finds a router by its number. The result points into the intent.
func (i *Intent) RouterByNumber(number uint16) (*Router, bool) {
	for r := range i.Routers {
		if i.Routers[r].Number == number {
			return &i.Routers[r], true
		}
	}
	return nil, false
}

// numberRouters gives each router the number that its name hashes to (FNV-1a of 32 bits,
// folded into 1..65535), or the next free one. The routers are sorted by name, so
// the numbers depend on nothing but the set of names.
func numberRouters(routers []Router) {
	const numbers = 1<<16 - 1
	taken := make(map[uint16]bool, len(routers))
	for i := range routers {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(routers[i].Name)) // a hash takes everything
		sum := hash.Sum32()
		number := uint16((sum>>16^sum&0xffff)%numbers) + 1
		for taken[number] {
			number = number%numbers + 1
		}
		taken[number] = true
		routers[i].Number = number
	}
}
