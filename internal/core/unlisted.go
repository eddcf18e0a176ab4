package core

import (
	"slices"

	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
)

// restrict has what is known behind a switch's strict ports be what they list,
// also when the frames are over that the switch sent before it was told.
func (c *Core) restrict(sw *switchState) {
	if slices.ContainsFunc(sw.attachments, func(a fabric.Attachment) bool { return a.Allow != nil }) {
		c.forgetUnlisted(sw)
		c.alarms.Arm(alarm{kind: alarmUnlisted}, c.now+settled)
	}
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
