package core

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// connection is how far a switch is with us.
type connection uint8

const (
	away      connection = iota // no session
	syncing                     // the differences are on their way
	connected                   // as wanted
)

var connectionNames = [...]string{away: "away", syncing: "syncing", connected: "connected"}

// switchState is a switch as the core knows it.
type switchState struct {
	fabric.Switch
	state       connection
	session     uint64
	since       int64
	address     string
	version     string
	attachments []fabric.Attachment
	networks    map[binding.PortKey]uint32
	security    map[binding.PortKey]intent.Security
	base        pipeline.Base
	held        map[binding.Key]*binding.Binding // see hold
	out         []byte                           // messages to be sent
	lease       int64                            // when the leased flows are renewed
	renewals    uint64
	metered     map[uint32]uint64 // what its meters have dropped
	sync        view.Sync
	lastError   string
}

// send queues a message for the switch. A switch that is away gets nothing: it
// is compared when it is back.
func (sw *switchState) send(m openflow.Message) {
	if sw.state != away {
		sw.out = openflow.Append(sw.out, xid, m)
	}
}

func (sw *switchState) add(f openflow.FlowMod)    { sw.send(&f) }
func (sw *switchState) remove(f openflow.FlowMod) { f = pipeline.Delete(f); sw.send(&f) }

// addStation gives the switch the flows of a station.
func (sw *switchState) addStation(s *binding.Station) {
	if sw.state != away {
		sw.out = pipeline.AppendStationFlows(sw.out, xid, &s.StationKey, s.Port, s.Idle)
	}
}

// member says whether an attachment exists and belongs to a network.
func (sw *switchState) member(at binding.PortKey, network uint32) bool {
	number, ok := sw.networks[at]
	return ok && number == network
}

// attach works out the attachments anew, and tells the session which are trusted.
func (c *Core) attach(sw *switchState) {
	sw.attachments = sw.Attachments(c.intent)
	sw.networks = make(map[binding.PortKey]uint32, len(sw.attachments))
	sw.security = make(map[binding.PortKey]intent.Security, len(sw.attachments))
	for _, a := range sw.attachments {
		sw.networks[a.Key], sw.security[a.Key] = a.Network, a.Security
	}
	sw.base = c.program.Base(sw.attachments)
	trusted := make(map[binding.PortKey]bool)
	for _, a := range sw.attachments {
		if a.Trusted {
			trusted[a.Key] = true
		}
	}
	c.effects.Trusted = append(c.effects.Trusted, Trusted{sw.ID, sw.session, trusted})
}

func (e SwitchUp) apply(c *Core) {
	sw := c.switches[e.Switch]
	kind := view.Modified
	if sw == nil {
		sw = &switchState{Switch: fabric.Switch{ID: e.Switch}}
		c.switches[e.Switch] = sw
		at, _ := slices.BinarySearchFunc(c.order, e.Switch, func(sw *switchState, id uint64) int { return cmp.Compare(sw.ID, id) })
		c.order = slices.Insert(c.order, at, sw)
		kind = view.Added
	}
	before, ports := c.portViews(sw), sw.Ports
	sw.Switch = fabric.Switch{ID: e.Switch, Ports: make(map[uint32]fabric.Port, len(e.Ports))}
	for _, p := range e.Ports {
		sw.Ports[p.Number] = p
	}
	sw.state, sw.session, sw.since, sw.address, sw.version = syncing, e.Session, c.now, e.Address, e.Version
	c.attach(sw)
	c.findUplinks(sw)
	c.forgetUnattached(sw)
	sw.metered = make(map[uint32]uint64)
	sw.out = nil // what that would delete, the comparison finds
	memory := pipeline.Remember(e.Dump.Flows)
	restored := c.restore(sw, memory)
	c.restrict(sw)
	c.hold(sw, memory)
	c.restoreSponges(sw, memory.Sponges, kind == view.Added)
	d := e.Dump.Compare(c.wanted(sw), sw.base.Groups, sw.base.Meters)
	sw.sync = view.Sync{
		Kept: d.Kept, Added: d.Added, Changed: d.Changed, Removed: d.Removed,
		Groups: d.GroupChanges, Meters: d.MeterChanges, Restored: restored, At: time.Unix(0, c.now),
	}
	for _, m := range d.Unmeter {
		sw.send(m) // once the rest is there, and nothing points to them
	}
	c.effects.Sync = append(c.effects.Sync, Sync{sw.ID, sw.session, d.Meters, d.Bundle})
	c.note(slog.LevelInfo, "switch connected", slog.String("switch", sw.label()), slog.String("address", e.Address),
		slog.Int("ports", len(sw.Ports)), slog.Int("kept", d.Kept), slog.Int("added", d.Added),
		slog.Int("changed", d.Changed), slog.Int("removed", d.Removed), slog.Int("restored", restored))
	for _, p := range e.Ports {
		if ports[p.Number].Up && !p.Up {
			c.portDown(sw, p.Number) // while the switch was away
		}
	}
	c.changedSwitch(kind, sw)
	c.changedPorts(before, c.portViews(sw))
}

func (sw *switchState) label() string {
	if name := sw.Name(); name != "" {
		return name + " " + fabric.FormatID(sw.ID)
	}
	return fabric.FormatID(sw.ID)
}

// restore takes over what the switch remembers and the core does not know. It
// counts the bindings.
func (c *Core) restore(sw *switchState, m pipeline.Memory) (restored int) {
	for _, s := range m.Stations {
		key := s.Key
		key.Switch = sw.ID
		if !sw.member(s.Port, key.Network) || c.table.Station(key) != nil {
			continue
		}
		if _, station := c.table.HearStation(c.now-int64(s.Age), key, s.Port); station != nil {
			station.Restored, station.Idle = true, s.Idle
			c.changedStation(view.Added, station)
			c.settle(station)
		}
	}
	for _, b := range m.Bindings {
		evidence := binding.Evidence{
			Key: b.Key, MAC: b.MAC, Switch: sw.ID, Source: binding.FromRestore, Router: b.Router,
			Origin: b.Origin, Stale: b.Stale, Idle: b.Idle, Learned: c.now - int64(b.Age),
		}
		if !c.restorable(&evidence) {
			continue
		}
		_, change := c.table.Hear(c.now, evidence)
		if change.New != nil {
			restored++
			// The other switches that are connected have to hear of it, and who
			// waits for it anywhere.
			c.spread(change, sw)
			c.released(change.New)
		}
	}
	for _, s := range m.Stations {
		key := s.Key
		key.Switch = sw.ID
		if station := c.table.Station(key); station != nil {
			c.table.Bare(station)
		}
	}
	return restored
}

// restorable says whether what a switch remembers of an address is news. A
// learned binding must have its station; of an operator's, which may have none,
// the switch says which permitted MAC it is, and where.
func (c *Core) restorable(e *binding.Evidence) bool {
	old := c.table.Lookup(e.Key)
	here := c.table.Station(binding.StationKey{Switch: e.Switch, Segment: e.Key.Segment, MAC: e.MAC}) != nil
	if !e.Origin.Configured() {
		return here && c.giveWay(e.Key)
	}
	if old == nil || !old.Origin.Configured() {
		return false // the operator took it back
	}
	if !here {
		e.Switch = 0
	}
	return old.Heard == 0 || old.MAC == e.MAC && here && c.table.StationOf(old) == nil
}

// hold keeps, after a restart, what a switch answers for hosts of another one
// that has not connected yet: to take it away would disturb a world that did
// not change. The other switch settles what becomes of it: by what it restores,
// or by not knowing the binding as its own any more. At the latest it goes when
// a switch that is away would be forgotten, or when the address's age limit is
// over: it may be the binding of an owner that was just being asked, who has no
// flow meanwhile.
func (c *Core) hold(sw *switchState, m pipeline.Memory) {
	sw.held = nil
	if c.now < c.started+int64(c.config.Grace) {
		for _, b := range m.Foreign {
			if !c.known(b.Key) {
				if sw.held == nil {
					sw.held = make(map[binding.Key]*binding.Binding)
				}
				sw.held[b.Key] = b
			}
		}
	}
	for _, own := range m.Bindings {
		if !c.known(own.Key) {
			for _, other := range c.switches {
				other.drop(own.Key)
			}
		}
	}
}

// dropHeld takes away what has been held long enough.
func (c *Core) dropHeld(sw *switchState) {
	for key := range sw.held {
		span := int64(c.config.Grace)
		if age := c.table.AgeLimit(key); age > 0 {
			span = min(span, age)
		}
		if c.now-c.started >= span {
			sw.drop(key)
		}
	}
}

// drop takes away what is held for an address.
func (sw *switchState) drop(key binding.Key) {
	if b := sw.held[key]; b != nil {
		delete(sw.held, key)
		sw.sendBinding(binding.Change{Old: b})
	}
}

// wanted yields every flow that the switch should have, as the flow-mod that adds
// it. Each is encoded in the place of the one before.
func (c *Core) wanted(sw *switchState) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for m := range pipeline.Encoded(sw.base.Flows) {
			if !yield(m) {
				return
			}
		}
		var m []byte
		have := func() bool { return len(m) == 0 || yield(m) }
		for b := range c.table.Bindings {
			if m = pipeline.AppendBindingFlow(m[:0], xid, b); !have() {
				return
			}
			if ownedOn(b, sw) {
				if m = pipeline.AppendOwnerFlow(m[:0], xid, b); !have() {
					return
				}
			}
		}
		for _, b := range sw.held {
			if m = pipeline.AppendBindingFlow(m[:0], xid, b); !have() {
				return
			}
		}
		for _, a := range sw.attachments {
			for s := range c.table.StationsAt(binding.Location{Switch: sw.ID, Port: a.Key}) {
				if m = pipeline.AppendSourceFlow(m[:0], xid, &s.StationKey, s.Port, s.Idle); !yield(m) {
					return
				}
				if m = pipeline.AppendForwardFlow(m[:0], xid, &s.StationKey, s.Port); !yield(m) {
					return
				}
			}
		}
	}
}

// ownedOn says whether the owner's flow belongs on the switch: on its own, or
// everywhere if the operator bound the address and its place may be any.
func ownedOn(b *binding.Binding, sw *switchState) bool {
	return b.Origin.Configured() || b.Switch == sw.ID
}

func (e Synced) apply(c *Core) {
	sw := c.switches[e.Switch]
	if sw == nil || sw.state != syncing || sw.session != e.Session {
		return
	}
	if e.Error != "" {
		sw.lastError = e.Error
		c.changedSwitch(view.Modified, sw)
		return
	}
	sw.state, sw.since, sw.lease = connected, c.now, c.now
	c.findUplinks(sw)
	c.changedSwitch(view.Modified, sw)
}

// renew prolongs the leased flows: adding a flow that is there starts its
// timeout anew and changes nothing else.
func (c *Core) renew(sw *switchState) {
	sw.out = append(sw.out, c.leases...)
	sw.lease = c.now + int64(pipeline.LeaseRenewSeconds*time.Second)
	sw.renewals++
	sw.askMeters()
}

func (e SwitchDown) apply(c *Core) {
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away {
		return
	}
	sw.state, sw.since, sw.out = away, c.now, nil
	c.findUplinks(sw)
	c.note(slog.LevelWarn, "switch away", slog.String("switch", sw.label()), slog.String("reason", e.Reason))
	c.changedSwitch(view.Modified, sw)
}

func (e SwitchError) apply(c *Core) {
	if sw := c.switches[e.Switch]; sw != nil {
		sw.lastError = e.Text
		c.counters.switchErrors++
		c.changedSwitch(view.Modified, sw)
	}
}

// forgetSwitch drops a switch that stayed away, with all that was learned
// behind it.
func (c *Core) forgetSwitch(sw *switchState) {
	before := c.portViews(sw)
	sw.attachments, sw.networks = nil, nil
	c.forgetUnattached(sw)
	delete(c.switches, sw.ID)
	c.order = slices.DeleteFunc(slices.Clone(c.order), func(other *switchState) bool { return other == sw }) // tick goes through it
	c.note(slog.LevelWarn, "switch forgotten", slog.String("switch", fabric.FormatID(sw.ID)),
		slog.String("reason", fmt.Sprintf("away for %s", c.config.Grace)))
	c.changedPorts(before, nil)
	c.changedSwitch(view.Deleted, sw)
}

func (e PortChanged) apply(c *Core) {
	sw := c.switches[e.Switch]
	if sw == nil || sw.state == away {
		return
	}
	before := c.portViews(sw)
	wasUp := sw.Ports[e.Port.Number].Up
	if e.Gone {
		delete(sw.Ports, e.Port.Number)
	} else {
		sw.Ports[e.Port.Number] = e.Port
	}
	c.reattach(sw)
	if wasUp && !e.Gone && !e.Port.Up {
		c.portDown(sw, e.Port.Number)
	}
	if e.Gone {
		c.note(slog.LevelInfo, "port gone", slog.String("switch", sw.label()), slog.String("port", e.Port.Name))
	}
	c.changedPorts(before, c.portViews(sw))
}

// reattach follows a change of ports or intent: it sends the differences of
// the base, and forgets what was learned where no attachment is any more.
func (c *Core) reattach(sw *switchState) {
	old := sw.base
	c.attach(sw)
	for _, m := range pipeline.BaseChange(old, sw.base) {
		sw.send(m)
	}
	c.findUplinks(sw)
	c.forgetUnattached(sw)
	c.restrict(sw)
}

// portDown doubts who is behind a port that went down: they may be elsewhere.
func (c *Core) portDown(sw *switchState, number uint32) {
	for _, a := range sw.attachments {
		if a.Port != number {
			continue
		}
		for s := range c.table.StationsAt(place{Switch: sw.ID, Port: a.Key}) {
			for _, b := range slices.Clone(c.table.BindingsOf(s)) {
				c.doubt(silentPortDown, askGone, b.Key)
			}
		}
	}
}

// forgetUnattached drops the stations of places that are no attachments, or not
// of the same network. What was learned of them is doubted if the place is gone,
// since they may be elsewhere, and goes if it is in another network now.
func (c *Core) forgetUnattached(sw *switchState) {
	var gone []*binding.Station
	for at := range c.table.Places(sw.ID) {
		network, ok := sw.networks[at.Port]
		before := len(gone)
		for s := range c.table.StationsAt(at) {
			if !ok || s.Network != network {
				gone = append(gone, s)
			}
		}
		if len(gone) > before {
			c.searches.Forget(at)
		}
	}
	slices.SortStableFunc(gone, func(a, b *binding.Station) int { return cmp.Compare(a.Port, b.Port) })
	for _, s := range gone {
		_, here := sw.PortByKey(s.Port)
		c.removeStation(sw, s, here && sw.attachments != nil)
	}
}

// removeStation drops a station, and with learned what was learned of it.
// Otherwise its owner is searched.
func (c *Core) removeStation(sw *switchState, s *binding.Station, learned bool) {
	for _, f := range pipeline.StationFlows(s.StationKey, s.Port, s.Idle) {
		sw.remove(f)
	}
	c.changedStation(view.Deleted, s)
	why := silentPortGone
	if sw.attachments == nil {
		why = silentSwitchGone
	}
	was := who{s.MAC, s.Location()}
	for _, change := range c.table.RemoveStation(s, learned) {
		c.spread(change, nil)
		switch {
		case change.New == nil:
			c.counters.forgotten++
			c.decide(removedNetwork, change.Old.Key, was, who{})
		case !change.New.Origin.Configured() && change.New.State != binding.Duplicate:
			c.decide(why, change.New.Key, was, who{})
			c.ask(change.New.Key, askGone)
		}
	}
}

func (e NewIntent) apply(c *Core) {
	before := c.networkViews()
	c.setIntent(e.Intent)
	for _, sw := range c.switches {
		ports := c.portViews(sw)
		c.reattach(sw)
		c.changedPorts(ports, c.portViews(sw))
	}
	c.forgetNetworks(before)
	c.changedNetworks(before, c.networkViews())
}

// forgetNetworks drops what is left of networks that are gone: bindings whose
// place went before.
func (c *Core) forgetNetworks(before []view.Network) {
	gone := func(n view.Network) bool { return c.names[n.Number] == "" }
	if !slices.ContainsFunc(before, gone) {
		return
	}
	for b := range c.table.Bindings {
		if c.names[b.Network] == "" {
			c.expire(removedNetwork, b.Key)
		}
	}
	c.table.EndLeases(func(network uint32) bool { return c.names[network] == "" })
}

// setIntent takes over networks and configured bindings. Flows follow through
// reattach and spread.
func (c *Core) setIntent(in *intent.Intent) {
	before := c.intent
	c.intent = in
	c.program = pipeline.NewProgram(in)
	c.setRules(before)
	c.setRouters(in)
	c.names = make(map[uint32]string, len(in.Networks))
	want := slices.Grow(ownAddresses(in), in.StaticBindings())
	for i := range in.Networks {
		n := &in.Networks[i]
		c.names[n.Number] = n.Name
		segment := binding.Segment{Network: n.Number}
		for _, s := range n.Subnets {
			if !s.GatewayMAC.IsZero() {
				want = append(want, binding.Permitted{
					Key: binding.NewKey(segment, s.Gateway), MACs: []packet.MAC{s.GatewayMAC}, Origin: binding.Gateway, Router: true})
			}
		}
		for _, b := range n.Bindings {
			want = append(want, binding.Permitted{Key: binding.NewKey(segment, b.IP), MACs: b.MACs, Origin: binding.Static})
		}
	}
	for _, change := range c.table.Configure(c.now, want) {
		c.spread(change, nil)
		c.released(change.New)
		if b := change.New; b != nil {
			for id := range c.switches {
				if s := c.table.Station(binding.StationKey{Switch: id, Segment: b.Segment, MAC: b.MAC}); s != nil {
					c.settle(s)
				}
			}
		}
	}
}

// spread sends what a change of a binding means for the flows of every switch
// but one, which is compared as a whole.
func (c *Core) spread(change binding.Change, except *switchState) {
	// The same for every switch, so it is made once.
	c.encoded = appendDifference(c.encoded[:0], pipeline.AppendBindingFlow, change.Old, change.New)
	for _, sw := range c.order {
		if sw == except || sw.state == away {
			continue
		}
		var held *binding.Binding
		if change.New != nil {
			held = sw.held[change.New.Key]
		}
		if held != nil {
			delete(sw.held, held.Key)
			sw.out = appendDifference(sw.out, pipeline.AppendBindingFlow, held, change.New)
		} else {
			sw.out = append(sw.out, c.encoded...)
		}
		sw.sendOwner(change)
	}
	c.changedBinding(change)
	if change.Old != nil && (change.New == nil || change.New.MAC != change.Old.MAC || change.New.Switch != change.Old.Switch) {
		c.bare(change.Old)
	}
}

// bare gives the station of a binding that it lost an idle time, if it was the
// last one: without bindings nothing else tells when its time has come.
func (c *Core) bare(b *binding.Binding) {
	s := c.table.StationOf(b)
	if s != nil && c.table.Bare(s) {
		c.sendSource(s)
	}
}

// sendSource sends the flow of a station's source, whose idle time is another one.
func (c *Core) sendSource(s *binding.Station) {
	if sw := c.switches[s.Switch]; sw != nil {
		sw.add(pipeline.StationFlows(s.StationKey, s.Port, s.Idle)[0])
	}
}

// sendBinding sends the difference that a change makes on one switch.
func (sw *switchState) sendBinding(change binding.Change) {
	if sw.state != away {
		sw.out = appendDifference(sw.out, pipeline.AppendBindingFlow, change.Old, change.New)
		sw.sendOwner(change)
	}
}

// sendOwner sends the part of sendBinding that is the owner's own switch's.
func (sw *switchState) sendOwner(change binding.Change) {
	older, newer := change.Old, change.New
	if older != nil && !ownedOn(older, sw) {
		older = nil
	}
	if newer != nil && !ownedOn(newer, sw) {
		newer = nil
	}
	sw.out = appendDifference(sw.out, pipeline.AppendOwnerFlow, older, newer)
}

// appendDifference appends the flow-mods that lead from one binding's flow to
// another's. flow appends that of a binding, if it has one.
func appendDifference(b []byte, flow func([]byte, uint32, *binding.Binding) []byte, older, newer *binding.Binding) []byte {
	start := len(b)
	b = flow(b, xid, older)
	middle := len(b)
	b = flow(b, xid, newer)
	had, has := b[start:middle], b[middle:]
	switch {
	case bytes.Equal(had, has):
		return b[:start]
	case len(had) == 0:
		return b
	case len(has) > 0 && openflow.SameFlow(had, has):
		had = had[:0] // replaced
	default:
		had = openflow.DeleteInPlace(had)
	}
	return append(b[:start+len(had)], has...)
}
