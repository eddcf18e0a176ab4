package core

import (
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

// alarm is what a timer of the core is for.
type alarm struct {
	kind alarmKind
	key  binding.Key
}

type alarmKind uint8

const (
	alarmUnheard  alarmKind = iota + 1 // a question that keeps a binding fresh has had no answer
	alarmAsk                           // the next question of an ask
	alarmContest                       // the next question to a contested owner, or the end
	alarmRelease                       // a duplicate's time is over
	alarmMoves                         // moves count no more
	alarmLease                         // a lease is over
	alarmRecalled                      // the owner of a recalled binding was not heard
	alarmSift                          // switches of recalled bindings should be there
	alarmUnlisted                      // what strict ports let pass before they were has been heard
)

// tickAlarms does what is due.
func (c *Core) tickAlarms() {
	for _, a := range c.alarms.Expired(c.now) {
		switch a.kind {
		case alarmUnheard:
			c.unheard(a.key)
		case alarmAsk:
			c.nextAsk(a.key)
		case alarmContest:
			c.tickContest(a.key)
		case alarmRelease:
			c.thaw(releasedTime, a.key)
		case alarmMoves:
			if again := c.table.ForgetMoves(c.now, a.key); again != 0 {
				c.alarms.Arm(a, again)
			}
		case alarmLease:
			c.endLease(expiredLease, a.key)
		case alarmRecalled:
			c.expire(expiredSilent, a.key)
		case alarmSift:
			c.siftRecalled()
		case alarmUnlisted:
			for _, sw := range c.switches {
				c.forgetUnlisted(sw)
			}
		}
	}
	for _, key := range c.moverAlarms.Expired(c.now) {
		c.tickMover(key)
	}
}

// Quiet is an owner's flow that a switch took away because its owner has sent
// nothing for a while.
type Quiet struct {
	Switch uint64
	Key    binding.Key
	MAC    packet.MAC
	Idle   time.Duration // that while
	Sent   bool          // whether it had sent something before, since it got the flow
}

func (e Quiet) apply(c *Core) {
	b := c.table.Lookup(e.Key)
	if b == nil || b.Switch != e.Switch || b.MAC != e.MAC || b.Unwatched {
		return // of an owner that is another one by now, or is being asked
	}
	since := int64(0)
	if e.Sent {
		since = c.now - int64(e.Idle)
	}
	c.quiet(e.Key, e.MAC, since)
}

// QuietStation is the flow of a station's source that a switch took away because
// the station has sent nothing for a while.
type QuietStation struct {
	Key binding.StationKey
	At  binding.PortKey
}

func (e QuietStation) apply(c *Core) {
	sw, s := c.switches[e.Key.Switch], c.table.Station(e.Key)
	if sw == nil || s == nil || s.Port != e.At {
		return
	}
	if c.table.QuietStation(s) {
		sw.add(pipeline.StationFlows(s.StationKey, s.Port, s.Idle)[0])
		return
	}
	c.counters.idleStations++
	c.removeStation(sw, s, true)
}

// quiet does what follows when an owner has sent nothing since a time, or since
// it was heard, and its flow is gone.
func (c *Core) quiet(key binding.Key, mac packet.MAC, since int64) {
	step, change := c.table.Quiet(c.now, key, mac, since)
	if change.New != nil {
		if old := change.Old; old.State == binding.Probing && change.New.State == binding.Reachable {
			c.decide(confirmedTraffic, key, c.ownerOf(change.New), who{})
		}
		c.lapsed = *change.Old // its flow is gone already
		c.lapsed.Unwatched = true
		c.spread(binding.Change{Old: &c.lapsed, New: change.New}, nil)
	}
	switch step {
	case binding.Ask:
		if change.New.Tries == 0 {
			c.decide(silentIdle, key, c.ownerOf(change.New), who{})
		}
		c.enqueue(key)
	case binding.Expire:
		c.expire(expiredSilent, key)
	}
}

// unheard follows a question that has had no answer.
func (c *Core) unheard(key binding.Key) {
	if c.asks[key] != nil {
		return // it is being asked otherwise, and that has its own end
	}
	if b := c.table.Lookup(key); b != nil && b.Unwatched && !c.askable(b) {
		c.unaskable(b)
		return
	}
	step, due, change := c.table.Unheard(c.now, key)
	if change.New != nil {
		c.spread(change, nil)
	}
	switch {
	case due != 0:
		c.alarms.Arm(alarm{alarmUnheard, key}, due)
	case step == binding.Ask:
		c.enqueue(key)
	case step == binding.Expire:
		c.expire(expiredSilent, key)
	}
}

// unaskable follows when an owner is to be asked and can't be. If its switch is
// away the binding is left to it: when it is back its flow watches anew, and if it
// stays away the binding's place is gone. Otherwise the port is down, and the
// owner may be elsewhere.
func (c *Core) unaskable(b *binding.Binding) {
	if sw := c.switches[b.Switch]; sw == nil || sw.state != away {
		c.doubt(silentPortDown, askGone, b.Key)
		return
	}
	c.rest(b.Key)
}

// rest has the owner of an address watched anew.
func (c *Core) rest(key binding.Key) {
	if change, ok := c.table.Rest(c.now, key); ok {
		c.spread(change, nil)
	}
}

// askable says whether the owner of a binding can be asked by unicast.
func (c *Core) askable(b *binding.Binding) bool {
	s := c.table.StationOf(b)
	return s != nil && c.reachable(s.Location())
}

// expire takes a binding out that nobody answered for.
func (c *Core) expire(why decision, key binding.Key) {
	b := c.table.Lookup(key)
	if b == nil {
		return
	}
	was := c.ownerOf(b)
	if change, ok := c.table.Remove(key); ok {
		c.counters.forgotten++
		c.decide(why, key, was, who{})
		c.spread(change, nil)
	}
}

// enqueue puts a question to an owner in the queue: they go out at a limited
// rate (conformance L1), the oldest first. Those of a flush, of which there may be
// as many as there are bindings, do not keep others from theirs.
func (c *Core) enqueue(key binding.Key) {
	if a := c.asks[key]; a != nil && a.last {
		c.toAskLast.push(key)
	} else {
		c.toAsk.push(key)
	}
}

// tickQuestions puts as many questions as may be put now. Each of the others is counted
// once, however long it waits.
func (c *Core) tickQuestions() {
	counted := c.askLater
	for c.toAsk.len()+c.toAskLast.len() > 0 && c.asking.take(c.now) {
		counted--
		queue := &c.toAsk
		if queue.len() == 0 {
			queue = &c.toAskLast
		}
		if key := queue.pop(); c.asks[key] != nil {
			c.putAsk(key)
		} else {
			c.refresh(key)
		}
	}
	c.askLater = c.toAsk.len() + c.toAskLast.len()
	c.counters.probesPaced += uint64(c.askLater - min(max(counted, 0), c.askLater))
}

// refresh asks a silent owner, by unicast, at its own port only (conformance R2).
func (c *Core) refresh(key binding.Key) {
	b := c.table.Lookup(key)
	if b == nil || !b.Unwatched || b.Origin.Configured() || b.State == binding.Duplicate {
		return // it was heard in the meantime
	}
	home := c.table.StationOf(b)
	if home == nil || !c.reachable(home.Location()) {
		c.unaskable(b)
		return
	}
	if !c.refreshRequest(b) {
		c.alarms.Arm(alarm{alarmUnheard, key}, c.probed[key]+probedSpan)
		return
	}
	c.counters.refreshes++
	c.deliver(home.Location(), c.request)
	due, change := c.table.Asked(c.now, key)
	c.changedBinding(change) // no flow is another one for it
	c.alarms.Arm(alarm{alarmUnheard, key}, due)
}

// refreshRequest makes the question to a silent owner, in c.request. Its IPv4
// source is the subnet's gateway, with its MAC, if there is one elsewhere;
// otherwise there is no source, which a host that is about to take the address
// would misunderstand (conformance D2).
func (c *Core) refreshRequest(b *binding.Binding) bool {
	if b.Key.Is4() {
		if gateway := c.gatewayElsewhere(b); gateway != nil {
			c.request = appendRequestFrom(c.request[:0], gateway.MAC, gateway.IP(), b.Key, b.MAC)
			return true
		}
		if at, ok := c.probed[b.Key]; ok && c.now-at < probedSpan {
			return false
		}
	}
	c.request = appendOwnRequest(c.request[:0], b.Key, b.MAC)
	return true
}

// gatewayElsewhere is the gateway of an owner's subnet, if it is known to be at
// another place. If it is at the owner's, perhaps behind the same bridge, then its
// MAC must not come from here, and what is answered to it does not come here.
func (c *Core) gatewayElsewhere(b *binding.Binding) *binding.Binding {
	n, ok := c.intent.ByNumber(b.Network)
	if !ok {
		return nil
	}
	subnet, ok := n.SubnetOf(b.IP())
	if !ok || !subnet.Gateway.Is4() || subnet.Gateway == b.IP() {
		return nil
	}
	gateway := c.table.Lookup(binding.NewKey(b.Segment, subnet.Gateway))
	if gateway == nil || !gateway.Answered() {
		return nil
	}
	at := c.table.StationOf(gateway)
	if c.routers.macs[networkMAC{b.Network, gateway.MAC}] || at != nil && at.Location() != c.ownerOf(b).at {
		return gateway
	}
	return nil
}

// doubt makes silent what is known of an address, and has its owner searched.
func (c *Core) doubt(why decision, after askReason, key binding.Key) bool {
	change, ok := c.table.Silence(key)
	if !ok {
		return false
	}
	c.decide(why, key, c.ownerOf(change.Old), who{})
	c.spread(change, nil)
	c.ask(key, after)
	return true
}

// setRules has the table follow the intent.
func (c *Core) setRules(before *intent.Intent) {
	byNumber := make(map[uint32]*intent.Network, len(c.intent.Networks))
	for i := range c.intent.Networks {
		byNumber[c.intent.Networks[i].Number] = &c.intent.Networks[i]
	}
	c.table.SetRules(binding.Rules{
		Age: func(key binding.Key) int64 {
			n := byNumber[key.Network]
			if n == nil {
				return 0
			}
			if len(n.Ages) == 0 {
				return int64(n.Age)
			}
			return int64(n.AgeOf(key.IP()))
		},
		Duplicate: func(network uint32) (int, int64) {
			if n := byNumber[network]; n != nil {
				return n.Duplicates.Moves, int64(n.Duplicates.Within)
			}
			d := intent.DefaultDuplicates()
			return d.Moves, int64(d.Within)
		},
	})
	l := c.intent.Limits
	c.table.SetLimits(binding.Limits{Bindings: l.Bindings, BindingsPerNetwork: l.BindingsPerNetwork, BindingsPerPort: l.BindingsPerPort,
		Stations: l.Stations, StationsPerPort: l.StationsPerPort})
	searches := c.config.Search
	searches.ParkedPerTarget, searches.ParkedTime = l.Parked, int64(l.ParkedTime)
	searches.UnresolvedPerPort, searches.UnresolvedPerNet = l.UnresolvedPerPort, l.UnresolvedPerNetwork
	c.searches.SetLimits(searches)
	c.pacing.rate = int64(l.SearchesPerSecond)
	c.asking.rate, c.announcing.rate = int64(l.ProbesPerSecond), int64(l.AnnouncementsPerSecond)
	if before != nil {
		c.rewatch(before)
		c.setSponges(before)
	}
}

// rewatch gives the bindings of networks whose age limits changed their new
// times.
func (c *Core) rewatch(before *intent.Intent) {
	changed := make(map[uint32]bool)
	for i := range c.intent.Networks {
		n := &c.intent.Networks[i]
		old, ok := before.ByNumber(n.Number)
		changed[n.Number] = !ok || !n.SameAges(old)
	}
	var keys []binding.Key
	for b := range c.table.Bindings {
		if changed[b.Network] {
			keys = append(keys, b.Key)
		}
	}
	c.batches.aged.add(keys)
	c.tickBatches()
	for s := range c.table.Stations {
		if changed[s.Network] && c.table.RestStation(s) {
			c.sendSource(s)
		}
	}
	c.rehold(before)
}

// refuseLimit tells of something that there is no room for.
func (c *Core) refuseLimit(v binding.Verdict, key binding.Key, from who) {
	why := map[binding.Verdict]decision{binding.RefusedTotal: refusedTotal, binding.RefusedNetwork: refusedNetwork, binding.RefusedPort: refusedPort}[v]
	c.decide(why, key, from, who{})
}
