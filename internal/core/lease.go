package core

import "github.com/isat-sdn/isat/internal/binding"

// leaseGiven is an address that a DHCP server gave to a MAC at a place, for a span
// of nanoseconds.
type leaseGiven struct {
	binding.Evidence
	at   place
	span int64
}

// who is the client: nowhere, if no switch has heard of it.
func (l *leaseGiven) who() who {
	if l.at.Port == 0 {
		return who{mac: l.MAC}
	}
	return who{l.MAC, l.at}
}

// lease records what a DHCP server gave. An owner with another MAC is asked first:
// the server may have been told that it has left by somebody else, for whoever
// knows an address can give it back in its owner's name.
func (c *Core) lease(l leaseGiven) {
	old := c.table.Lookup(l.Key)
	if old == nil || old.MAC == l.MAC || old.Origin.Configured() || old.State == binding.Duplicate || !c.reachable(c.ownerOf(old).at) {
		c.grant(l)
		return
	}
	k := c.contests[l.Key]
	switch {
	case k == nil && !c.contestBegins(l.who().at):
		c.refuseClaim(refusedBusy, l.Key, l.who(), c.ownerOf(old))
	case k == nil:
		// Nothing stands of it once the owner has answered: the client has not claimed it.
		c.contests[l.Key] = &contest{inquiry: inquiry{since: c.now}, claim: l.Evidence, from: l.who(), lease: &l}
		c.tickContest(l.Key)
	case k.resting:
		c.refuseClaim(refusedOwner, l.Key, l.who(), c.ownerOf(old))
	default:
		k.lease = &l
	}
}

// grant records what a DHCP server gave, whoever has it now.
func (c *Core) grant(l leaseGiven) {
	e, span := l.Evidence, l.span
	was := who{}
	if old := c.table.Lookup(e.Key); old != nil {
		was = c.ownerOf(old)
	}
	verdict, change := c.table.Lease(c.now, e, span)
	c.counters.bindings[verdict]++
	is := l.who()
	switch verdict {
	case binding.RefusedFixed:
		c.refuseClaim(refusedConfigured, e.Key, is, was)
		return
	case binding.RefusedTotal, binding.RefusedNetwork, binding.RefusedPort:
		c.refuseLimit(verdict, e.Key, is)
		return
	case binding.Learned:
		c.decide(learnedLeased, e.Key, is, who{})
	case binding.Moved:
		c.decide(movedLeased, e.Key, is, was)
	}
	c.alarms.Arm(alarm{alarmLease, e.Key}, c.now+span)
	if change == (binding.Change{}) {
		return // its owner has not been heard yet
	}
	c.spread(change, nil)
	c.heard(e.Key)
	c.released(change.New)
	if change.New != nil {
		c.answered(e.Key)
		if c.keeping {
			c.keepBinding(change.New) // a renewal changes nothing else
		}
	}
}

// endLease takes a lease away, with its binding.
func (c *Core) endLease(why decision, key binding.Key) {
	change, ok := c.table.EndLease(key)
	if ok && change.Old != nil {
		c.decide(why, key, c.ownerOf(change.Old), who{})
		c.spread(change, nil)
	}
}
