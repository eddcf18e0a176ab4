package core

import (
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// settled is the age, in nanoseconds, from which a known sender that is still
// punted means that its flows are missing, and not that they are on their way.
const settled = int64(1e9)

func (e Punt) apply(c *Core) {
	c.counters.punts[e.Reason]++
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away || !sw.member(e.Port, e.Segment.Network) {
		c.counters.stray++
		return
	}
	switch e.Reason {
	case pipeline.ReasonSolicitation:
		c.solicited(sw, &e)
		return
	case pipeline.ReasonRefused:
		c.refused(sw, &e)
		return
	case pipeline.ReasonDHCP, pipeline.ReasonRelease:
		c.dhcpHeard(sw, &e)
		return
	}
	err := c.subject.Parse(e.Frame)
	reason, malformed := packet.ReasonOf(err)
	if malformed {
		c.counters.malformed[reason]++
	}
	if e.Reason == pipeline.ReasonMalformed || reason == packet.ReasonFrameTruncated {
		return
	}
	s := &c.subject
	heard, believed := c.hearStation(sw, &e, s.Frame.Src)
	if !heard || malformed {
		if e.Reason == pipeline.ReasonClaim {
			c.counters.claimsDropped++
		}
		return
	}
	if believed {
		if key, known := c.hearAddress(sw, &e); known {
			c.release(key, s.Frame.Dst)
		}
	}
	switch e.Reason {
	case pipeline.ReasonSearch, pipeline.ReasonAnswer:
		c.question(sw, &e)
	case pipeline.ReasonClaim:
		c.withheld(sw, &e)
	}
}

// hearStation learns the sender's MAC. heard says whether the sender may go on
// to be heard, and believed whether what it says of its address counts: not
// while it is being found out where the MAC is.
func (c *Core) hearStation(sw *switchState, e *Punt, mac packet.MAC) (heard, believed bool) {
	if mac.IsMulticast() || mac.IsZero() || mac == pipeline.MAC || c.routers.macs[networkMAC{e.Segment.Network, mac}] {
		return false, false
	}
	key := binding.StationKey{Switch: sw.ID, Segment: e.Segment, MAC: mac}
	verdict, station := c.table.HearStation(c.now, key, e.Port)
	c.counters.stations[verdict]++
	switch verdict {
	case binding.RefusedTotal, binding.RefusedPort:
		c.refuseLimit(verdict, binding.Key{Segment: e.Segment}, who{mac, place{Switch: sw.ID, Port: e.Port}})
		return false, false
	case binding.Claimed:
		return true, c.stationClaimed(sw, e, station)
	case binding.Known:
		c.stationAnswered(station)
		if !c.missing(e, e.Known.Station, station.Learned) {
			return true, true
		}
	case binding.Learned:
		c.changedStation(view.Added, station)
		c.settle(station)
	}
	sw.addStation(station)
	return true, true
}

// settle tells where a station's MAC is to the operator's bindings that did not
// know. Their flows are the same wherever that is.
func (c *Core) settle(s *binding.Station) {
	for _, change := range c.table.Settle(s) {
		c.changedBinding(change)
	}
}

// missing says whether a switch lacks flows that it was given: it asks to learn
// what has been known for a while.
func (c *Core) missing(e *Punt, known bool, since int64) bool {
	return e.Reason == pipeline.ReasonLearn && !known && c.now-since >= settled
}

// hearAddress learns the sender's address from the subject. known says that
// the address can be answered for now.
func (c *Core) hearAddress(sw *switchState, e *Punt) (key binding.Key, known bool) {
	evidence, teaching := c.subject.Evidence(e.Segment, sw.ID)
	if teaching != resolve.TeachesBinding {
		c.counters.teaching[teaching]++
		return key, false
	}
	delete(c.probed, evidence.Key)
	verdict, change := c.table.Hear(c.now, evidence)
	c.counters.bindings[verdict]++
	if old := change.Old; old != nil && old.Unwatched && !change.New.Unwatched {
		c.alarms.Disarm(alarm{alarmUnheard, evidence.Key}) // it would find nothing to do
	}
	c.heardAs(sw, e, evidence, verdict, change)
	c.heard(evidence.Key)
	b := c.table.Lookup(evidence.Key)
	if b == nil || b.MAC != evidence.MAC {
		return evidence.Key, false
	}
	if b.Switch != sw.ID && c.comesHome(sw, e, b) {
		evidence.Home = true
		_, change = c.table.Hear(c.now, evidence)
		c.spread(change, nil)
	}
	c.ownerAnswered(evidence.Key, evidence.MAC)
	if b.Answered() || b.State == binding.Duplicate {
		c.answered(evidence.Key)
	}
	return evidence.Key, b.Answered()
}

// comesHome says whether an address was heard where its owner is, and learned at a
// link just before: the other switch may tell first of a frame that crossed it. Only
// the owner's own port need not be trusted. Later, whoever sends in the name of an owner
// behind a trusted port, its MAC included, must not become whom isat asks for it.
func (c *Core) comesHome(sw *switchState, e *Punt, b *binding.Binding) bool {
	there := c.ownerOf(b).at
	other := c.switches[there.Switch]
	if other == nil || c.now-b.Learned >= settled {
		return false
	}
	here, link := sw.attachment(e.Port), other.attachment(there.Port)
	return here != nil && !here.Trusted && link != nil && link.Trusted
}

// heardAs does what follows from what a frame said of its sender's address.
func (c *Core) heardAs(sw *switchState, e *Punt, evidence binding.Evidence, verdict binding.Verdict, change binding.Change) {
	from := who{evidence.MAC, place{Switch: sw.ID, Port: e.Port}}
	key := evidence.Key
	switch verdict {
	case binding.Known:
		if b := change.New; b != nil && b.Switch == sw.ID && c.missing(e, e.Known.Address, b.Learned) {
			sw.sendBinding(binding.Change{New: b})
		} else if b != nil && (change.Old.Unwatched || change.Old.Switch != b.Switch || change.Old.Idle != b.Idle) {
			c.spread(change, nil)
		}
	case binding.Learned:
		c.learned(change, from)
		if evidence.Source == binding.FromUnverified {
			c.ask(key, askDoubted) // conformance D3
		}
	case binding.Confirmed:
		c.decide(confirmedHeard, key, from, who{})
		c.spread(change, nil)
	case binding.Moved:
		c.moved(movedPermitted, change, from, c.ownerOf(change.Old))
	case binding.Claimed:
		c.claimed(sw, e, evidence)
	case binding.RefusedFixed, binding.RefusedLeased, binding.Frozen:
		b, owner := c.table.Lookup(key), who{}
		if b != nil {
			owner = c.ownerOf(b)
		} else {
			owner.mac, _, _ = c.table.LeaseOf(key) // who has the lease has not been heard yet
		}
		why := map[binding.Verdict]decision{binding.RefusedFixed: refusedConfigured, binding.RefusedLeased: refusedLeased, binding.Frozen: refusedFrozen}[verdict]
		c.refuseClaim(why, key, from, owner)
		if verdict == binding.RefusedFixed {
			c.defend(b)
		}
	case binding.RefusedTotal, binding.RefusedNetwork, binding.RefusedPort:
		c.refuseLimit(verdict, key, from)
	default:
		c.spread(change, nil)
	}
}

// question handles a request that the switch could not answer.
func (c *Core) question(sw *switchState, e *Punt) {
	s := &c.subject
	at := binding.Location{Switch: sw.ID, Port: e.Port}
	key, asks := s.Target(e.Segment)
	if !asks {
		// Something that the tables took for a question: it goes its plain way.
		c.floodFrom(sw, e.Segment, e.Port, e.Frame)
		return
	}
	reply, answering := resolve.Answer(c.table, s, e.Segment, nil)
	c.counters.answering[answering]++
	switch answering {
	case resolve.Answered:
		if !c.overtaken(sw, e, c.table.Lookup(key)) {
			c.deliver(at, reply)
		}
	case resolve.AskersOwn, resolve.NoQuestion:
		if s.IsProbe() {
			c.hostProbed(key)
		}
		c.floodFrom(sw, e.Segment, e.Port, e.Frame)
	case resolve.OwnerOnly:
		asker := resolve.Asker{At: at, Frame: e.Frame}
		if !c.direct(c.table.Lookup(key), asker) {
			c.flood(key.Segment, asker)
		}
	case resolve.NotKnown, resolve.NotReachable:
		c.search(key, resolve.Asker{At: at, MAC: s.Frame.Src, Frame: slices.Clone(e.Frame)}, s.IsProbe())
	}
}

// overtaken says whether a question came in by a link later than its answer, and
// whoever asked has it, or gets it, where it asked.
func (c *Core) overtaken(sw *switchState, e *Punt, b *binding.Binding) bool {
	at := sw.attachment(e.Port)
	asker := resolve.Passing(c.table, &c.subject, e.Segment, sw.ID, b)
	return at != nil && at.Trusted && asker != nil && c.reachable(c.ownerOf(asker).at)
}

// search asks the wire for an address, or lets the asker wait for the search
// that is under way. A probe is passed on at once instead: its sender wants to
// hear from whoever has the address or is about to take it.
func (c *Core) search(key binding.Key, asker resolve.Asker, probe bool) {
	if probe {
		c.hostProbed(key)
		verdict := c.searches.Relay(c.now, key, asker)
		c.counters.asking[verdict]++
		if verdict == resolve.Relayed {
			c.flood(key.Segment, asker)
		}
		return
	}
	switch c.askedFor(key, asker) {
	case resolve.Started:
		c.solicit(key, asker, 1)
	case resolve.Spread:
		c.flood(key.Segment, asker)
	}
}

// askedFor takes the question of an asker.
func (c *Core) askedFor(key binding.Key, asker resolve.Asker) resolve.Asking {
	verdict := c.searches.Ask(c.now, key, asker)
	c.counters.asking[verdict]++
	switch {
	case verdict == resolve.Started:
		c.countVain(key)
	case asker.Everywhere: // a packet that waits for a next hop is no further question of its router's
	case verdict == resolve.Joined:
		c.countVain(key)
	case verdict == resolve.Silent:
		c.countVain(key)
		c.askedInVain(key)
	}
	return verdict
}

// direct hands the asker's own frame to the owner of an address alone.
func (c *Core) direct(b *binding.Binding, asker resolve.Asker) bool {
	at, ok := c.hint(b)
	if station := c.table.StationOf(b); station != nil {
		at, ok = station.Location(), true
	}
	if !ok || at == asker.At {
		return false
	}
	frame := slices.Clone(asker.Frame)
	copy(frame, b.MAC[:])
	c.counters.directed++
	c.deliver(at, frame)
	return true
}

// released answers who waits for a binding that did not come from a packet.
func (c *Core) released(b *binding.Binding) {
	if b != nil && b.Answered() {
		c.release(b.Key, packet.MAC{})
	}
}

// release answers all who waited for an address that is known now, but the one
// whom the owner has just answered itself.
func (c *Core) release(key binding.Key, answered packet.MAC) {
	c.resume(key)
	found, ok := c.searches.Found(c.now, key)
	c.counters.late += uint64(found.Late)
	if !ok {
		return
	}
	b := c.table.Lookup(key)
	var s resolve.Subject
	for _, asker := range found.Askers {
		if asker.MAC == answered || asker.ToAll() || s.Parse(asker.Frame) != nil {
			continue
		}
		if reply, answering := resolve.Reply(b, &s, nil); answering == resolve.Answered {
			c.counters.released++
			c.deliver(asker.At, reply)
		} else if !c.direct(b, asker) {
			c.flood(key.Segment, asker)
		}
	}
	c.searchFound(key, found)
}

// deliver sends a frame out of one place.
func (c *Core) deliver(to binding.Location, frame []byte) {
	sw := c.switches[to.Switch]
	if sw == nil || sw.state == away {
		return
	}
	c.actions = pipeline.AppendDeliver(c.actions[:0], to.Port)
	sw.out = openflow.AppendPacketOut(sw.out, xid, openflow.PortController, c.actions, frame)
}

// floodFrom sends a frame to every port of the segment's network on one switch
// but the one it came from.
func (c *Core) floodFrom(sw *switchState, segment binding.Segment, from binding.PortKey, frame []byte) {
	if sw.state == away {
		return
	}
	in := openflow.PortController
	if from != 0 {
		in = pipeline.PortNumber(from)
	}
	c.counters.flooded++
	sw.out = openflow.AppendPacketOut(sw.out, xid, in, pipeline.FloodActions(nil, segment), frame)
}

// flood sends the asker's frame to every other port of the network on the
// asker's switch. Another switch that is linked to it does its part when the
// frame gets there.
func (c *Core) flood(segment binding.Segment, asker resolve.Asker) {
	if sw := c.switches[asker.At.Switch]; sw != nil {
		c.floodFrom(sw, segment, asker.At.Port, asker.Frame)
	}
}

// floodEverywhere sends a frame of isat's own to every port of the network, on
// every switch.
func (c *Core) floodEverywhere(segment binding.Segment, frame []byte) {
	for _, sw := range c.switches {
		c.floodFrom(sw, segment, 0, frame)
	}
}

// hostProbed remembers that a host is about to take an IPv4 address: until it
// has, a question of isat's own would look to it like a rival's (RFC 5227
// §2.1.1). IPv6 tells the two apart by their source (RFC 4862 §5.4.3).
func (c *Core) hostProbed(key binding.Key) {
	if !key.Is4() {
		return
	}
	if len(c.probed) >= maxProbed {
		c.sweepProbed()
	}
	if len(c.probed) < maxProbed {
		c.probed[key] = c.now
	}
}

const (
	maxProbed  = 4096
	probedSpan = int64(10e9) // conformance D2
)

// sweepProbed drops what is older than probedSpan, when room is needed.
func (c *Core) sweepProbed() {
	for key, at := range c.probed {
		if c.now-at >= probedSpan {
			delete(c.probed, key)
		}
	}
}
