package core

import (
	"cmp"
	"log/slog"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// Of the contests that may be under way a port can take up a part, so that hosts
// elsewhere can move whatever is claimed from there. More than crowd of one port are
// not asked about again so soon: whoever claims many addresses must not have isat ask
// their owners for more answers than the meter of the owners' port lets through.
const (
	maxContests        = 4096
	maxContestsPerPort = 256
	crowd              = 64
)

// contest is an address that is claimed by a MAC that does not have it, while
// its owner is asked (RFC 9161 §3.7).
type contest struct {
	inquiry
	claim binding.Evidence
	from  who
	// packet is the claim itself, which reaches nobody before it is decided.
	packet *Punt
	// lease is what a DHCP server has given to somebody else meanwhile: it counts
	// before the claim, unless the owner answers.
	lease *leaseGiven
}

// stationContest is a MAC that was heard at another place of its switch, while
// it is asked at the old one.
type stationContest struct {
	inquiry
	to  binding.PortKey
	ask []binding.Key // addresses that are asked for in turn
}

// security is whom a port believes.
func (c *Core) security(sw *switchState, at binding.PortKey) intent.Security {
	return sw.security[at]
}

// reachable says whether what is sent to a place gets to a host.
func (c *Core) reachable(at place) bool {
	sw := c.switches[at.Switch]
	if sw == nil || sw.state == away {
		return false
	}
	p, ok := sw.PortByKey(at.Port)
	return ok && p.Up
}

// claimed is an address that another MAC than its owner's claims. It says
// whether the claim is believed at once.
func (c *Core) claimed(sw *switchState, e *Punt, claim binding.Evidence) bool {
	old := c.table.Lookup(claim.Key)
	owner, from := c.ownerOf(old), who{claim.MAC, place{Switch: sw.ID, Port: e.Port}}
	switch {
	case c.security(sw, e.Port) == intent.SecurityOff:
		return c.take(movedOpen, claim, from)
	case owner.at == place{}:
		return c.take(movedUnasked, claim, from)
	case !c.reachable(owner.at):
		return c.take(movedPlaceGone, claim, from)
	}
	if k := c.contests[claim.Key]; k != nil {
		c.claimedAgain(k, claim, from, owner)
		return false
	}
	if !c.contestBegins(from.at) {
		c.refuseClaim(refusedBusy, claim.Key, from, owner)
		return false
	}
	c.contests[claim.Key] = &contest{inquiry: inquiry{since: c.now, claimed: c.now}, claim: claim, from: from}
	c.tickContest(claim.Key)
	return false
}

// claimedAgain is a claim of an address that is contested. While that rests the
// latest claimant is the one for whom the owner is asked again: of several routers
// the last to claim an address is the one that will have it.
func (c *Core) claimedAgain(k *contest, claim binding.Evidence, from, owner who) {
	same := from == k.from
	if k.resting {
		c.refuseClaim(refusedOwner, claim.Key, from, owner)
		if !same && c.contestPasses(k.from.at, from.at) {
			c.dropWithheld(k)
			k.from, same = from, true
		}
	}
	if same {
		k.claimed = c.now
		// What it said with more authority counts.
		if claim.MAC != k.claim.MAC || claim.Source.Authority() >= k.claim.Source.Authority() {
			k.claim = claim
		}
	}
}

// contestBegins says whether there is room for another contest of a claim from a
// place, and takes it.
func (c *Core) contestBegins(from place) bool {
	if len(c.contests)+len(c.movers) >= maxContests || c.contesting[from] >= maxContestsPerPort {
		return false
	}
	c.contesting[from]++
	return true
}

// contestEnds gives that room back.
func (c *Core) contestEnds(from place) {
	if c.contesting[from]--; c.contesting[from] == 0 {
		delete(c.contesting, from)
	}
}

// contestPasses gives the room of a contest to a claim from another place, if there
// is room for one.
func (c *Core) contestPasses(from, to place) bool {
	if to != from && c.contesting[to] >= maxContestsPerPort {
		return false
	}
	c.contestEnds(from)
	c.contesting[to]++
	return true
}

// take lets a claim have its address.
func (c *Core) take(why decision, claim binding.Evidence, from who) bool {
	old := c.table.Lookup(claim.Key)
	was := who{}
	if old != nil {
		was = c.ownerOf(old)
	}
	verdict, change := c.table.Take(c.now, claim)
	c.counters.bindings[verdict]++
	switch verdict {
	case binding.Moved:
		c.moved(why, change, from, was)
	case binding.Frozen:
		c.freeze(change, from, was)
	case binding.Doubted:
		c.decide(doubtedContradicted, claim.Key, from, was)
		c.spread(change, nil)
		c.ask(claim.Key, askDoubted)
	case binding.Learned:
		c.learned(change, from)
	case binding.RefusedTotal, binding.RefusedNetwork, binding.RefusedPort:
		c.refuseLimit(verdict, claim.Key, from)
	}
	b := c.table.Lookup(claim.Key)
	return b != nil && b.MAC == claim.MAC && b.Answered()
}

// moved tells that an address has another MAC.
func (c *Core) moved(why decision, change binding.Change, from, was who) {
	key := change.New.Key
	c.noteHost(slog.LevelInfo, topic{"address moved", key, from.mac}, slog.String("ip", key.IP().String()),
		slog.String("network", c.names[key.Network]), slog.String("from", was.mac.String()), slog.String("to", from.mac.String()))
	c.decide(why, key, from, was)
	c.spread(change, nil)
	if at := c.table.ForgetMoves(c.now, key); at != 0 {
		c.alarms.Arm(alarm{alarmMoves, key}, at)
	}
}

// learned tells that an address is known.
func (c *Core) learned(change binding.Change, from who) {
	c.decide(learnedHeard, change.New.Key, from, who{})
	c.spread(change, nil)
}

// freeze tells of a duplicate, and sets its time.
func (c *Core) freeze(change binding.Change, from, was who) {
	b := change.New
	c.note(slog.LevelWarn, "duplicate address: it changed its MAC too often, and is not answered any more", slog.String("ip", b.IP().String()),
		slog.String("network", c.names[b.Network]), slog.String("mac", from.mac.String()), slog.String("other", was.mac.String()))
	c.decide(duplicateMoves, b.Key, from, was)
	c.holdDown(b) // its time is kept with it
	c.spread(change, nil)
	c.excuse(b.Key)
}

// holdDown sets the time of a duplicate.
func (c *Core) holdDown(b *binding.Binding) {
	if n, ok := c.intent.ByNumber(b.Network); ok && n.Duplicates.Hold > 0 {
		c.alarms.Arm(alarm{alarmRelease, b.Key}, c.now+int64(n.Duplicates.Hold))
	} else {
		c.alarms.Disarm(alarm{alarmRelease, b.Key})
	}
}

// rehold gives the duplicates of networks whose hold-down changed their new times,
// from now on.
func (c *Core) rehold(before *intent.Intent) {
	for b := range c.table.Bindings {
		if b.State != binding.Duplicate {
			continue
		}
		old, ok1 := before.ByNumber(b.Network)
		n, ok2 := c.intent.ByNumber(b.Network)
		if ok1 && ok2 && old.Duplicates.Hold != n.Duplicates.Hold {
			c.holdDown(b)
			if c.keeping {
				c.keepBinding(b)
			}
		}
	}
}

// thaw releases a duplicate, and asks for it anew: everywhere, if where its last
// owner is, is not known any more.
func (c *Core) thaw(why decision, key binding.Key) bool {
	change, ok := c.table.Thaw(c.now, key)
	if !ok {
		return false
	}
	c.alarms.Disarm(alarm{alarmRelease, key})
	c.note(slog.LevelInfo, "duplicate address released", slog.String("ip", key.IP().String()), slog.String("network", c.names[key.Network]))
	c.decide(why, key, c.ownerOf(change.New), who{})
	c.spread(change, nil)
	if c.table.StationOf(change.New) == nil {
		c.doubt(silentPortGone, askGone, key)
	} else {
		c.ask(key, askDoubted)
	}
	return true
}

// refuseClaim tells of a claim that is not believed.
func (c *Core) refuseClaim(why decision, key binding.Key, from, owner who) {
	_, port := c.placeNames(from.at)
	c.noteHost(slog.LevelWarn, topic{"address refused: " + decisions[why].text, key, from.mac}, slog.String("ip", key.IP().String()),
		slog.String("network", c.names[key.Network]), slog.String("mac", from.mac.String()), slog.String("port", port))
	c.decide(why, key, from, owner)
}

// tickContest asks the owner of a contested address, or ends the contest.
func (c *Core) tickContest(key binding.Key) {
	k := c.contests[key]
	if k == nil {
		return
	}
	at := alarm{alarmContest, key}
	b := c.table.Lookup(key)
	switch {
	case b == nil || b.MAC == k.claim.MAC || b.Origin.Configured() || b.State == binding.Duplicate,
		k.lease == nil && c.table.Station(k.claim.Station()) == nil, k.resting && !k.again(c.now):
		delete(c.contests, key) // settled, or the newcomer is gone, or has given up
		c.contestEnds(k.from.at)
		if k.lease != nil {
			c.lease(*k.lease)
		}
		c.contestOver(key, k)
	case c.now-k.since >= contestTime:
		delete(c.contests, key)
		c.contestEnds(k.from.at)
		if k.lease != nil {
			c.grant(*k.lease)
		} else if c.take(movedSilent, k.claim, k.from) {
			c.released(c.table.Lookup(key))
		}
		c.contestOver(key, k)
	default:
		if home := c.table.StationOf(b); home != nil && k.asked < contestTries {
			if k.asked == 0 {
				c.decide(askedClaim, key, k.from, c.ownerOf(b))
			}
			k.asked++
			c.counters.probes++
			c.deliver(home.Location(), ownRequest(key, b.MAC))
		}
		c.alarms.Arm(at, min(c.now+contestInterval, k.since+contestTime))
	}
}

// ownerAnswered lets the contest for an address rest whose owner was heard.
func (c *Core) ownerAnswered(key binding.Key, mac packet.MAC) {
	k := c.contests[key]
	if k == nil || k.resting || k.claim.MAC == mac {
		return
	}
	c.alarms.Disarm(alarm{alarmContest, key})
	c.alarms.Arm(alarm{alarmContest, key}, k.answered(c.now, c.contesting[k.from.at] > crowd))
	b := c.table.Lookup(key)
	c.refuseClaim(refusedOwner, key, k.from, c.ownerOf(b))
	if k.lease != nil && k.lease.MAC != k.claim.MAC {
		c.refuseClaim(refusedOwner, key, k.lease.who(), c.ownerOf(b))
	}
	k.lease = nil
	c.defend(b)
}

// Announcements against claims: one for an address in ten seconds (RFC 5227 §2.4
// (b), conformance P5).
const (
	defendInterval = int64(10e9)
	maxDefended    = 4096
)

// defend tells everybody who has an address that another MAC claimed. The frame
// comes from isat's own MAC, so that no switch learns from it where the owner is.
func (c *Core) defend(b *binding.Binding) {
	if !c.first(c.defended, maxDefended, defendInterval, b.Key) {
		return
	}
	if !c.announcing.take(c.now) {
		c.counters.unannounced++
		return
	}
	c.decide(defendedClaim, b.Key, c.ownerOf(b), who{})
	c.floodEverywhere(b.Segment, announcementOf(b, pipeline.MAC))
}

// first says whether nothing happened to the key for a span, and remembers that
// it does now. While too many are remembered the answer is no.
func (c *Core) first(last map[binding.Key]int64, most int, span int64, key binding.Key) bool {
	if at, ok := last[key]; ok && c.now-at < span {
		return false
	}
	if len(last) >= most {
		for k, at := range last {
			if c.now-at >= span {
				delete(last, k)
			}
		}
	}
	if len(last) >= most {
		return false
	}
	last[key] = c.now
	return true
}

// stationClaimed is a station that was heard at another place than its own. It
// says whether that is believed at once.
func (c *Core) stationClaimed(sw *switchState, e *Punt, s *binding.Station) bool {
	old := s.Location()
	switch {
	case c.security(sw, e.Port) == intent.SecurityOff:
		return c.moveStation(stationMovedOpen, sw, s, e.Port)
	case !c.reachable(old) || !sw.member(old.Port, s.Network):
		return c.moveStation(stationMovedPlaceGone, sw, s, e.Port)
	case len(c.table.BindingsOf(s)) == 0:
		return c.moveStation(stationMovedNoAddress, sw, s, e.Port)
	}
	from := place{Switch: sw.ID, Port: e.Port}
	if k := c.movers[s.StationKey]; k != nil {
		c.stationClaimedAgain(k, from)
		return false
	}
	if !c.contestBegins(from) {
		c.counters.decisions[refusedBusy]++
		return false
	}
	c.movers[s.StationKey] = &stationContest{inquiry: inquiry{since: c.now, claimed: c.now}, to: e.Port}
	c.tickMover(s.StationKey)
	return false
}

// stationClaimedAgain is a contested station that was heard elsewhere again: as
// claimedAgain.
func (c *Core) stationClaimedAgain(k *stationContest, from place) {
	if k.resting {
		c.counters.decisions[refusedStation]++
		if c.contestPasses(place{Switch: from.Switch, Port: k.to}, from) {
			k.to = from.Port
		}
	}
	if k.to == from.Port {
		k.claimed = c.now
	}
}

// latest returns some addresses of a station, those that were heard last first: it
// may have given up others, and would not answer for them.
func latest(bindings []*binding.Binding, most int) (keys []binding.Key) {
	list := slices.SortedStableFunc(slices.Values(bindings), func(a, b *binding.Binding) int { return cmp.Compare(b.Heard, a.Heard) })
	for _, b := range list[:min(len(list), most)] {
		keys = append(keys, b.Key)
	}
	return keys
}

// moveStation gives a station its new place.
func (c *Core) moveStation(why decision, sw *switchState, s *binding.Station, to binding.PortKey) bool {
	from := s.Port
	c.table.MoveStation(c.now, s, to)
	sw.remove(pipeline.StationFlows(s.StationKey, from, 0)[0])
	sw.addStation(s)
	c.counters.stations[binding.Moved]++
	segment := binding.Key{Segment: s.Segment}
	c.noteHost(slog.LevelInfo, topic{text: "station moved", key: segment, mac: s.MAC}, slog.String("mac", s.MAC.String()),
		slog.String("network", c.names[s.Network]), slog.String("from", c.portName(sw, from)), slog.String("to", c.portName(sw, to)))
	c.decide(why, segment, who{s.MAC, s.Location()}, who{s.MAC, place{Switch: sw.ID, Port: from}})
	c.changedStation(view.Modified, s)
	c.keepStation(s)
	return true
}

// tickMover asks a station at its old place, or ends the contest.
func (c *Core) tickMover(key binding.StationKey) {
	k, s, sw := c.movers[key], c.table.Station(key), c.switches[key.Switch]
	if k == nil {
		return
	}
	switch {
	case s == nil || s.Port == k.to || sw == nil || !sw.member(k.to, key.Network), k.resting && !k.again(c.now):
		delete(c.movers, key)
		c.contestEnds(place{Switch: key.Switch, Port: k.to})
	case c.now-k.since >= contestTime:
		delete(c.movers, key)
		c.contestEnds(place{Switch: key.Switch, Port: k.to})
		c.moveStation(stationMovedSilent, sw, s, k.to)
	default:
		if k.asked == 0 {
			if list := latest(c.table.BindingsOf(s), contestTries); len(list) > 0 {
				k.ask = list // later it may have other addresses, or lose them while it is asked
			}
			c.decide(askedStation, k.ask[0], who{s.MAC, place{Switch: key.Switch, Port: k.to}}, who{s.MAC, s.Location()})
		}
		if k.asked < contestTries {
			c.counters.probes++
			c.deliver(s.Location(), ownRequest(k.ask[k.asked%len(k.ask)], key.MAC))
			k.asked++
		}
		c.moverAlarms.Arm(key, min(c.now+contestInterval, k.since+contestTime))
	}
}

// stationAnswered lets the contest for a station rest that was heard at its place.
func (c *Core) stationAnswered(s *binding.Station) {
	k := c.movers[s.StationKey]
	if k == nil || k.resting || k.to == s.Port {
		return // nothing is contested, or it has moved meanwhile
	}
	c.moverAlarms.Disarm(s.StationKey)
	claim := who{s.MAC, place{Switch: s.Switch, Port: k.to}}
	c.moverAlarms.Arm(s.StationKey, k.answered(c.now, c.contesting[claim.at] > crowd))
	_, port := c.placeNames(claim.at)
	c.noteHost(slog.LevelWarn, topic{"station refused: it answers at its old port", k.ask[0], s.MAC}, slog.String("mac", s.MAC.String()),
		slog.String("network", c.names[s.Network]), slog.String("port", port))
	c.decide(refusedStation, k.ask[0], claim, who{s.MAC, s.Location()})
}
