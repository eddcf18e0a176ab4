package core

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/resolve"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
	_ "github.com/isat-sdn/isat/test/seed"
	"pgregory.net/rapid"
)

// The intents between which the properties change. Hosts have the addresses
// 10.0.0.1 to 10.0.0.6.
var intentTexts = []string{
	"",
	`
{kind: network, name: blue, number: 10, ports: [{switch: s1, port: p2}, {switch: s2, port: p1, vlan: 100}]}`,
	`
{kind: network, name: blue, number: 10, unknown: flood, ports: [{switch: s1, port: p1}, {switch: s1, port: p3, vlan: 100}]}
---
{kind: network, name: red, number: 20, ports: [{switch: s2, port: 2}, {switch: s1, port: p3, vlan: 200}]}`,
	`
kind: network
name: default
number: 1
subnets: [{prefix: 10.0.0.0/24, gateway: 10.0.0.6, gatewayMAC: "02:00:00:00:00:06"}]
bindings: [{ip: 10.0.0.1, macs: ["02:00:00:00:00:01", "02:00:00:00:00:02"]}, {ip: 10.0.0.3, mac: "02:00:00:00:00:03"}]`,
	`
kind: network
name: default
number: 1
bindings: [{ip: 10.0.0.3, mac: "02:00:00:00:00:04"}]
---
{kind: network, name: red, number: 20, unknown: drop, ports: [{switch: s1, port: p1}, {switch: s1, port: p2}, {switch: s2, port: p2}]}`,
	`
{kind: network, name: default, number: 1, age: 3s, duplicates: {moves: 2, within: 10s, hold: 4s}}`,
	`
kind: network
name: default
number: 1
age: 20s
ages: [{prefix: 10.0.0.2/32, age: 0}, {prefix: 10.0.0.4/31, age: 4s}]
duplicates: {moves: 3, within: 60s, hold: 0}
subnets: [{prefix: 10.0.0.0/24, gateway: 10.0.0.6, gatewayMAC: "02:00:00:00:00:06"}]
ports: [{switch: s1, port: p2, security: off}]`,
}

// routedTexts are intents with routers. Their networks have the hosts' addresses, too.
var routedTexts = []string{
	`
{kind: network, name: blue, number: 10, ports: [{switch: s1, port: p2}, {switch: s2, port: p1, vlan: 100, role: uplink}]}
---
kind: router
name: r1
interfaces:
  - {network: default, addresses: [10.0.0.254/24, "2001:db8::fe/64"], advertise: {interval: 4s}}
  - {network: blue, addresses: [10.1.0.254/24]}
routes: [{prefix: 0.0.0.0/0, via: [10.0.0.1, 10.0.0.2]}]`,
	`
{kind: network, name: blue, number: 10, ports: [{switch: s1, port: p2, role: uplink}]}
---
{kind: router, name: r1, interfaces: [{network: default, addresses: ["2001:db8::fe/64"], advertise: {interval: 9s}}]}
---
{kind: router, name: r2, interfaces: [{network: blue, addresses: [10.0.0.254/24, "2001:db8::fe/64"]}, {network: default, addresses: [10.0.1.253/25]}]}
---
{kind: policy, name: closed, table: guard, priority: 1, match: 'inport == "p1" && tcp', actions: drop;}`,
}

func intents(fail func(string, ...any)) []*intent.Intent {
	var out []*intent.Intent
	for i, text := range slices.Concat(intentTexts, routedTexts) {
		in, err := intent.Parse(fmt.Sprintf("intent %d", i), []byte(text))
		if err != nil {
			fail("%v", err)
			return nil
		}
		out = append(out, in)
	}
	return out
}

// randomWorld draws events.
type randomWorld struct {
	*world
	t       *rapid.T
	intents []*intent.Intent
	queue   []Event // events that are given to the core in one step
}

func (r *randomWorld) someSwitch() *modelSwitch {
	return r.switches[rapid.Uint64Range(1, 2).Draw(r.t, "switch")]
}

func (r *randomWorld) event(sw *modelSwitch, e Event) {
	r.queue = append(r.queue, e)
	if rapid.IntRange(0, 2).Draw(r.t, "together") == 0 {
		return
	}
	r.flush()
}

func (r *randomWorld) flush() {
	events := r.queue
	r.queue = nil
	r.step(events...)
	r.check()
}

func (r *randomWorld) up() {
	sw := r.someSwitch()
	if sw.up {
		r.event(sw, r.disconnect(sw))
	}
	switch rapid.IntRange(0, 6).Draw(r.t, "memory") {
	case 0:
		sw.reset()
	case 1, 2: // the switch remembers what the core does not
		for range rapid.IntRange(1, 4).Draw(r.t, "hosts") {
			r.remember(sw)
		}
	case 3: // somebody else was here
		for _, f := range slices.Collect(maps.Values(sw.flows)) {
			switch rapid.IntRange(0, 9).Draw(r.t, "flow") {
			case 0:
				delete(sw.flows, f.Key())
			case 1:
				f.Cookie++
				sw.flows[f.Key()] = f
			case 2:
				f.TableID++
				sw.flows[f.Key()] = f
			}
		}
	}
	r.event(sw, r.connect(sw))
}

// remember puts the flows of a host on a switch behind the core's back, as if
// another controller had been there.
func (r *randomWorld) remember(sw *modelSwitch) {
	host := rapid.ByteRange(1, 6).Draw(r.t, "host")
	segment := binding.Segment{Network: rapid.SampledFrom([]uint32{1, 1, 10}).Draw(r.t, "network")}
	station := binding.StationKey{Switch: sw.ID, Segment: segment, MAC: hostMAC(host)}
	port := binding.PortKey(rapid.Uint32Range(1, 4).Draw(r.t, "port"))
	b := &binding.Binding{
		Key: binding.NewKey(segment, netip.AddrFrom4([4]byte{10, 0, 0, host})), MAC: station.MAC, State: binding.Reachable,
		Origin: rapid.SampledFrom([]binding.Origin{binding.ARP, binding.ND, binding.Static}).Draw(r.t, "origin"),
	}
	flows := pipeline.StationFlows(station, port, 0)
	owner, _ := pipeline.OwnerFlow(b)
	known, _ := pipeline.BindingFlow(b)
	for _, f := range []openflow.FlowMod{flows[0], flows[1], owner, known} {
		sw.flows[f.Key()] = modelFlow{f, r.now, r.now, 0}
	}
}

func (r *randomWorld) port() {
	sw := r.someSwitch()
	number := rapid.Uint32Range(1, 4).Draw(r.t, "port")
	p, ok := sw.Ports[number]
	gone := ok && rapid.Bool().Draw(r.t, "gone")
	if !ok {
		p = fabric.Port{Number: number}
	}
	if !gone {
		p.Name = fmt.Sprintf("p%d", rapid.IntRange(1, 4).Draw(r.t, "name"))
		p.Up = rapid.Bool().Draw(r.t, "link")
		sw.Ports[number] = p
	} else {
		delete(sw.Ports, number)
	}
	if sw.up {
		r.event(sw, PortChanged{Switch: sw.ID, Port: p, Gone: gone})
	}
}

// frame draws a frame of a host, or one that is none.
func (r *randomWorld) frame() []byte {
	host := rapid.ByteRange(1, 6)
	mac := hostMAC(host.Draw(r.t, "mac"))
	from, to := netip.AddrFrom4([4]byte{10, 0, 0, host.Draw(r.t, "from")}), netip.AddrFrom4([4]byte{10, 0, 0, host.Draw(r.t, "to")})
	from6, to6 := six(from), six(to)
	group := packet.SolicitedNode(to6)
	switch rapid.IntRange(0, 9).Draw(r.t, "kind") {
	case 0:
		return packet.AppendARP(nil, hostMAC(1), mac, false, 0, &packet.ARP{Op: 2, SHA: mac, SPA: from.As4(), THA: hostMAC(1), TPA: to.As4()})
	case 1:
		return packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, TPA: to.As4()})
	case 2:
		return packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, from6, group, to6, &mac, nil)
	case 3:
		return packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, [16]byte{}, group, to6, nil, []byte("nonce!"))
	case 4, 5:
		return packet.AppendNA(nil, hostMAC(1), mac, false, 0, from6, to6, from6, mac,
			rapid.Bool().Draw(r.t, "router"), true, rapid.Bool().Draw(r.t, "override"))
	case 6:
		return packet.AppendNA(nil, hostMAC(1), mac, false, 0, from6, packet.AllNodes(), from6, mac, false, false, false)
	case 7:
		return rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(r.t, "bytes")
	}
	return packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: from.As4(), TPA: to.As4()})
}

func six(four netip.Addr) [16]byte {
	a := netip.MustParseAddr("2001:db8::").As16()
	a[15] = four.As4()[3]
	return a
}

func (r *randomWorld) punt() {
	sw := r.someSwitch()
	key := binding.NewPortKey(rapid.Uint32Range(0, 4).Draw(r.t, "port"), rapid.SampledFrom([]uint16{0, 0, 0, 100, 200}).Draw(r.t, "trunk"))
	network := rapid.SampledFrom([]uint32{0, 1, 1, 10, 20}).Draw(r.t, "network")
	if state := r.core.switches[sw.ID]; state != nil && rapid.IntRange(0, 5).Draw(r.t, "stray") != 0 {
		network = state.networks[key]
	}
	segment := binding.Segment{Network: network, VLAN: rapid.SampledFrom([]uint16{0, 0, 0, 7}).Draw(r.t, "vlan")}
	r.event(sw, Punt{
		Switch: sw.ID, Reason: rapid.SampledFrom(pipeline.Reasons()).Draw(r.t, "reason"), Segment: segment, Port: key, Frame: r.frame(),
		Known: pipeline.Known{Station: rapid.Bool().Draw(r.t, "station known"), Address: rapid.Bool().Draw(r.t, "address known")},
	})
}

func (r *randomWorld) wire() {
	sw := r.someSwitch()
	if port := rapid.Uint32Range(1, 4).Draw(r.t, "port"); sw.up && sw.Ports[port].Number != 0 {
		r.flush()
		r.receive(sw, port, r.frame())
		r.check()
	}
}

func (r *randomWorld) question() {
	ip := netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 6).Draw(r.t, "host")})
	if rapid.Bool().Draw(r.t, "six") {
		ip = netip.AddrFrom16(six(ip))
	}
	key := binding.NewKey(binding.Segment{Network: rapid.SampledFrom([]uint32{1, 10, 99}).Draw(r.t, "network")}, ip)
	r.queue = append(r.queue, Question{ID: r.sessions, Key: key, Unicast: rapid.Bool().Draw(r.t, "unicast")})
	r.core.Explain(r.now, key)
}

// paused is a packet that waits for its next hop, or for a rate limit. The router may be one that is
// gone.
func (r *randomWorld) paused() {
	sw := r.someSwitch()
	host, to := rapid.ByteRange(1, 6), netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 6).Draw(r.t, "to")})
	from := netip.AddrFrom4([4]byte{10, 9, 0, host.Draw(r.t, "from")})
	if rapid.Bool().Draw(r.t, "six") {
		to, from = netip.AddrFrom16(six(to)), netip.AddrFrom16(six(from))
	}
	waiting := pipeline.Waiting{
		Key:    binding.NewKey(binding.Segment{Network: rapid.SampledFrom([]uint32{1, 1, 10}).Draw(r.t, "network")}, to),
		From:   rapid.SampledFrom([]uint32{1, 10, 0}).Draw(r.t, "from network"),
		Router: 9,
	}
	if routers := r.core.intent.Routers; len(routers) > 0 {
		waiting.Router = rapid.SampledFrom(routers).Draw(r.t, "router").Number
	}
	for range rapid.IntRange(1, 3).Draw(r.t, "packets") {
		reason := rapid.SampledFrom([]pipeline.Reason{pipeline.ReasonHold, pipeline.ReasonHold, pipeline.ReasonRateLimit}).Draw(r.t, "why")
		r.event(sw, pausedEvent(sw, binding.NewPortKey(1, 0), waiting, reason, ipFrame(hostMAC(1), hostMAC(2), from, to, 1)))
	}
}

// composed is a packet of which another is to be made.
func (r *randomWorld) composed() {
	sw := r.someSwitch()
	r.event(sw, Composed{Switch: sw.ID, InPort: 1, Frame: r.frame(), Make: pipeline.Composition{
		Op: logical.Op(rapid.ByteRange(0, 15).Draw(r.t, "op")), Actions: pipeline.FloodActions(nil, binding.Segment{Network: 1})}})
}

// contest has one host claim what another one has, and time pass for the owner.
func (r *randomWorld) contest() {
	sw := r.someSwitch()
	if !sw.up {
		return
	}
	ip := netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 3).Draw(r.t, "ip")})
	for range rapid.IntRange(2, 4).Draw(r.t, "claims") {
		host := rapid.Uint32Range(1, 3).Draw(r.t, "host")
		mac := hostMAC(byte(host))
		if sw.Ports[host].Number == 0 {
			continue
		}
		r.flush()
		r.receive(sw, host, packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: ip.As4(), TPA: ip.As4()}))
		r.check()
		r.sleep(time.Duration(rapid.SampledFrom([]int64{0, 100e6, 400e6, 1200e6}).Draw(r.t, "pause")))
		r.check()
	}
}

// traffic hits the flows of some owners, and tells the core nothing.
func (r *randomWorld) traffic() {
	sw := r.someSwitch()
	host := hostMAC(rapid.ByteRange(1, 6).Draw(r.t, "host"))
	for key, f := range sw.flows {
		m := &openflow.FlowRemoved{Cookie: f.Cookie, TableID: f.TableID, Match: f.Match, Reason: openflow.RemovedIdleTimeout}
		if _, mac, ok := pipeline.QuietOwner(m); ok && mac == host {
			f.hit, f.hits = r.now, f.hits+1
			sw.flows[key] = f
		}
	}
}

// operate is what an operator does by hand.
func (r *randomWorld) operate() {
	r.flush()
	scope := Scope{}
	if rapid.Bool().Draw(r.t, "one") {
		scope.IP = netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 6).Draw(r.t, "ip")})
	}
	if rapid.Bool().Draw(r.t, "clear") {
		r.core.ClearDuplicates(r.now, scope)
	} else {
		r.core.Flush(r.now, scope)
	}
	r.flush()
}

// lease is what a DHCP server gives, or takes back.
func (r *randomWorld) lease() {
	r.flush()
	sw := r.someSwitch()
	if r.core.switches[sw.ID] == nil {
		return
	}
	key := binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom4([4]byte{10, 0, 0, rapid.ByteRange(1, 6).Draw(r.t, "ip")}))
	if rapid.IntRange(0, 3).Draw(r.t, "back") == 0 {
		r.core.endLease(removedReleased, key)
	} else {
		at := place{Switch: sw.ID, Port: binding.PortKey(rapid.Uint32Range(1, 4).Draw(r.t, "port"))}
		span := rapid.SampledFrom([]int64{1e9, 5e9, 60e9, int64(1<<32-1) * 1e9}).Draw(r.t, "span")
		r.core.lease(leaseGiven{binding.Evidence{Key: key, MAC: hostMAC(rapid.ByteRange(1, 6).Draw(r.t, "mac")), Switch: sw.ID}, at, span})
	}
	r.flush()
}

// actions are what can happen.
func (r *randomWorld) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"up": func(*rapid.T) { r.up() },
		"down": func(*rapid.T) {
			if sw := r.someSwitch(); sw.up {
				r.event(sw, r.disconnect(sw))
			}
		},
		"port":     func(*rapid.T) { r.port() },
		"punt":     func(*rapid.T) { r.punt() },
		"punts":    func(*rapid.T) { r.punt(); r.punt(); r.punt() },
		"wire":     func(*rapid.T) { r.wire() },
		"wires":    func(*rapid.T) { r.wire(); r.wire() },
		"paused":   func(*rapid.T) { r.paused() },
		"composed": func(*rapid.T) { r.composed() },
		"question": func(*rapid.T) { r.question() },
		"contest":  func(*rapid.T) { r.contest() },
		"traffic":  func(*rapid.T) { r.traffic() },
		"operate":  func(*rapid.T) { r.operate() },
		"lease":    func(*rapid.T) { r.lease() },
		"intent": func(*rapid.T) {
			r.queue = append(r.queue, NewIntent{rapid.SampledFrom(r.intents).Draw(r.t, "intent")})
		},
		"error": func(*rapid.T) {
			r.queue = append(r.queue, SwitchError{Switch: rapid.Uint64Range(1, 3).Draw(r.t, "switch"), Text: "no"})
		},
		"hold": func(t *rapid.T) { r.hold = rapid.Bool().Draw(t, "hold") },
		"sync": func(t *rapid.T) {
			if len(r.held) == 0 {
				return
			}
			s := r.held[0]
			refusal := rapid.SampledFrom([]string{"", "", "no"}).Draw(t, "refusal")
			r.sync(refusal)
			if sw := r.switches[s.Switch]; refusal != "" && sw.up && sw.session == s.Session {
				r.event(sw, r.disconnect(sw)) // the session is closed
			}
			r.check()
		},
		"time": func(t *rapid.T) {
			r.flush()
			r.sleep(time.Duration(rapid.Int64Range(0, 8e9).Draw(t, "time")))
			r.check()
		},
	}
}

// newRandomWorld makes a world with two switches of three ports.
func newRandomWorld(t *rapid.T) *randomWorld {
	config := Config{
		Table:  binding.Config{},
		Search: resolve.Limits{UnresolvedPerPort: 2, ParkedPerTarget: 2, MaxProbers: 3},
		Grace:  10 * time.Second,
	}
	config.Table.Seed = testSeed
	r := &randomWorld{t: t, intents: intents(t.Fatalf)}
	r.world = newWorld(r.intents[0], config, t.Fatalf)
	for id := range uint64(2) {
		sw := r.addSwitch(id+1, fmt.Sprintf("s%d", id+1))
		for port := range uint32(3) {
			sw.Ports[port+1] = fabric.Port{Number: port + 1, Name: fmt.Sprintf("p%d", port+1), Up: true}
		}
	}
	r.core.Watch(rapid.Bool().Draw(t, "watched"))
	return r
}

// Whatever happens in whatever order: what the core sends, one difference
// after the other, leaves every connected switch with exactly the flows and
// groups that it would be given if it were filled anew.
func TestDifferencesAddUpToWhatIsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRandomWorld(t)
		for _, sw := range r.switches {
			r.event(sw, r.connect(sw))
		}
		t.Repeat(r.actions())
		r.flush()
		r.hold = false
		for len(r.held) > 0 {
			r.sync("")
		}
		r.check()
		r.shows()
	})
}

// shows looks at everything that the core shows.
func (r *randomWorld) shows() {
	c := r.core
	n := c.table.Len()
	status := c.Status()
	if len(c.Bindings(Choice{})) != n.Bindings || len(c.Stations(Choice{})) != n.Stations || status.Bindings != n.Bindings || status.Stations != n.Stations {
		r.fail("shows %d bindings and %d stations, status %+v, has %+v", len(c.Bindings(Choice{})), len(c.Stations(Choice{})), status, n)
	}
	for _, v := range c.Switches() {
		id, err := strconv.ParseUint(v.ID, 16, 64)
		if err != nil {
			r.fail("shows %q for a datapath id", v.ID)
		}
		flows := 0
		for range c.wanted(c.switches[id]) {
			flows++
		}
		if v.Flows != flows {
			r.fail("shows %d flows of switch %s, wants %d", v.Flows, v.ID, flows)
		}
	}
	bindings, stations := 0, 0
	for _, p := range c.Ports() {
		stations += p.Stations
		if p.State == "absent" && p.Number != 0 && p.Name != "" {
			r.fail("absent port %+v", p)
		}
	}
	for _, network := range c.Networks() {
		bindings += network.Bindings
	}
	if stations != n.Stations || bindings != n.Bindings {
		r.fail("ports show %d stations and networks %d bindings, there are %+v", stations, bindings, n)
	}
	if len(c.Switches()) != len(c.switches) {
		r.fail("shows %d switches, has %d", len(c.Switches()), len(c.switches))
	}
}

// allAsked counts the stations of a switch all of whose owners are being asked, or
// the operator's. No switch remembers the first, and the others may be at home on
// another one, so that the station may have an idle time afterwards.
func (c *Core) allAsked(on uint64) (n int) {
	for s := range c.table.Stations {
		watched := func(b *binding.Binding) bool { return !b.Unwatched && !b.Origin.Configured() }
		if s.Switch == on && s.Idle == 0 && len(c.table.BindingsOf(s)) > 0 && !slices.ContainsFunc(c.table.BindingsOf(s), watched) {
			n++
		}
	}
	return n
}

// A controller that starts anew in an unchanged world changes no flow, and
// knows all that can be read from the flows.
func TestRestartChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRandomWorld(t)
		// What is read back may be more than a small table holds.
		r.world.core = New(Config{Table: binding.Config{Seed: testSeed}, Grace: 10 * time.Second}, r.intents[0])
		for _, sw := range r.switches {
			r.event(sw, r.connect(sw))
		}
		actions := r.actions()
		delete(actions, "lease") // no switch remembers how long it is
		t.Repeat(actions)
		r.flush()
		r.hold = false
		for len(r.held) > 0 {
			r.sync("")
		}
		before := r.core
		if slices.ContainsFunc(slices.Collect(maps.Values(before.switches)), func(sw *switchState) bool { return sw.state != connected }) ||
			len(before.switches) < len(r.switches) {
			t.Skip("a switch is away")
		}
		config := before.config
		config.Start = r.now
		r.world.core = New(config, before.intent)
		for _, id := range []uint64{1, 2} {
			sw := r.switches[id]
			effects := r.core.Step(r.now, r.connect(sw))
			changes := 0
			for _, s := range effects.Sync {
				changes += len(s.Meters) + len(s.Bundle)
			}
			if asked := before.allAsked(id); changes > asked {
				t.Fatalf("switch %d: %d changes after a restart, want %d", id, changes, asked)
			}
			r.carryOut(&effects)
		}
		r.check()
		for b := range before.table.Bindings {
			if b.Unwatched {
				continue // its owner is being asked, or it is a duplicate: no switch remembers the owner
			}
			now := r.core.table.Lookup(b.Key)
			state := b.State
			if b.Answered() {
				state = binding.Reachable
			}
			if now == nil || now.MAC != b.MAC || now.State != state || now.Origin != b.Origin || now.Router != b.Router {
				t.Fatalf("%+v became %+v", b, now)
			}
			if s := before.table.StationOf(b); s != nil && r.core.table.StationOf(now) == nil {
				t.Fatalf("%+v was at %+v", b, s.Location())
			}
		}
		for s := range before.table.Stations {
			if now := r.core.table.Station(s.StationKey); now == nil || now.Port != s.Port {
				t.Fatalf("station %+v became %+v", s, now)
			}
		}
	})
}
