package core

import (
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// maxWithheld is the length of the longest packet that waits for a contest, in
// octets: ARP, NAs and NSs are shorter.
const maxWithheld = 512

// withheld decides what becomes of a packet that gives an address another MAC
// than the switches answer with, now that its sender was heard: it goes on as far
// as isat believes it, waits while the owner is asked, and reaches nobody
// otherwise. A question that a switch would answer is answered all the same, since
// that reaches its sender alone.
func (c *Core) withheld(sw *switchState, e *Punt) {
	s, at := &c.subject, place{Switch: sw.ID, Port: e.Port}
	key, mac, ok := s.Claim(e.Segment)
	switch {
	case !ok:
		// The switch has read a claim where nothing is read here, as behind an LLC
		// and SNAP header: nobody can be asked about it.
		c.counters.claimsDropped++
		return
	case c.uncontradicted(key, c.table.Lookup(key), mac):
		c.goOn(e)
		return
	}
	if reply, answering := resolve.Answer(c.table, s, e.Segment, nil); answering == resolve.Answered {
		c.counters.claimsAnswered++
		c.deliver(at, reply)
		return
	}
	if k := c.contests[key]; k != nil && k.claim.MAC == mac && k.from.at == at && len(e.Frame) <= maxWithheld {
		c.withhold(k, e)
		return
	}
	c.counters.claimsDropped++
}

// withhold has a packet wait for the end of a contest. Of several the latest does,
// because it is what the sender would say now; but none for one host takes the
// place of one for all, which have to hear of it when it is believed.
func (c *Core) withhold(k *contest, e *Punt) {
	if k.packet != nil && toAll(k.packet) && !toAll(e) {
		c.counters.claimsDropped++
		return
	}
	c.dropWithheld(k)
	latest := *e
	latest.Frame = slices.Clone(e.Frame)
	k.packet = &latest
	c.counters.claimsHeld++
}

// toAll says whether a punted packet is for more than one host.
func toAll(e *Punt) bool { return e.Frame[0]&1 != 0 }

// uncontradicted says whether nobody else has the address of a claim alone: by the
// binding, or by a lease of a host that was not heard yet.
func (c *Core) uncontradicted(key binding.Key, b *binding.Binding, mac packet.MAC) bool {
	if b != nil {
		return b.MAC == mac || !b.Answered() || c.table.Permits(key, mac)
	}
	owner, until, leased := c.table.LeaseOf(key)
	return !leased || owner == mac || until <= c.now
}

// goOn lets a packet that was withheld go its way.
func (c *Core) goOn(e *Punt) {
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away || !sw.member(e.Port, e.Segment.Network) {
		c.counters.claimsDropped++
		return
	}
	c.counters.claimsPassed++
	actions := pipeline.GoOnActions(nil, e.Segment, e.Port)
	sw.out = openflow.AppendPacketOut(sw.out, xid, pipeline.PortNumber(e.Port), actions, e.Frame)
}

// contestOver lets the packet of a contest go on if its sender has the address
// now, or nobody has.
func (c *Core) contestOver(key binding.Key, k *contest) {
	if k.packet == nil {
		return
	}
	if c.uncontradicted(key, c.table.Lookup(key), k.claim.MAC) {
		c.goOn(k.packet)
		k.packet = nil
	}
	c.dropWithheld(k)
}

// dropWithheld drops the packet of a contest, if there is one.
func (c *Core) dropWithheld(k *contest) {
	if k.packet != nil {
		c.counters.claimsDropped++
		k.packet = nil
	}
}
