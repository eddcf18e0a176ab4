package ovstest

import (
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// World is a switch's whole desired state: what was asked for and who lives where.
type World struct {
	Name  string
	Text  string // the intent
	Ports int
	Hosts []Host
	// Sponged are addresses of the default network that nobody has, and that are answered for.
	Sponged []netip.Addr
}

// Host is a station with its addresses. A Port of 0 makes it a host of elsewhere: it has bindings,
// and no station here.
type Host struct {
	Name   string
	MAC    packet.MAC
	Port   uint32
	Trunk  uint16 // VLAN of the trunk that its network is on at Port
	Net    uint32
	VLAN   uint16 // of its own tag
	IPs    []netip.Addr
	Stale  bool // its addresses are only hints
	Router bool
	Origin binding.Origin
}

// Key is the port key of where the host is.
func (h Host) Key() binding.PortKey { return binding.NewPortKey(h.Port, h.Trunk) }

// Segment is the segment that the host is in.
func (h Host) Segment() binding.Segment { return binding.Segment{Network: h.Net, VLAN: h.VLAN} }

// Bindings are the host's addresses.
func (h Host) Bindings() []*binding.Binding {
	var out []*binding.Binding
	for _, ip := range h.IPs {
		b := &binding.Binding{Key: binding.NewKey(h.Segment(), ip), MAC: h.MAC, Origin: h.Origin,
			State: binding.Reachable, Router: h.Router}
		if h.Stale {
			b.State = binding.Stale
		}
		out = append(out, b)
	}
	return out
}

// flows are the flows that the host needs on the switch.
func (h Host) flows() []openflow.FlowMod {
	var out []openflow.FlowMod
	for _, b := range h.Bindings() {
		if f, ok := pipeline.BindingFlow(b); ok {
			out = append(out, f)
		}
		if f, ok := pipeline.OwnerFlow(b); ok && (h.Port != 0 || b.Origin.Configured()) {
			out = append(out, f)
		}
	}
	if h.Port != 0 {
		for _, f := range pipeline.StationFlows(binding.StationKey{Segment: h.Segment(), MAC: h.MAC}, h.Key(), 0) {
			out = append(out, f)
		}
	}
	return out
}

// Intent parses the world's intent.
func (w World) Intent(t testing.TB) *intent.Intent {
	t.Helper()
	in, err := intent.ParseWith(w.Name, []byte(w.Text), pipeline.NewPolicyChecker().Check)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Attachments works out where the switch's ports belong.
func (w World) Attachments(t testing.TB) []fabric.Attachment {
	t.Helper()
	s := fabric.Switch{ID: 1, Ports: map[uint32]fabric.Port{openflow.PortLocal: {Number: openflow.PortLocal, Name: Bridge, Up: true}}}
	for i := uint32(1); i <= uint32(w.Ports); i++ {
		s.Ports[i] = fabric.Port{Number: i, Name: "p" + string('0'+rune(i)), Up: true}
	}
	return s.Attachments(w.Intent(t))
}

// Base is what the switch has apart from its hosts.
func (w World) Base(t testing.TB) pipeline.Base {
	t.Helper()
	return pipeline.NewProgram(w.Intent(t)).Base(w.Attachments(t))
}

// Flows are all flows that the switch should have.
func (w World) Flows(t testing.TB) []openflow.FlowMod {
	t.Helper()
	out := w.Base(t).Flows
	for _, h := range w.Hosts {
		out = append(out, h.flows()...)
	}
	for _, ip := range w.Sponged {
		key := binding.NewKey(binding.Segment{Network: intent.DefaultNumber}, ip)
		out = append(out, pipeline.SpongeFlow(key, intent.SpongeMAC, pipeline.SpongeSeconds))
	}
	return out
}

// Host finds a host by its name.
func (w World) Host(name string) Host {
	for _, h := range w.Hosts {
		if h.Name == name {
			return h
		}
	}
	panic("ovstest: no host " + name + " in world " + w.Name)
}

// Load gives the switch everything in one bundle.
func (w World) Load(t testing.TB, c *Session) {
	t.Helper()
	base := w.Base(t)
	var messages []openflow.Message
	for i := range base.Meters {
		c.Send(&base.Meters[i])
	}
	c.Barrier()
	for i := range base.Groups {
		messages = append(messages, &base.Groups[i])
	}
	flows := w.Flows(t)
	for i := range flows {
		messages = append(messages, &flows[i])
	}
	c.Bundle(messages)
}

func ips(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func mac(last byte) packet.MAC { return packet.MAC{0x02, 0, 0, 0, 0, last} }

// Worlds are the worlds that tests go through.
func Worlds() []World {
	return []World{defaultWorld(), networksWorld(), emptyWorld(), routersWorld(), secureWorld()}
}

// defaultWorld is a switch without any configuration, and hosts of every kind on it.
func defaultWorld() World {
	return World{Name: "default", Ports: 4, Hosts: []Host{
		{Name: "h1", MAC: mac(1), Port: 1, Net: 1, IPs: ips("10.0.0.1", "fe80::1", "2001:db8::1"), Origin: binding.ARP},
		{Name: "h2", MAC: mac(2), Port: 2, Net: 1, IPs: ips("10.0.0.2", "fe80::2", "2001:db8::2"), Origin: binding.ND},
		{Name: "stale", MAC: mac(3), Port: 3, Net: 1, IPs: ips("10.0.0.3", "fe80::3"), Origin: binding.ND, Stale: true},
		{Name: "router", MAC: mac(4), Port: 4, Net: 1, IPs: ips("10.0.0.4", "fe80::4"), Origin: binding.ND, Router: true},
		{Name: "second", MAC: mac(5), Port: 4, Net: 1, IPs: ips("10.0.0.5", "fe80::5"), Origin: binding.ARP},
		{Name: "tagged", MAC: mac(6), Port: 2, Net: 1, VLAN: 30, IPs: ips("10.0.0.1", "fe80::1"), Origin: binding.ARP},
		{Name: "tagged2", MAC: mac(7), Port: 1, Net: 1, VLAN: 30, IPs: ips("10.0.0.2", "fe80::2"), Origin: binding.ARP},
		{Name: "local", MAC: mac(8), Port: openflow.PortLocal & 0xffff, Net: 1, IPs: ips("10.0.0.8", "fe80::8"), Origin: binding.ARP},
		{Name: "silent", MAC: mac(9), Port: 3, Net: 1},
	}}
}

// networksWorld has several networks with the same addresses, two of them on a trunk, and every
// policy on unknown addresses.
func networksWorld() World {
	return World{Name: "networks", Ports: 5, Text: `
kind: network
name: blue
number: 100
subnets:
  - {prefix: 10.1.0.0/16, gateway: 10.1.0.1, gatewayMAC: 02:00:00:00:01:01}
ports:
  - {switch: br0, port: p1}
  - {switch: br0, port: p2}
  - {switch: br0, port: p4, vlan: 10}
---
kind: network
name: red
number: 200
unknown: flood
subnets:
  - {prefix: 10.1.0.0/24}
  - {prefix: 10.1.1.0/25}
ports:
  - {switch: br0, port: 3}
  - {switch: br0, port: p4, vlan: 20}
---
kind: network
name: green
number: 16777215
unknown: drop
ports:
  - {switch: br0, port: p4, vlan: 4094}
  - {switch: br0, port: p5}
---
kind: network
name: white
number: 300
ports:
  - {switch: br0, port: p5, vlan: 7}
  - {switch: br0, port: p3, vlan: 7}
`, Hosts: []Host{
		{Name: "gateway", MAC: packet.MAC{2, 0, 0, 0, 1, 1}, Net: 100, IPs: ips("10.1.0.1"), Origin: binding.Gateway, Router: true},
		{Name: "blue1", MAC: mac(0x11), Port: 1, Net: 100, IPs: ips("10.1.0.11", "fe80::11"), Origin: binding.ARP},
		{Name: "blue2", MAC: mac(0x12), Port: 2, Net: 100, IPs: ips("10.1.0.12", "fe80::12"), Origin: binding.Static},
		{Name: "blue4", MAC: mac(0x14), Port: 4, Trunk: 10, Net: 100, IPs: ips("10.1.0.14", "fe80::14"), Origin: binding.ND},
		{Name: "red3", MAC: mac(0x23), Port: 3, Net: 200, IPs: ips("10.1.0.11", "fe80::11"), Origin: binding.ARP},
		{Name: "red4", MAC: mac(0x14), Port: 4, Trunk: 20, Net: 200, IPs: ips("10.1.0.12", "fe80::12"), Origin: binding.ND, Router: true},
		{Name: "red3t", MAC: mac(0x24), Port: 3, Net: 200, VLAN: 20, IPs: ips("10.1.0.12", "fe80::12"), Origin: binding.ND},
		{Name: "green4", MAC: mac(0x34), Port: 4, Trunk: 4094, Net: 16777215, IPs: ips("10.1.0.11", "fe80::11"), Origin: binding.ARP},
		{Name: "green5", MAC: mac(0x35), Port: 5, Net: 16777215, IPs: ips("10.1.0.12", "fe80::12"), Origin: binding.ARP},
	}}
}

// emptyWorld is a switch on which nobody is known yet.
func emptyWorld() World { return World{Name: "empty", Ports: 3} }
