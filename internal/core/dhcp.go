package core

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/packet"
)

// dhcpHeard learns from DHCP: a server on a trusted port gives addresses, and a
// client gives back its own.
func (c *Core) dhcpHeard(sw *switchState, e *Punt) {
	var f packet.Frame
	if f.Parse(e.Frame) != nil {
		return
	}
	var err error
	if f.EtherType == packet.EtherTypeIPv4 {
		err = c.dhcp4Heard(sw, e, &f)
	} else {
		err = c.dhcp6Heard(sw, e, &f)
	}
	if reason, malformed := packet.ReasonOf(err); malformed {
		c.counters.malformed[reason]++
	}
}

func (c *Core) dhcp4Heard(sw *switchState, e *Punt, f *packet.Frame) error {
	var d packet.DHCP4
	if err := d.Parse(f.Payload); err != nil {
		return err
	}
	switch fromServer := e.Reason == pipeline.ReasonDHCP; {
	case fromServer && d.Reply && d.Type == packet.DHCPAck && d.HasLease:
		c.leased(sw, e, netip.AddrFrom4(d.YIAddr), d.Client, d.Lease)
	case !fromServer && d.Type == packet.DHCPRelease && d.Client == f.Src:
		c.givenBack(removedReleased, sw, e, netip.AddrFrom4(d.CIAddr), f.Src)
	case !fromServer && d.Type == packet.DHCPDecline && d.Client == f.Src:
		c.givenBack(removedDeclined, sw, e, netip.AddrFrom4(d.Requested), f.Src)
	}
	return nil
}

// dhcp6Heard takes the frame's destination for the client: a reply says who the
// client is only by a DUID, which need not have its MAC in it (RFC 8415 §11).
func (c *Core) dhcp6Heard(sw *switchState, e *Punt, f *packet.Frame) error {
	var d packet.DHCP6
	if err := d.Parse(f.Payload); err != nil {
		return err
	}
	fromServer := e.Reason == pipeline.ReasonDHCP
	for _, l := range d.Leases() {
		ip := netip.AddrFrom16(l.Addr)
		switch {
		case fromServer && d.Type == packet.DHCP6Reply && l.Valid > 0:
			c.leased(sw, e, ip, f.Dst, l.Valid)
		case fromServer && d.Type == packet.DHCP6Reply:
			c.leaseOver(removedRevoked, binding.NewKey(e.Segment, ip), f.Dst)
		case !fromServer && d.Type == packet.DHCP6Release:
			c.givenBack(removedReleased, sw, e, ip, f.Src)
		case !fromServer && d.Type == packet.DHCP6Decline:
			c.givenBack(removedDeclined, sw, e, ip, f.Src)
		}
	}
	return nil
}

// leased takes down what a server gave to a client, for seconds.
func (c *Core) leased(sw *switchState, e *Punt, ip netip.Addr, mac packet.MAC, seconds uint32) {
	from := sw.attachment(e.Port)
	switch {
	case !from.Trusted: // the port was told otherwise meanwhile
		c.counters.stray++
		return
	case seconds == 0, !resolve.CanBeHost(ip), mac.IsMulticast(), mac.IsZero(), mac == pipeline.MAC,
		c.routers.macs[networkMAC{e.Segment.Network, mac}]:
		return
	}
	at := c.clientAt(sw, e.Segment, mac)
	given := leaseGiven{binding.Evidence{Key: binding.NewKey(e.Segment, ip), MAC: mac, Switch: at.Switch}, at, int64(seconds) * int64(time.Second)}
	if why := c.unlisted(at, mac, ip); why != numDecisions {
		c.refuseClaim(why, given.Key, given.who(), who{}) // the switch lets nothing in that is sent from it
		return
	}
	c.lease(given)
}

// clientAt is where a client is. Every switch on the way to the server has a
// station for it, but only on its own switch it is behind a port that need not
// be trusted. A client that no switch has heard of is where the reply was.
func (c *Core) clientAt(sw *switchState, in binding.Segment, mac packet.MAC) place {
	here := place{Switch: sw.ID}
	if s := c.table.Station(binding.StationKey{Switch: sw.ID, Segment: in, MAC: mac}); s != nil {
		here = s.Location()
	}
	for _, other := range slices.SortedFunc(maps.Values(c.switches), func(a, b *switchState) int { return cmp.Compare(a.ID, b.ID) }) {
		s := c.table.Station(binding.StationKey{Switch: other.ID, Segment: in, MAC: mac})
		if s == nil {
			continue
		}
		if a := other.attachment(s.Port); a != nil && !a.Trusted {
			return s.Location()
		}
		if here.Port == 0 {
			here = s.Location()
		}
	}
	return here
}

// givenBack ends a lease that its owner does not want any more. It must come from
// where the owner is: nobody gives back what another one has.
func (c *Core) givenBack(why decision, sw *switchState, e *Punt, ip netip.Addr, mac packet.MAC) {
	s := c.table.Station(binding.StationKey{Switch: sw.ID, Segment: e.Segment, MAC: mac})
	if s != nil && s.Port == e.Port {
		c.leaseOver(why, binding.NewKey(e.Segment, ip), mac)
	}
}

// leaseOver ends the lease that a MAC has of an address, or is to have if the owner
// does not answer.
func (c *Core) leaseOver(why decision, key binding.Key, mac packet.MAC) {
	if k := c.contests[key]; k != nil && k.lease != nil && k.lease.MAC == mac {
		k.lease = nil
	}
	if owner, _, ok := c.table.LeaseOf(key); ok && owner == mac {
		c.endLease(why, key)
	}
}
