package core

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// world is a core with the switches that it controls: what the core sends them
// becomes flows in a map. It fails through fail, which does not return.
type world struct {
	core     *Core
	now      time.Time
	switches map[uint64]*modelSwitch
	held     []Sync // not carried out yet, while hold is set
	hold     bool
	sessions uint64
	fail     func(format string, args ...any)
	// Where packet-outs and the like go, if anybody wants them.
	tell func(line string)
	// What is done with the effects of a step besides carrying them out.
	report func(effects *Effects)
	// flowLines collects the changes of flows of one step.
	flowLines []string
}

// modelSwitch is a switch as far as the core can tell.
type modelSwitch struct {
	fabric.Switch
	up      bool
	session uint64
	flows   map[openflow.FlowKey]modelFlow
	groups  map[uint32]openflow.GroupMod
	meters  map[uint32]openflow.MeterMod
}

type modelFlow struct {
	openflow.FlowMod
	added time.Time
	hit   time.Time // last
	hits  int
}

func newWorld(in *intent.Intent, config Config, fail func(string, ...any)) *world {
	return &world{
		core: New(config, in), now: time.Unix(1_700_000_000, 0), switches: make(map[uint64]*modelSwitch),
		fail: fail, tell: func(string) {}, report: func(*Effects) {},
	}
}

// addSwitch makes a switch that is not connected yet. Its local port has its
// name.
func (w *world) addSwitch(id uint64, name string) *modelSwitch {
	sw := &modelSwitch{Switch: fabric.Switch{ID: id, Ports: make(map[uint32]fabric.Port)}}
	sw.Ports[openflow.PortLocal] = fabric.Port{Number: openflow.PortLocal, Name: name, Up: true}
	sw.reset()
	w.switches[id] = sw
	return sw
}

// reset empties the switch, as a restart does.
func (sw *modelSwitch) reset() {
	sw.flows = make(map[openflow.FlowKey]modelFlow)
	sw.groups = make(map[uint32]openflow.GroupMod)
	sw.meters = make(map[uint32]openflow.MeterMod)
}

// dump is what the switch says of itself.
func (sw *modelSwitch) dump(now time.Time) pipeline.Dump {
	var d pipeline.Dump
	var flows []openflow.FlowStats
	for _, f := range sw.flows {
		flows = append(flows, openflow.FlowStats{
			TableID: f.TableID, Duration: now.Sub(f.added), Priority: f.Priority, IdleTimeout: f.IdleTimeout, HardTimeout: f.HardTimeout,
			Flags: f.Flags, Cookie: f.Cookie, Match: f.Match, Instructions: f.Instructions,
		})
	}
	d.Flows = openflow.FlowDumpOf(flows)
	for _, g := range sw.groups {
		d.Groups = append(d.Groups, openflow.GroupDesc{GroupType: g.GroupType, ID: g.ID, Buckets: g.Buckets})
	}
	for _, m := range sw.meters {
		d.Meters = append(d.Meters, openflow.MeterConfig{Flags: m.Flags, ID: m.ID, Bands: m.Bands})
	}
	return d
}

// connect makes the event of a switch that connects.
func (w *world) connect(sw *modelSwitch) SwitchUp {
	w.sessions++
	sw.up, sw.session = true, w.sessions
	return SwitchUp{
		Switch: sw.ID, Session: sw.session, Address: "tcp:192.0.2.1:1234", Version: "model",
		Ports: slices.Collect(maps.Values(sw.Ports)), Dump: sw.dump(w.now),
	}
}

// disconnect makes the event of a switch that is lost.
func (w *world) disconnect(sw *modelSwitch) SwitchDown {
	sw.up = false
	return SwitchDown{Switch: sw.ID, Reason: "gone"}
}

// step gives events to the core and carries out what it wants.
func (w *world) step(events ...Event) {
	told, reuse := lent(events)
	effects := w.core.Step(w.now, told...)
	reuse()
	w.report(&effects)
	w.carryOut(&effects)
}

// lent puts events as the daemon does where others come after the step: nothing may
// point there then.
func lent(events []Event) (told []Event, reuse func()) {
	told = slices.Clone(events)
	var punts []*Punt
	for i, e := range told {
		switch e := e.(type) {
		case Punt:
			e.Frame = slices.Clone(e.Frame)
			told[i], punts = &e, append(punts, &e)
		case Quiet:
			told[i] = &e
		}
	}
	return told, func() {
		for _, p := range punts {
			for i := range p.Frame {
				p.Frame[i] = 0xee
			}
			*p = Punt{}
		}
	}
}

func (w *world) carryOut(effects *Effects) {
	slices.SortFunc(effects.Send, func(a, b Send) int { return cmp.Compare(a.Switch, b.Switch) })
	for _, s := range effects.Send {
		if sw := w.switches[s.Switch]; sw != nil && sw.up && sw.session == s.Session {
			w.apply(sw, s.Messages)
		}
		// What was sent is the core's again: nothing may point there.
		for i := range s.Messages {
			s.Messages[i] = 0xee
		}
		w.core.Recycle(s.Messages)
	}
	w.held = append(w.held, effects.Sync...)
	for !w.hold && len(w.held) > 0 {
		w.sync("")
	}
	w.flushFlows()
}

// sync carries out the oldest held Sync, or refuses it, and tells the core. That
// one is for a session that is over says nothing to the core any more.
func (w *world) sync(refusal string) {
	s := w.held[0]
	w.held = w.held[1:]
	sw := w.switches[s.Switch]
	done := Synced{Switch: s.Switch, Session: s.Session, Error: refusal}
	if refusal == "" && sw.up && sw.session == s.Session {
		for _, m := range slices.Concat(s.Meters, s.Bundle) {
			w.change(sw, m)
		}
		w.flushFlows()
	}
	w.step(done)
}

// apply decodes what a session receives.
func (w *world) apply(sw *modelSwitch, messages []byte) {
	for len(messages) > 0 {
		h, err := openflow.ParseHeader(messages)
		if err != nil {
			w.fail("switch %d gets a message that is none: %v", sw.ID, err)
		}
		_, m, err := openflow.Decode(messages[:h.Length])
		if err != nil {
			w.fail("switch %d gets a message that is none: %v", sw.ID, err)
		}
		messages = messages[h.Length:]
		if out, ok := m.(*openflow.PacketOut); ok {
			w.flushFlows()
			w.packetOut(sw, out)
			continue
		}
		if on, ok := m.(*openflow.Resume); ok {
			w.flushFlows()
			w.checkResume(sw, on)
			w.tell(fmt.Sprintf("%s resumes packet %d", sw.Name(), on.Packet[len(on.Packet)-1]))
			continue
		}
		w.change(sw, m)
	}
}

// change carries out a flow-mod, group-mod or meter-mod.
func (w *world) change(sw *modelSwitch, m openflow.Message) {
	switch m := m.(type) {
	case *openflow.FlowMod:
		w.changeFlow(sw, m)
	case *openflow.GroupMod:
		_, have := sw.groups[m.ID]
		switch {
		case m.Command == openflow.GroupDelete:
			delete(sw.groups, m.ID)
		case have == (m.Command == openflow.GroupAdd):
			w.fail("switch %d refuses command %d for group %d, which it has: %v", sw.ID, m.Command, m.ID, have)
		default:
			sw.groups[m.ID] = *m
		}
		w.flowLines = append(w.flowLines, w.groupLine(sw, m))
	case *openflow.MeterMod:
		_, have := sw.meters[m.ID]
		if m.Command == openflow.MeterDelete {
			w.deleteMeter(sw, m.ID)
			break
		}
		if have == (m.Command == openflow.MeterAdd) {
			w.fail("switch %d refuses command %d for meter %d, which it has: %v", sw.ID, m.Command, m.ID, have)
		}
		sw.meters[m.ID] = *m
	case *openflow.MultipartRequest: // of its meters, which drop nothing
	default:
		w.fail("switch %d gets a %v", sw.ID, m.Type())
	}
}

// deleteMeter takes the flows along that point to the meter.
func (w *world) deleteMeter(sw *modelSwitch, id uint32) {
	delete(sw.meters, id)
	for key, f := range sw.flows {
		if f.Instructions.Meter == id || slices.ContainsFunc(f.Instructions.Apply, func(a openflow.Action) bool {
			c, ok := a.(openflow.Controller2)
			return ok && c.MeterID == id
		}) {
			delete(sw.flows, key)
		}
	}
}

func (w *world) changeFlow(sw *modelSwitch, m *openflow.FlowMod) {
	old, had := sw.flows[m.Key()]
	switch m.Command {
	case openflow.FlowAdd:
		for _, a := range m.Instructions.Apply {
			if g, ok := a.(openflow.Group); ok {
				if _, exists := sw.groups[g.ID]; !exists {
					w.fail("switch %d refuses a flow to group %d, which it does not have", sw.ID, g.ID)
				}
			}
		}
		sw.flows[m.Key()] = modelFlow{*m, w.now, w.now, 0}
	case openflow.FlowDeleteStrict:
		delete(sw.flows, m.Key())
	default:
		w.fail("switch %d gets flow-mod command %d", sw.ID, m.Command)
	}
	if line := w.flowLine(sw, m, old.FlowMod, had); line != "" {
		w.flowLines = append(w.flowLines, line)
	}
}

// end is when the switch takes the flow away by itself, if it does.
func (f *modelFlow) end() (time.Time, bool) {
	switch {
	case f.HardTimeout != 0:
		return f.added.Add(time.Duration(f.HardTimeout) * time.Second), true
	case f.IdleTimeout != 0:
		return f.hit.Add(time.Duration(f.IdleTimeout) * time.Second), true
	}
	return time.Time{}, false
}

// expire takes away the flows whose time is over, and returns the events of
// those that a switch tells of: of one that is connected.
func (w *world) expire(now time.Time) (events []Event) {
	for _, id := range slices.Sorted(maps.Keys(w.switches)) {
		sw := w.switches[id]
		var quiet []Quiet
		var stations []QuietStation
		maps.DeleteFunc(sw.flows, func(_ openflow.FlowKey, f modelFlow) bool {
			end, ends := f.end()
			if !ends || end.After(now) {
				return false
			}
			if f.Flags&openflow.FlagSendFlowRem != 0 && sw.up {
				m := &openflow.FlowRemoved{Cookie: f.Cookie, TableID: f.TableID, Match: f.Match,
					Reason: openflow.RemovedIdleTimeout, IdleTimeout: f.IdleTimeout}
				if key, at, ok := pipeline.QuietStation(m); ok {
					key.Switch = sw.ID
					stations = append(stations, QuietStation{Key: key, At: at})
					return true
				}
				key, mac, ok := pipeline.QuietOwner(m)
				if !ok {
					return true // of somebody else's: the session leaves it out
				}
				quiet = append(quiet, Quiet{Switch: sw.ID, Key: key, MAC: mac, Idle: time.Duration(f.IdleTimeout) * time.Second, Sent: f.hits > 0})
			}
			return true
		})
		slices.SortFunc(quiet, func(a, b Quiet) int { return cmp.Compare(a.Key.String(), b.Key.String()) })
		slices.SortFunc(stations, func(a, b QuietStation) int { return cmp.Compare(a.Key.MAC.Uint64(), b.Key.MAC.Uint64()) })
		for _, q := range quiet {
			events = append(events, q)
		}
		for _, q := range stations {
			events = append(events, q)
		}
	}
	return events
}

// nextEnd is when the next flow goes by itself.
func (w *world) nextEnd() (at time.Time, ok bool) {
	for _, sw := range w.switches {
		for _, f := range sw.flows {
			if end, ends := f.end(); ends && (!ok || end.Before(at)) {
				at, ok = end, true
			}
		}
	}
	return at, ok
}

// sleep lets time pass, and steps whenever the core or a switch wants it.
func (w *world) sleep(d time.Duration) {
	end := w.now.Add(d)
	for {
		at, ok := w.core.Next()
		if flow, ends := w.nextEnd(); ends && (!ok || flow.Before(at)) {
			at, ok = flow, true
		}
		if !ok || at.After(end) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		w.step(w.expire(w.now)...)
		if next, ok := w.core.Next(); ok && !next.After(w.now) {
			w.fail("after a step there is still something to do at %v", next)
		}
	}
	w.now = end
}

// classify tells where a frame with an outer VLAN tag comes in, as the switch
// does.
func (w *world) classify(sw *modelSwitch, port uint32, vlan uint16) (segment binding.Segment, at binding.PortKey, popped, ok bool) {
	for _, a := range sw.Attachments(w.core.intent) {
		if a.Port != port {
			continue
		}
		if vlan != 0 && a.Key.VLAN() == vlan {
			return binding.Segment{Network: a.Network}, a.Key, true, true
		}
		if a.Key.VLAN() == 0 {
			segment, at, ok = binding.Segment{Network: a.Network, VLAN: vlan}, a.Key, true
		}
	}
	return segment, at, false, ok
}

// receive is a frame that comes in on a port: the model does with it what the
// pipeline would, and gives the core the punts.
func (w *world) receive(sw *modelSwitch, port uint32, frame []byte) {
	var s resolve.Subject
	err := s.Parse(frame)
	segment, at, popped, ok := w.classify(sw, port, s.Frame.VLAN)
	if !ok {
		w.tell(fmt.Sprintf("%s drops: port in no network", sw.Name()))
		return
	}
	if popped {
		frame = slices.Concat(frame[:12], frame[16:])
		err = s.Parse(frame)
	}
	known, news := w.knowsSender(sw, &s, segment, at)
	punt := func(reason pipeline.Reason) {
		if !sw.up {
			w.tell(fmt.Sprintf("%s has nobody to punt to: %v", sw.Name(), reason))
			return
		}
		w.tell(fmt.Sprintf("%s punts: %v", sw.Name(), reason))
		w.step(Punt{Switch: sw.ID, Reason: reason, Segment: segment, Port: at, Known: known, Frame: slices.Clone(frame)})
	}
	if err != nil {
		punt(pipeline.ReasonMalformed)
		return
	}
	if sw.up && !known.Address && sw.contradicted(&s, segment) {
		punt(pipeline.ReasonClaim)
		return
	}
	if news {
		punt(pipeline.ReasonLearn)
	}
	if s.Frame.Dst == pipeline.MAC {
		punt(pipeline.ReasonReply)
		return
	}
	key, asks := s.Target(segment)
	if !asks || !s.Frame.Dst.IsMulticast() {
		w.forward(sw, segment, &s)
		return
	}
	w.answer(sw, &s, key, at, punt)
}

// has says whether the switch has the flow, whatever it does.
func (sw *modelSwitch) has(f openflow.FlowMod) bool {
	_, ok := sw.flows[f.Key()]
	return ok
}

// contradicted says whether the switch answers with another MAC for the address
// that a frame gives.
func (sw *modelSwitch) contradicted(s *resolve.Subject, segment binding.Segment) bool {
	key, mac, ok := s.Claim(segment)
	bound, _ := pipeline.BindingFlow(&binding.Binding{Key: key, State: binding.Reachable})
	have, answers := sw.flows[bound.Key()]
	if !ok || !answers {
		return false
	}
	value := have.Instructions.Apply[0].(openflow.SetField).Value
	return packet.MAC(value[2:]) != mac
}

// knowsSender tells what the switch knows of a sender, and whether the frame is
// news to it.
func (w *world) knowsSender(sw *modelSwitch, s *resolve.Subject, segment binding.Segment, at binding.PortKey) (known pipeline.Known, news bool) {
	source := pipeline.StationFlows(binding.StationKey{Segment: segment, MAC: s.Frame.Src}, at, 0)[0]
	if f, ok := sw.flows[source.Key()]; ok {
		f.hit, known.Station = w.now, true
		sw.flows[source.Key()] = f
	}
	e, teaching := s.Evidence(segment, sw.ID)
	if teaching != resolve.TeachesBinding {
		known.Address = teaching != resolve.TeachesMismatch
		return known, !known.Station || !known.Address
	}
	// A stale owner is known to an NS only; an NA says whether it is a router.
	for _, state := range []binding.State{binding.Reachable, binding.Stale} {
		for _, router := range []bool{false, true} {
			owner, _ := pipeline.OwnerFlow(&binding.Binding{Key: e.Key, MAC: e.MAC, State: state, Router: router})
			if have, ok := sw.flows[owner.Key()]; ok && openflow.EqualInstructions(have.Instructions, owner.Instructions) {
				have.hit, have.hits = w.now, have.hits+1
				sw.flows[owner.Key()] = have
				known.Address = true
				sure := state == binding.Reachable && (s.Kind != resolve.Advertisement || router == s.ND.Router)
				return known, !known.Station || !sure && s.Kind != resolve.Solicitation
			}
		}
	}
	return known, true
}

func (w *world) forward(sw *modelSwitch, segment binding.Segment, s *resolve.Subject) {
	forward := pipeline.StationFlows(binding.StationKey{Segment: segment, MAC: s.Frame.Dst}, 0, 0)[1]
	if f, ok := sw.flows[forward.Key()]; ok {
		w.tell(fmt.Sprintf("%s forwards to %s", sw.Name(), w.portName(sw, binding.PortKey(uint32(f.Cookie)))))
		return
	}
	w.tell(fmt.Sprintf("%s floods it", sw.Name()))
}

func (w *world) answer(sw *modelSwitch, s *resolve.Subject, key binding.Key, at binding.PortKey, punt func(pipeline.Reason)) {
	own, _ := pipeline.OwnerFlow(&binding.Binding{Key: key, MAC: s.Frame.Src})
	found, _ := pipeline.BindingFlow(&binding.Binding{Key: key, State: binding.Reachable})
	have, known := sw.flows[found.Key()]
	if !known && !s.IsProbe() {
		sponge := pipeline.SpongeFlow(key, packet.MAC{}, 0)
		have, known = sw.flows[sponge.Key()]
	}
	_, search := sw.leased(pipeline.Search)
	switch {
	case sw.has(own):
		w.tell(fmt.Sprintf("%s floods it: the asker's own address", sw.Name()))
	case known && s.IsProbe():
		punt(pipeline.ReasonAnswer)
	case known && (s.Kind == resolve.ARPRequest || s.ND.HasSLL && s.ND.Nonce == nil && !s.ND.UnknownOptions):
		w.tell(fmt.Sprintf("%s answers %s: %s is at %s", sw.Name(), w.portName(sw, at), key.IP(), macName(foundMAC(&have.FlowMod))))
	case known && s.Kind == resolve.Solicitation && !s.ND.IsDAD() && !s.ND.HasSLL:
		w.tell(fmt.Sprintf("%s hands it to %s", sw.Name(), macName(foundMAC(&have.FlowMod))))
	case known:
		punt(pipeline.ReasonAnswer)
	case search:
		punt(pipeline.ReasonSearch)
	default:
		w.tell(fmt.Sprintf("%s floods it: nobody controls it", sw.Name()))
	}
}

// leased finds a leased flow of a table.
func (sw *modelSwitch) leased(t pipeline.Table) (openflow.FlowMod, bool) {
	for _, f := range sw.flows {
		if f.HardTimeout != 0 && pipeline.Table(f.TableID) == t {
			return f.FlowMod, true
		}
	}
	return openflow.FlowMod{}, false
}

// check fails unless every connected switch has exactly what is wanted, and
// what the core knows is in order.
func (w *world) check() {
	for _, sw := range w.switches {
		state := w.core.switches[sw.ID]
		if state == nil || state.state != connected || !sw.up || sw.session != state.session {
			continue
		}
		if len(state.out) != 0 {
			w.fail("%s: %d bytes wait for a switch that is connected", sw.Name(), len(state.out))
		}
		difference := sw.dump(w.now).Compare(w.core.wanted(state), state.base.Groups, state.base.Meters)
		for _, m := range slices.Concat(difference.Meters, difference.Bundle) {
			line := fmt.Sprint(m)
			if f, ok := m.(*openflow.FlowMod); ok {
				line = fmt.Sprintf("table %d: command %d %v", f.TableID, f.Command, f.Match)
			}
			w.fail("%s is not as wanted, it needs %s", sw.Name(), line)
		}
	}
	w.checkTable()
	w.checkHeld()
	w.checkContests()
}

// checkHeld fails unless every packet that was held is accounted for, once.
func (w *world) checkHeld() {
	n, waiting := &w.core.counters, uint64(0)
	waitingNow, _, bytes := w.core.holds.Counts()
	waiting = uint64(waitingNow)
	ended := n.resumed + n.heldDropped[0] + n.heldDropped[1] + n.heldExpired + n.heldRefused + n.heldUnanswered + n.heldLost
	if n.held != ended+waiting {
		w.fail("%d packets were held, %d wait, and %d went on or were given up", n.held, waiting, ended)
	}
	if bytes > resolve.DefaultHoldLimits().Bytes {
		w.fail("%d bytes are held", bytes)
	}
}

// checkResume fails unless the packet finds its next hop on the switch now. In the tests the next
// hop is the destination.
func (w *world) checkResume(sw *modelSwitch, m *openflow.Resume) {
	metadata, _, ok := m.Metadata.GetU64(openflow.Metadata)
	if !ok {
		w.fail("the resumed packet has lost its registers")
	}
	if m.Userdata[0] == byte(pipeline.ReasonRateLimit) {
		return
	}
	to := netip.AddrFrom4([4]byte(m.Packet[30:34]))
	if m.Packet[12] != 0x08 {
		to = netip.AddrFrom16([16]byte(m.Packet[38:54]))
	}
	found, _ := pipeline.BindingFlow(&binding.Binding{Key: binding.NewKey(pipeline.SegmentOf(metadata), to), State: binding.Reachable})
	if !sw.has(found) {
		w.fail("%s resumes a packet to %s, for which it has no binding", sw.Name(), to)
	}
}

func (w *world) checkTable() {
	c := w.core
	for s := range c.table.Stations {
		sw := c.switches[s.Switch]
		if sw == nil || !sw.member(s.Port, s.Network) {
			w.fail("%+v is where no attachment of its network is", *s)
		}
		if n, ok := c.intent.ByNumber(s.Network); ok && n.Age > 0 && len(c.table.BindingsOf(s)) == 0 && s.Idle == 0 {
			w.fail("nothing tells when the time of %+v has come, which has no address", *s)
		}
		if s.MAC.IsMulticast() || s.MAC.IsZero() || s.MAC == pipeline.MAC {
			w.fail("nobody can have the MAC of %+v", *s)
		}
	}
	for b := range c.table.Bindings {
		if !b.Origin.Configured() {
			w.checkClock(b)
		}
		if !resolve.CanBeHost(b.IP()) {
			w.fail("%v is learned", b.Key)
		}
		if _, ok := c.intent.ByNumber(b.Network); !ok {
			w.fail("%v is in no network", b.Key)
		}
	}
}

// checkClock fails unless something tells when a learned binding's time has come:
// its owner's flow on a switch, a question that waits for its turn, or a timer.
func (w *world) checkClock(b *binding.Binding) {
	c := w.core
	home := c.table.StationOf(b)
	_, unheard := c.alarms.Due(alarm{alarmUnheard, b.Key})
	_, release := c.alarms.Due(alarm{alarmRelease, b.Key})
	_, recalled := c.alarms.Due(alarm{alarmRecalled, b.Key})
	switch {
	case b.State == binding.Duplicate:
		if n, ok := c.intent.ByNumber(b.Network); ok && n.Duplicates.Hold > 0 && !release {
			w.fail("nobody releases the duplicate %v", b.Key)
		}
	case c.asks[b.Key] != nil, slices.Contains(c.toAsk.keys[c.toAsk.head:], b.Key), slices.Contains(c.toAskLast.keys[c.toAskLast.head:], b.Key), unheard, recalled:
	case home == nil:
		w.fail("%v is bound to %v, which is nowhere, and nobody asks", b.Key, b.MAC)
	case c.table.AgeLimit(b.Key) == 0 && !b.Unwatched:
	case b.Unwatched || b.Idle == 0:
		w.fail("nothing tells when the time of %+v has come", *b)
	}
	if b.Answered() && b.Tries > 3 {
		w.fail("%v was asked %d times", b.Key, b.Tries)
	}
}

// packetOut checks where a packet goes, and tells.
func (w *world) packetOut(sw *modelSwitch, m *openflow.PacketOut) {
	if w.routedOut(sw, m) || w.goesOn(sw, m) {
		return
	}
	if len(m.Actions) != 2 {
		w.fail("packet-out with the actions %v", m.Actions)
	}
	set, ok1 := m.Actions[0].(openflow.SetField)
	lookup, ok2 := m.Actions[1].(openflow.Resubmit)
	if !ok1 || !ok2 {
		w.fail("packet-out with the actions %v", m.Actions)
	}
	var value uint64
	for _, c := range set.Value {
		value = value<<8 | uint64(c)
	}
	switch pipeline.Table(lookup.Table) {
	case pipeline.Deliver:
		w.tell(fmt.Sprintf("%s sends to %s: %s", sw.Name(), w.portName(sw, binding.PortKey(value)), frameLine(m.Data)))
	case pipeline.Flood:
		segment, except := pipeline.SegmentOf(value), ""
		if m.InPort != openflow.PortController {
			except = " except " + sw.Ports[m.InPort].Name
		}
		w.tell(fmt.Sprintf("%s floods %s%s: %s", sw.Name(), w.segmentName(segment), except, frameLine(m.Data)))
	default:
		w.fail("packet-out to table %d", lookup.Table)
	}
}

// goesOn carries out a packet-out of a claim that goes its way.
func (w *world) goesOn(sw *modelSwitch, m *openflow.PacketOut) bool {
	if len(m.Actions) != 3 {
		return false
	}
	if r, ok := m.Actions[2].(openflow.Resubmit); !ok || pipeline.Table(r.Table) != pipeline.Answer {
		return false
	}
	w.tell(fmt.Sprintf("%s lets go on what came in at %s: %s", sw.Name(), sw.Ports[m.InPort].Name, frameLine(m.Data)))
	return true
}

func (w *world) segmentName(s binding.Segment) string {
	name := cmp.Or(w.core.names[s.Network], fmt.Sprint(s.Network))
	if s.VLAN != 0 {
		name += fmt.Sprintf(" vlan %d", s.VLAN)
	}
	return name
}

func (w *world) portName(sw *modelSwitch, key binding.PortKey) string {
	name := sw.Ports[pipeline.PortNumber(key)].Name
	if name == "" {
		name = fmt.Sprintf("port %d", key.Number())
	}
	if key.VLAN() != 0 {
		name += fmt.Sprintf("@%d", key.VLAN())
	}
	return name
}

// hostMAC is the address of host n.
func hostMAC(n byte) packet.MAC { return packet.MAC{0x02, 0, 0, 0, 0, n} }

// macName calls the MAC of host n hn.
func macName(mac packet.MAC) string {
	switch {
	case mac == hostMAC(mac[5]):
		return fmt.Sprintf("h%d", mac[5])
	case mac == pipeline.MAC:
		return "isat"
	case mac.IsBroadcast():
		return "all"
	}
	return mac.String()
}

// frameLine describes a frame.
func frameLine(frame []byte) string {
	var s resolve.Subject
	if err := s.Parse(frame); err != nil {
		if line, ok := ipLine(frame); ok {
			return line
		}
		return err.Error()
	}
	line := ""
	switch s.Kind {
	case resolve.ARPRequest:
		line = fmt.Sprintf("arp %s at %s asks for %s", netip.AddrFrom4(s.ARP.SPA), macName(s.ARP.SHA), netip.AddrFrom4(s.ARP.TPA))
	case resolve.ARPReply:
		line = fmt.Sprintf("arp %s is at %s", netip.AddrFrom4(s.ARP.SPA), macName(s.ARP.SHA))
	case resolve.Solicitation:
		line = fmt.Sprintf("ns %s asks for %s", netip.AddrFrom16(s.ND.Src), netip.AddrFrom16(s.ND.Target))
	case resolve.Advertisement:
		flags := ""
		for i, set := range []bool{s.ND.Router, s.ND.Solicited, s.ND.Override} {
			if set {
				flags += "RSO"[i : i+1]
			}
		}
		line = fmt.Sprintf("na %s is at %s, flags %s", netip.AddrFrom16(s.ND.Target), macName(s.ND.TLL), flags)
	default:
		line, _ = ipLine(frame)
		line = cmp.Or(line, fmt.Sprintf("type %#04x", s.Frame.EtherType))
	}
	if !s.Frame.Dst.IsMulticast() {
		line += ", to " + macName(s.Frame.Dst) + " alone"
	}
	if s.Frame.Tagged {
		line += fmt.Sprintf(", vlan %d", s.Frame.VLAN)
	}
	return line
}
