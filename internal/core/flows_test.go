package core

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

const shownIntent = `
kind: network
name: default
number: 1
bindings: [{ip: 10.0.0.7, mac: "02:00:00:00:00:07"}]
---
{kind: network, name: blue, number: 10, ports: [{switch: s1, port: p3}]}
---
kind: router
name: r1
interfaces:
  - {network: default, mac: "02:00:00:00:aa:01", addresses: [10.0.0.254/24]}
  - {network: blue, mac: "02:00:00:00:aa:02", addresses: [10.1.0.254/24, "2001:db8::1/64"], advertise: {interval: 9s}}
routes: [{prefix: 0.0.0.0/0, via: [10.0.0.1, 10.0.0.2]}]
---
{kind: policy, name: closed, table: guard, priority: 1, match: 'inport == "p1" && tcp', actions: drop;}`

// shownWorld has two switches with hosts on them.
func shownWorld(t *testing.T) *world {
	in, err := intent.Parse("shown.yaml", []byte(shownIntent))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(in, Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
	for id, name := range map[uint64]string{1: "s1", 2: "s2"} {
		sw := w.addSwitch(id, name)
		for n := range uint32(3) {
			sw.Ports[n+1] = fabric.Port{Number: n + 1, Name: "p" + string('1'+rune(n)), Up: true}
		}
		w.step(w.connect(sw))
	}
	learn := func(sw uint64, network uint32, port binding.PortKey, host byte) {
		mac := hostMAC(host)
		w.step(Punt{Switch: sw, Reason: pipeline.ReasonLearn, Segment: binding.Segment{Network: network}, Port: port,
			Frame: packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: [4]byte{10, 0, 0, host}, TPA: [4]byte{10, 0, 0, 99}})})
	}
	learn(1, 1, 1, 1)
	learn(1, 1, 2, 2)
	learn(1, 10, 3, 3)
	learn(2, 1, 1, 4)
	return w
}

// wantedFlows decodes what a switch should have.
func wantedFlows(c *Core, sw *switchState) iter.Seq[*openflow.FlowMod] {
	return func(yield func(*openflow.FlowMod) bool) {
		for b := range c.wanted(sw) {
			_, m, err := openflow.Decode(b)
			if err != nil {
				panic(err)
			}
			if !yield(m.(*openflow.FlowMod)) {
				return
			}
		}
	}
}

// What FlowsOf gives for everything that is known, with the base, is all that a
// switch should have; and for one host it is that host's.
func TestFlowsOfAreTheWantedOnes(t *testing.T) {
	w := shownWorld(t)
	c := w.core
	c.silenced[binding.NewKey(binding.Segment{Network: 1}, addr4(66))] = c.now + 5e9
	for id := range w.switches {
		sw := c.switches[id]
		want := make(map[openflow.FlowKey]bool)
		for f := range wantedFlows(c, sw) {
			want[f.Key()] = true
		}
		all := trace.Values{Segments: []binding.Segment{{Network: 1}, {Network: 10}}}
		for b := range c.table.Bindings {
			all.Addresses = append(all.Addresses, b.IP())
		}
		for s := range c.table.Stations {
			all.MACs = append(all.MACs, s.MAC)
		}
		p, ok := c.Picture(id)
		if !ok || p.Session != sw.session || len(p.Ports) != 4 {
			t.Fatalf("picture %+v", p)
		}
		got := make(map[openflow.FlowKey]bool)
		for _, f := range slices.Concat(p.Base.Flows, c.FlowsOf(id, all)) {
			got[f.Key()] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("switch %d: %d flows, want %d", id, len(got), len(want))
		}
	}
	one := trace.Values{Segments: []binding.Segment{{Network: 1}}, MACs: []packet.MAC{hostMAC(1)}}
	one.Addresses = append(one.Addresses, addr4(2), addr4(66))
	var tables []pipeline.Table
	for _, f := range c.FlowsOf(1, one) {
		tables = append(tables, pipeline.Table(f.TableID))
	}
	slices.Sort(tables)
	if want := []pipeline.Table{pipeline.L2, pipeline.Request, pipeline.Bindings, pipeline.Owners, pipeline.Stations}; !slices.Equal(tables, want) {
		t.Errorf("flows of one host are in %v, want %v", tables, want)
	}
	if flows := c.FlowsOf(3, one); flows != nil {
		t.Errorf("a switch that is unknown has flows: %v", flows)
	}
	if _, ok := c.Picture(3); ok {
		t.Error("a switch that is unknown has a picture")
	}
}

// A picture stays as it is when the world goes on, and says who is away.
func TestPictureDoesNotChange(t *testing.T) {
	w := shownWorld(t)
	before, _ := w.core.Picture(1)
	flows := len(before.Base.Flows)
	sw := w.switches[1]
	w.step(PortChanged{Switch: 1, Port: sw.Ports[1], Gone: true}, w.disconnect(sw))
	if len(before.Ports) != 4 || len(before.Base.Flows) != flows || len(before.Catalogue().Logical) == 0 {
		t.Error("the picture changed")
	}
	if after, ok := w.core.Picture(1); !ok || after.Session != 0 || len(after.Ports) != 3 {
		t.Errorf("a switch that is away: %+v", after)
	}
}

func TestRoutersAndPolicies(t *testing.T) {
	c := shownWorld(t).core
	routers := c.Routers()
	if len(routers) != 1 {
		t.Fatalf("%d routers", len(routers))
	}
	routers[0].Number = 0 // follows from the name
	want := view.Router{Name: "r1", Interfaces: []view.Interface{
		{Network: "default", MAC: "02:00:00:00:aa:01", Addresses: []string{"10.0.0.254/24"}},
		{Network: "blue", MAC: "02:00:00:00:aa:02", Addresses: []string{"10.1.0.254/24", "2001:db8::1/64"}, LinkLocal: "fe80::ff:fe00:aa02", Advertise: true},
	}, Routes: []view.Route{{Prefix: "0.0.0.0/0", NextHops: []string{"10.0.0.1@default", "10.0.0.2@default"}}}}
	if diff := cmp.Diff(want, routers[0]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]view.Policy{{Name: "closed", Table: "guard", Priority: 1, Match: `inport == "p1" && tcp`, Actions: "drop;"}}, c.Policies()); diff != "" {
		t.Error(diff)
	}
}

func addr4(host byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, host}) }
