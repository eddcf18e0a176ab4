package core

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/packet"
)

// port of a router: its number and the network that it is on.
type routerPort struct {
	router  uint16
	network uint32
}

// routers are the interfaces of the intent's routers, and what they tell of
// themselves on their own account.
type routers struct {
	interfaces map[routerPort]*intent.Interface
	macs       map[networkMAC]bool // of the interfaces
	advertised map[routerPort]*schedule
	announced  map[uplink]*schedule
	due        int64 // the earliest of all schedules
}

type networkMAC struct {
	network uint32
	mac     packet.MAC
}

// uplink is an interface of a router at an uplink port. Without a location it is
// everywhere in its network.
type uplink struct {
	routerPort
	at binding.Location
}

// schedule is when something is said next, and how often it was.
type schedule struct {
	due  int64 // never: nothing more is said
	said int
}

const never = math.MaxInt64

func newRouters() routers {
	return routers{interfaces: make(map[routerPort]*intent.Interface),
		advertised: make(map[routerPort]*schedule), announced: make(map[uplink]*schedule), due: never}
}

// soon is a schedule that begins at once.
func (r *routers) soon(now int64) *schedule {
	r.due = now
	return &schedule{due: now}
}

func (r *routers) find(router uint16, network uint32) (*intent.Interface, bool) {
	i, ok := r.interfaces[routerPort{router, network}]
	return i, ok
}

// setRouters takes over the routers of a new intent. Whoever stops to
// advertise says so (RFC 4861 §6.2.5).
func (c *Core) setRouters(in *intent.Intent) {
	before := c.routers.interfaces
	c.routers.interfaces = make(map[routerPort]*intent.Interface)
	c.routers.macs = make(map[networkMAC]bool)
	for r := range in.Routers {
		router := &in.Routers[r]
		for i := range router.Interfaces {
			at := routerPort{router.Number, router.Interfaces[i].NetworkNumber}
			c.routers.interfaces[at] = &router.Interfaces[i]
			c.routers.macs[networkMAC{at.network, router.Interfaces[i].MAC}] = true
		}
	}
	for at, was := range before {
		is := c.routers.interfaces[at]
		if was.Advertise != nil && (is == nil || is.Advertise == nil || is.MAC != was.MAC) {
			last := *was.Advertise
			last.Lifetime = 0
			ending := *was
			ending.Advertise = &last
			c.advertise(at.network, &ending)
			delete(c.routers.advertised, at)
		}
		if is == nil {
			delete(c.routers.advertised, at)
		}
	}
	c.announceChanged(before)
	for at, i := range c.routers.interfaces {
		if was := before[at]; i.Advertise != nil && (c.routers.advertised[at] == nil || !sameInterface(was, i)) {
			c.routers.advertised[at] = c.routers.soon(c.now)
		}
	}
}

// announceChanged begins to announce interfaces that are not what they were: a
// new MAC to everybody, who may remember the old one, and new addresses at the
// uplinks, which findUplinks finds anew.
func (c *Core) announceChanged(before map[routerPort]*intent.Interface) {
	for at := range c.routers.announced {
		was, is := before[at.routerPort], c.routers.interfaces[at.routerPort]
		if is == nil || was != nil && (was.MAC != is.MAC || !slices.Equal(was.Addresses, is.Addresses)) {
			delete(c.routers.announced, at)
		}
	}
	for at, is := range c.routers.interfaces {
		if was := before[at]; was != nil && was.MAC != is.MAC {
			c.routers.announced[uplink{routerPort: at}] = c.routers.soon(c.now)
		}
	}
}

// sameInterface says whether two advertise the same, as often.
func sameInterface(a, b *intent.Interface) bool {
	return a.Advertise.Interval == b.Advertise.Interval && bytes.Equal(advertisement(a), advertisement(b))
}

// Times of router advertisements (RFC 4861 §10).
const (
	initialInterval = 16 * time.Second // MAX_INITIAL_RTR_ADVERT_INTERVAL
	initialCount    = 3                // MAX_INITIAL_RTR_ADVERTISEMENTS
)

// Lifetimes of advertised prefixes (RFC 4861 §6.2.1).
const (
	validLifetime     = 2592000 * time.Second
	preferredLifetime = 604800 * time.Second
)

// tickRouters sends what is due of advertisements and announcements.
func (c *Core) tickRouters() {
	if c.now < c.routers.due {
		return
	}
	due := int64(never)
	for _, at := range slices.SortedFunc(maps.Keys(c.routers.advertised), compareRouterPorts) {
		s := c.routers.advertised[at]
		if s.due <= c.now {
			i := c.routers.interfaces[at]
			c.advertise(at.network, i)
			s.said++
			s.due = c.now + int64(nextAdvertisement(at, i.Advertise, s.said))
		}
		due = min(due, s.due)
	}
	for _, at := range slices.SortedFunc(maps.Keys(c.routers.announced), compareUplinks) {
		s := c.routers.announced[at]
		if s.due <= c.now {
			c.announce(at)
			s.due = never
			if s.said++; s.said < announceCount {
				s.due = c.now + announceInterval
			}
		}
		due = min(due, s.due)
	}
	c.routers.due = due
}

func compareRouterPorts(a, b routerPort) int {
	return cmp.Or(cmp.Compare(a.router, b.router), cmp.Compare(a.network, b.network))
}

func compareUplinks(a, b uplink) int {
	return cmp.Or(cmp.Compare(a.at.Switch, b.at.Switch), cmp.Compare(a.at.Port, b.at.Port), compareRouterPorts(a.routerPort, b.routerPort))
}

// nextAdvertisement is the time to the next advertisement, between a third of
// the interval and the whole (RFC 4861 §6.2.4). It depends on the interface and
// the count only, so that a run can be repeated.
func nextAdvertisement(at routerPort, a *intent.Advertise, said int) time.Duration {
	least := a.Interval / 3
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, [3]uint32{uint32(at.router), at.network, uint32(said)})
	d := least + time.Duration(h.Sum64()>>1)%(a.Interval-least+1)
	if said < initialCount {
		d = min(d, initialInterval)
	}
	return d
}

// advertise sends a router advertisement to everybody in a network.
func (c *Core) advertise(network uint32, i *intent.Interface) {
	c.counters.advertisements++
	c.floodEverywhere(binding.Segment{Network: network}, advertisement(i))
}

// advertisement is an interface's advertisement to all nodes, nil if it has
// none.
func advertisement(i *intent.Interface) []byte {
	if i == nil || i.Advertise == nil {
		return nil
	}
	group := packet.AllNodes()
	return advertisementTo(i, packet.MulticastMAC(group), group)
}

func advertisementTo(i *intent.Interface, mac packet.MAC, ip [16]byte) []byte {
	a := i.Advertise
	ra := packet.RouterAdvertisement{
		HopLimit: 64, Managed: a.Managed, Other: a.Other, Lifetime: a.Lifetime, MTU: a.MTU, SourceMAC: i.MAC,
		RDNSS: a.RDNSS, DNSSL: a.DNSSL,
		RDNSSLifetime: 3 * a.Interval, // RFC 8106 §5.1
	}
	for _, own := range i.Addresses {
		if own.Addr().Is6() {
			ra.Prefixes = append(ra.Prefixes, packet.RAPrefix{Prefix: own.Masked(), OnLink: true,
				Autonomous: own.Bits() == 64, // RFC 4862 §5.5.3 (d): with the interface identifiers of Ethernet
				Valid:      validLifetime, Preferred: preferredLifetime})
		}
	}
	return packet.AppendRA(nil, mac, i.MAC, false, 0, i.LinkLocal().As16(), ip, &ra)
}

// solicited answers a host that asks for a router: it alone, and at once. The
// delay of RFC 4861 §6.2.6 keeps several routers apart; the switches are one.
func (c *Core) solicited(sw *switchState, e *Punt) {
	var frame packet.Frame
	var rs packet.RS
	if frame.Parse(e.Frame) != nil || frame.EtherType != packet.EtherTypeIPv6 {
		return
	}
	if err := rs.Parse(frame.Payload); err != nil {
		if reason, malformed := packet.ReasonOf(err); malformed {
			c.counters.malformed[reason]++
		}
		return
	}
	to := rs.Src
	if netip.AddrFrom16(to).IsUnspecified() {
		to = packet.AllNodes() // in a frame for the host alone (RFC 6085)
	}
	for _, at := range slices.SortedFunc(maps.Keys(c.routers.advertised), compareRouterPorts) {
		if i := c.routers.interfaces[at]; at.network == e.Segment.Network {
			c.counters.advertisements++
			c.deliver(binding.Location{Switch: sw.ID, Port: e.Port}, advertisementTo(i, frame.Src, to))
		}
	}
}

// Announcements of a router's own addresses at an uplink (conformance N11).
const (
	announceCount    = 3
	announceInterval = int64(2 * time.Second)
)

// findUplinks begins to announce at uplinks that are new, and forgets those that
// are gone.
func (c *Core) findUplinks(sw *switchState) {
	here := make(map[uplink]bool)
	if sw.state == connected {
		for _, a := range sw.attachments {
			if !a.Uplink || !sw.Ports[a.Port].Up {
				continue
			}
			for at := range c.routers.interfaces {
				if at.network == a.Network {
					here[uplink{at, binding.Location{Switch: sw.ID, Port: a.Key}}] = true
				}
			}
		}
	}
	for at := range here {
		if c.routers.announced[at] != nil {
			continue
		}
		if all := c.routers.announced[uplink{routerPort: at.routerPort}]; all != nil && all.due != never {
			c.routers.announced[at] = &schedule{due: never} // it is being told to everybody
			continue
		}
		c.routers.announced[at] = c.routers.soon(c.now)
	}
	for at := range c.routers.announced {
		if at.at.Switch == sw.ID && !here[at] {
			delete(c.routers.announced, at)
		}
	}
}

// announce tells who is behind an uplink, or everybody, which addresses a router
// has: ARP announcements (RFC 5227 §2.3) and unsolicited NAs (RFC 4861 §7.2.6).
func (c *Core) announce(at uplink) {
	i := c.routers.interfaces[at.routerPort]
	tell := func(ip netip.Addr) {
		c.counters.announcements++
		if frame := announcement(i.MAC, ip); at.at == (binding.Location{}) {
			c.floodEverywhere(binding.Segment{Network: at.network}, frame)
		} else {
			c.deliver(at.at, frame)
		}
	}
	for _, own := range i.Addresses {
		tell(own.Addr())
	}
	if i.HasIPv6() {
		tell(i.LinkLocal())
	}
}

func announcement(mac packet.MAC, ip netip.Addr) []byte {
	return announcementFrom(mac, binding.Segment{}, mac, ip, true)
}

// announcementOf tells who has a binding, in a frame from another MAC.
func announcementOf(b *binding.Binding, from packet.MAC) []byte {
	return announcementFrom(from, b.Segment, b.MAC, b.IP(), b.Router)
}

func announcementFrom(from packet.MAC, in binding.Segment, mac packet.MAC, ip netip.Addr, router bool) []byte {
	tagged := in.VLAN != 0
	if ip.Is4() {
		return packet.AppendARP(nil, packet.Broadcast, from, tagged, in.VLAN,
			&packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: ip.As4(), TPA: ip.As4()})
	}
	group := packet.AllNodes()
	return packet.AppendNA(nil, packet.MulticastMAC(group), from, tagged, in.VLAN, ip.As16(), group, ip.As16(), mac, router, false, true)
}

// ownAddresses are the bindings of the routers' interfaces.
func ownAddresses(in *intent.Intent) []binding.Permitted {
	var want []binding.Permitted
	for r := range in.Routers {
		for n := range in.Routers[r].Interfaces {
			i := &in.Routers[r].Interfaces[n]
			add := func(ip netip.Addr) {
				want = append(want, binding.Permitted{Key: binding.NewKey(binding.Segment{Network: i.NetworkNumber}, ip),
					MACs: []packet.MAC{i.MAC}, Origin: binding.Gateway, Router: true})
			}
			for _, own := range i.Addresses {
				add(own.Addr())
			}
			if i.HasIPv6() {
				add(i.LinkLocal())
			}
		}
	}
	return want
}

// routerAt names the router that has an address.
func (c *Core) routerAt(key binding.Key) (string, bool) {
	for i := range c.intent.Routers {
		r := &c.intent.Routers[i]
		on, ok := r.InterfaceOn(key.Network)
		if !ok || key.VLAN != 0 {
			continue
		}
		if on.HasIPv6() && on.LinkLocal() == key.IP() ||
			slices.ContainsFunc(on.Addresses, func(own netip.Prefix) bool { return own.Addr() == key.IP() }) {
			return r.Name, true
		}
	}
	return "", false
}
