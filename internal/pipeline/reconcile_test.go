package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

func dump(c *ovstest.Session) pipeline.Dump {
	return pipeline.Dump{Flows: c.FlowDump(), Groups: c.Groups(), Meters: c.Meters()}
}

// carryOut sends a difference as a session does.
func carryOut(c *ovstest.Session, d pipeline.Difference) {
	c.Send(slices.Concat(d.Meters, d.Unmeter)...)
	c.Barrier()
	c.Bundle(d.Bundle)
}

// renew does what a controller does all the time, so that leased flows are there however long a test
// takes.
func renew(c *ovstest.Session) {
	for _, f := range pipeline.Leased() {
		c.Send(&f)
	}
	c.Barrier()
}

func forEachWorld(t *testing.T, test func(*testing.T, ovstest.World)) {
	for _, w := range ovstest.Worlds() {
		t.Run(w.Name, func(t *testing.T) { test(t, w) })
	}
}

// TestNoDifference is why a restarted controller disturbs nothing: what was sent to a switch and
// what it says that it has are the same.
func TestNoDifference(t *testing.T) {
	forEachWorld(t, func(t *testing.T, w ovstest.World) {
		c := ovstest.Start(t, w.Ports).Connect()
		flows, base := w.Flows(t), w.Base(t)
		first := dump(c).Compare(pipeline.Encoded(flows), base.Groups, base.Meters)
		if first.Added != len(flows) || first.Kept+first.Changed+first.Removed != 0 {
			t.Errorf("an empty switch: %d added of %d, %d kept, %d changed, %d removed",
				first.Added, len(flows), first.Kept, first.Changed, first.Removed)
		}
		carryOut(c, first)
		have := dump(c)
		again := have.Compare(pipeline.Encoded(flows), base.Groups, base.Meters)
		if !again.Empty() || again.Kept != len(flows) {
			t.Errorf("kept %d of %d, %d meters and groups", again.Kept, len(flows), again.MeterChanges+again.GroupChanges)
			explain(t, have, again)
		}
	})
}

func explain(t *testing.T, have pipeline.Dump, d pipeline.Difference) {
	t.Helper()
	for _, m := range append(d.Meters, d.Bundle...) {
		f, ok := m.(*openflow.FlowMod)
		if !ok {
			t.Errorf("difference: %#v", m)
			continue
		}
		t.Errorf("wanted: table %d priority %d %s %+v", f.TableID, f.Priority, f.Match, f.Instructions)
		for g := range have.Flows.All() {
			if g.Key() == f.Key() {
				stats, err := g.Stats()
				t.Errorf("found:  %+v, %v", stats, err)
			}
		}
	}
}

// TestDifferenceIsExact disturbs a switch behind the controller's back: what is sent then is what
// was disturbed, and nothing else.
func TestDifferenceIsExact(t *testing.T) {
	w := ovstest.Worlds()[1]
	s := ovstest.Start(t, w.Ports)
	c := s.Connect()
	w.Load(t, c)
	flows, base := w.Flows(t), w.Base(t)
	tests := []struct {
		name                       string
		command                    string
		args                       []string
		added, changed, removed    int
		groupChanges, meterChanges int
	}{
		{name: "nothing"},
		{name: "a foreign flow", command: "add-flow", args: []string{"table=9,priority=7,ip,nw_src=10.0.0.0/8,actions=drop"}, removed: 1},
		{name: "other actions", command: "--strict mod-flows", args: []string{"table=18,priority=10,metadata=0x64/0xffffff,actions=drop"}, changed: 1},
		{name: "a flow is gone", command: "--strict del-flows", args: []string{"table=10,priority=0"}, added: 1},
		{name: "a table is gone", command: "del-flows", args: []string{"table=23"}, added: 64},
		{name: "another cookie", command: "add-flow", args: []string{"cookie=0x1,table=21,priority=0,actions=drop"}, removed: 1},
		{name: "a foreign group", command: "add-group", args: []string{"group_id=9,type=all,bucket=output:1"}, groupChanges: 1},
		{name: "other buckets", command: "mod-group", args: []string{"group_id=100,type=all,bucket=output:1"}, groupChanges: 1},
		{name: "another rate", command: "mod-meter", args: []string{"meter=1,pktps,burst,band=type=drop,rate=1,burst_size=1"}, meterChanges: 1},
		{name: "a meter is gone", command: "del-meter", args: []string{"meter=4"}, meterChanges: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			renew(c)
			if test.command != "" {
				s.OFCtl(test.command, test.args...)
			}
			d := dump(c).Compare(pipeline.Encoded(flows), base.Groups, base.Meters)
			if d.Added != test.added || d.Changed != test.changed || d.Removed != test.removed ||
				d.GroupChanges != test.groupChanges || d.MeterChanges != test.meterChanges {
				t.Errorf("added %d, changed %d, removed %d, groups %d, meters %d; want %d, %d, %d, %d, %d",
					d.Added, d.Changed, d.Removed, d.GroupChanges, d.MeterChanges,
					test.added, test.changed, test.removed, test.groupChanges, test.meterChanges)
			}
			if want := test.added + test.changed + test.removed + test.groupChanges; len(d.Bundle) != want {
				t.Errorf("%d messages in the bundle, want %d", len(d.Bundle), want)
			}
			carryOut(c, d)
			if d := dump(c).Compare(pipeline.Encoded(flows), base.Groups, base.Meters); !d.Empty() {
				t.Errorf("still different: %d messages", len(d.Bundle)+len(d.Meters))
			}
		})
	}
}

// TestAnyStateToAnyOther takes one switch through states drawn at random: after the difference is
// carried out there is none, and the switch's flows tell who lives where.
func TestAnyStateToAnyOther(t *testing.T) {
	c := ovstest.Start(t, 5).Connect()
	rapid.Check(t, func(r *rapid.T) {
		want := drawState(r)
		flows := want.flows()
		renew(c)
		carryOut(c, dump(c).Compare(pipeline.Encoded(flows), want.base.Groups, want.base.Meters))
		have := dump(c)
		if d := have.Compare(pipeline.Encoded(flows), want.base.Groups, want.base.Meters); !d.Empty() {
			explain(t, have, d)
			r.Fatalf("still different: %d added, %d changed, %d removed, %d groups, %d meters",
				d.Added, d.Changed, d.Removed, d.GroupChanges, d.MeterChanges)
		}
		memory := pipeline.Remember(have.Flows)
		for i := range memory.Stations {
			memory.Stations[i].Age = 0
		}
		for i := range memory.Bindings {
			memory.Bindings[i].Age = 0
		}
		if diff := cmp.Diff(want.stations, memory.Stations, sorted, cmpopts.EquateEmpty()); diff != "" {
			r.Errorf("stations: %s", diff)
		}
		if diff := cmp.Diff(want.remembered(), memory.Bindings, sorted, cmpopts.EquateEmpty()); diff != "" {
			r.Errorf("bindings: %s", diff)
		}
	})
}

// sorted compares lists whatever their order.
var sorted = cmpopts.SortSlices(func(a, b any) bool { return fmt.Sprint(a) < fmt.Sprint(b) })

// TestBaseChange changes the base of a connected switch, in an order that the switch takes.
func TestBaseChange(t *testing.T) {
	c := ovstest.Start(t, 5).Connect()
	var from pipeline.Base
	rapid.Check(t, func(r *rapid.T) {
		to := drawState(r).base
		changes := pipeline.BaseChange(from, to)
		// Meters come first and go last, and are no part of the bundle.
		isMeter := func(m openflow.Message) bool { return m.Type() == openflow.TypeMeterMod }
		bundle := slices.DeleteFunc(slices.Clone(changes), isMeter)
		for _, m := range changes {
			if isMeter(m) {
				c.Send(m)
			} else if m == bundle[0] {
				c.Bundle(bundle)
			}
		}
		from = to
		renew(c)
		have := dump(c)
		if d := have.Compare(pipeline.Encoded(to.Flows), to.Groups, to.Meters); !d.Empty() {
			explain(t, have, d)
			r.Fatalf("still different")
		}
		if again := pipeline.BaseChange(to, to); len(again) != 0 {
			r.Fatalf("the same base: %d changes", len(again))
		}
	})
}

// TestLease checks that punt flows that replace flooding expire by themselves, and that renewing
// them makes no difference.
func TestLease(t *testing.T) {
	w := ovstest.Worlds()[0]
	c := ovstest.Start(t, w.Ports).Connect()
	w.Load(t, c)
	leased := pipeline.Leased()
	if len(leased) == 0 {
		t.Fatal("no leased flows")
	}
	for i := range leased {
		c.Send(&leased[i])
	}
	c.Barrier()
	timeouts := make(map[openflow.FlowKey]uint16)
	for _, f := range c.Flows() {
		timeouts[f.Key()] = f.HardTimeout
	}
	for _, f := range leased {
		if got := timeouts[f.Key()]; got != pipeline.LeaseSeconds {
			t.Errorf("table %d %s: hard timeout %d s, want %d", f.TableID, f.Match, got, pipeline.LeaseSeconds)
		}
		delete(timeouts, f.Key())
	}
	for key, timeout := range timeouts {
		if timeout != 0 {
			t.Errorf("table %d %s: hard timeout %d s, and is not renewed", key.TableID, key.Match, timeout)
		}
	}
	base := w.Base(t)
	if d := dump(c).Compare(pipeline.Encoded(w.Flows(t)), base.Groups, base.Meters); !d.Empty() {
		t.Errorf("renewing makes a difference: %d changed, %d added", d.Changed, d.Added)
	}
}

// TestDelete takes away each flow of a world and nothing else.
func TestDelete(t *testing.T) {
	w := ovstest.Worlds()[1]
	c := ovstest.Start(t, w.Ports).Connect()
	w.Load(t, c)
	base := w.Base(t)
	flows := w.Flows(t)
	for len(flows) > 0 {
		n := min(len(flows), 40) // a dump per flow would take long
		for _, f := range flows[:n] {
			f = pipeline.Delete(f)
			c.Send(&f)
		}
		flows = flows[n:]
		c.Barrier()
		if d := dump(c).Compare(pipeline.Encoded(flows), base.Groups, base.Meters); !d.Empty() || d.Kept != len(flows) {
			t.Fatalf("%d flows left, want %d", d.Kept, len(flows))
		}
	}
}

// TestPacketOut sends packets of the controller: to one attachment, and to all of a network.
func TestPacketOut(t *testing.T) {
	w := ovstest.Worlds()[1]
	s := ovstest.Start(t, w.Ports)
	c := s.Connect()
	w.Load(t, c)
	wire := s.Wire(c)
	plain := packet.AppendARP(nil, packet.Broadcast, pipeline.MAC, false, 0, &packet.ARP{Op: packet.ARPRequest, SHA: pipeline.MAC})
	tagged := func(vlan uint16) []byte {
		return packet.AppendARP(nil, packet.Broadcast, pipeline.MAC, true, vlan, &packet.ARP{Op: packet.ARPRequest, SHA: pipeline.MAC})
	}
	type sent = []ovstest.Frame
	from := func(port uint32, data []byte) ovstest.Frame { return ovstest.Frame{Port: port, Data: data} }
	// An empty tag around a padded frame leaves its padding as it is.
	around := func(vlan uint16, frame []byte) []byte {
		out := append([]byte(nil), frame[:12]...)
		out = append(out, 0x81, 0x00, byte(vlan>>8), byte(vlan))
		return append(out, frame[12:]...)
	}
	for _, test := range []struct {
		name    string
		in      uint32
		actions []byte
		frame   []byte
		want    sent
	}{
		{"deliver to a port", openflow.PortController, pipeline.AppendDeliver(nil, binding.NewPortKey(3, 0)), plain, sent{from(3, plain)}},
		{"deliver to a trunk", openflow.PortController, pipeline.AppendDeliver(nil, binding.NewPortKey(4, 20)), plain, sent{from(4, around(20, plain))}},
		{"deliver to the local port", openflow.PortController, pipeline.AppendDeliver(nil, binding.NewPortKey(openflow.PortLocal, 0)), plain, sent{from(openflow.PortLocal, plain)}},
		{"deliver to nobody", openflow.PortController, pipeline.AppendDeliver(nil, binding.NewPortKey(9, 0)), plain, nil},
		{"flood a network", openflow.PortController, pipeline.FloodActions(nil, binding.Segment{Network: 100}), plain,
			sent{from(1, plain), from(2, plain), from(4, around(10, plain))}},
		{"flood a network but for one port", 2, pipeline.FloodActions(nil, binding.Segment{Network: 100}), plain,
			sent{from(1, plain), from(4, around(10, plain))}},
		{"flood a VLAN inside a network", 3, pipeline.FloodActions(nil, binding.Segment{Network: 200, VLAN: 30}), tagged(30),
			sent{from(4, around(20, tagged(30)))}},
		{"flood no network", openflow.PortController, pipeline.FloodActions(nil, binding.Segment{Network: 5}), plain, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := wire.PacketOut(test.in, test.actions, test.frame)
			if diff := cmp.Diff(test.want, seen.Frames, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if len(seen.Punts) != 0 {
				t.Errorf("%d packet-ins", len(seen.Punts))
			}
		})
	}
}
