package core

import (
	"net/netip"
	"slices"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/packet"
)

// restrict has what is known behind a switch's strict ports be what they list,
// also when the frames are over that the switch sent before it was told.
func (c *Core) restrict(sw *switchState) {
	if slices.ContainsFunc(sw.attachments, func(a fabric.Attachment) bool { return a.Allow != nil }) {
		c.forgetUnlisted(sw)
		c.alarms.Arm(alarm{kind: alarmUnlisted}, c.now+settled)
	}
}

// unlisted says why a MAC may not have an address where it is: the port is strict,
// and does not list one of them. It is numDecisions if it may.
func (c *Core) unlisted(at place, mac packet.MAC, ip netip.Addr) decision {
	var a *fabric.Attachment
	if sw := c.switches[at.Switch]; sw != nil {
		a = sw.attachment(at.Port)
	}
	if a == nil || a.Allow == nil {
		return numDecisions
	}
	switch allowed := intent.AllowedOf(*a.Allow, mac); {
	case allowed == nil:
		return refusedMAC
	case !allowed.Has(ip):
		return refusedAddress
	}
	return numDecisions
}

// forgetUnlisted takes out what was learned behind strict ports before they were
// strict, or when they listed more: its owner can't answer any more when it is
// asked, and without an age limit nobody would ask.
func (c *Core) forgetUnlisted(sw *switchState) {
	for i := range sw.attachments {
		a := &sw.attachments[i]
		if a.Allow == nil {
			continue
		}
		for s := range c.table.StationsAt(place{Switch: sw.ID, Port: a.Key}) {
			allowed := intent.AllowedOf(*a.Allow, s.MAC)
			for _, b := range slices.Clone(c.table.BindingsOf(s)) {
				if allowed == nil || !allowed.Has(b.IP()) {
					c.expire(removedUnlisted, b.Key)
				}
			}
			if allowed == nil {
				c.removeStation(sw, s, true)
			}
		}
	}
}
