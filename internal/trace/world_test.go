package trace_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/trace"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// routedWorld has two networks with a router between them, and policies.
func routedWorld() ovstest.World {
	mac := func(last byte) packet.MAC { return packet.MAC{2, 0, 0, 0, 0, last} }
	return ovstest.World{Name: "routed", Ports: 3, Text: `
kind: network
name: a
number: 100
ports:
  - {switch: br0, port: p1}
---
kind: network
name: b
number: 200
ports:
  - {switch: br0, port: p2}
  - {switch: br0, port: p3, vlan: 20}
---
kind: router
name: r1
interfaces:
  - {network: a, mac: 02:00:00:00:aa:01, addresses: [10.1.0.1/24, "2001:db8:1::1/64"]}
  - {network: b, mac: 02:00:00:00:aa:02, addresses: [10.2.0.1/24, "2001:db8:2::1/64"]}
routes:
  - {prefix: 0.0.0.0/0, via: [10.2.0.2, 10.2.0.9]}
---
kind: policy
name: no-telnet
table: guard
priority: 5
match: tcp.dst == 23
actions: drop;
---
kind: policy
name: many
table: guard
priority: 4
match: ip4.src == {10.9.0.1, 10.9.0.4, 10.9.0.6, 10.9.0.9} && udp.dst == {53, 123, 161, 514}
actions: drop;
`, Hosts: []ovstest.Host{
		{Name: "a1", MAC: mac(1), Port: 1, Net: 100, IPs: ips("10.1.0.2", "2001:db8:1::2"), Origin: binding.ARP},
		{Name: "b2", MAC: mac(2), Port: 2, Net: 200, IPs: ips("10.2.0.2", "2001:db8:2::2"), Origin: binding.ARP},
		{Name: "b3", MAC: mac(3), Port: 3, Trunk: 20, Net: 200, IPs: ips("10.2.0.3"), Origin: binding.Static},
	}}
}

// switchOf is a world's switch as the daemon would show it.
func switchOf(t testing.TB, w ovstest.World) *trace.Switch {
	t.Helper()
	in, attachments := w.Intent(t), w.Attachments(t)
	s := &trace.Switch{ID: 1, Base: w.Base(t), Ports: make(map[uint32]fabric.Port)}
	s.Catalogue = pipeline.NewCatalogue(s.Base, pipeline.NewPrinter(in, attachments))
	for i := uint32(1); i <= uint32(w.Ports); i++ {
		s.Ports[i] = fabric.Port{Number: i, Name: fmt.Sprintf("p%d", i)}
	}
	s.Ports[openflow.PortLocal] = fabric.Port{Number: openflow.PortLocal, Name: ovstest.Bridge}
	hosts := w.Flows(t)[len(s.Base.Flows):]
	s.Flows = func(v trace.Values) (flows []openflow.FlowMod, err error) {
		for _, f := range hosts {
			if names(v, &f) {
				flows = append(flows, f)
			}
		}
		return flows, nil
	}
	return s
}

// names says whether a host's flow is one of a segment with an address or MAC
// that the values have.
func names(v trace.Values, f *openflow.FlowMod) bool {
	segment, addressed := false, false
	for o := range f.Match.All() {
		n := pipeline.NamedBy(o.Field, o.Value)
		for _, s := range v.Segments {
			segment = segment || n.Segment == s
		}
		for _, mac := range v.MACs {
			addressed = addressed || n.MAC == mac && !mac.IsZero()
		}
		for _, a := range v.Addresses {
			addressed = addressed || n.Address == a
		}
	}
	if six, _, ok := f.Match.Wide(openflow.XXReg3); ok {
		for _, a := range v.Addresses {
			addressed = addressed || a.As16() == six
		}
	}
	return segment && addressed
}

// packets are what is sent through every world, by port.
func packets(w ovstest.World) (list []question) {
	ask := func(port uint32, format string, args ...any) {
		list = append(list, question{port, fmt.Sprintf(format, args...)})
	}
	for _, h := range w.Hosts {
		if h.Port == 0 {
			continue
		}
		from := fmt.Sprintf("eth.src == %s", h.MAC)
		if vlan := h.Trunk | h.VLAN; vlan != 0 {
			from += fmt.Sprintf(" && vlan.vid == %d", vlan)
		}
		port := pipeline.PortNumber(h.Key())
		for _, o := range w.Hosts {
			ask(port, "%s && eth.dst == %s && ip4.src == 10.0.0.1 && udp.dst == 53", from, o.MAC)
			for _, ip := range o.IPs {
				if ip.Is4() {
					ask(port, "%s && arp.spa == 10.0.0.77 && arp.tpa == %s", from, ip)
				} else {
					ask(port, "%s && nd_ns && nd.target == %s", from, ip)
					ask(port, "%s && nd_na && nd.target == %s", from, ip)
				}
			}
		}
		ask(port, "%s && arp.spa == 0.0.0.0 && arp.tpa == 10.0.0.99", from)
		ask(port, "%s && nd_ns && ip6.src == :: && nd.target == fe80::99", from)
		ask(port, "%s && ip4.dst == 224.0.0.251 && udp.dst == 5353", from)
		ask(port, "%s && ip4.src == 10.9.0.4 && ip4.dst == 10.9.0.5 && udp.dst == 161", from)
		ask(port, "%s && tcp.dst == 23", from)
	}
	ask(1, "eth.src == 01:00:00:00:00:01")
	ask(2, "vlan.vid == 999")
	return list
}

func ips(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

type question struct {
	port uint32
	text string
}

// routedPackets are packets that a router has to do with.
func routedPackets() (list []question) {
	const to = "eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:aa:01 && "
	for _, text := range []string{
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.2 && icmp4.type == 8",                        // known
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.3 && tcp.dst == 80",                          // on a trunk
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.77 && udp.dst == 53",                         // unknown
		"ip4.src == 10.1.0.2 && ip4.dst == 192.0.2.1 && udp.dst == 53",                         // by the default route
		"ip4.src == 10.1.0.2 && ip4.dst == 10.1.0.1 && icmp4.type == 8",                        // the router itself
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.2 && icmp4.type == 8 && ip.ttl == 1",         // expired
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.255 && udp.dst == 53",                        // broadcast
		"ip4.src == 127.0.0.1 && ip4.dst == 10.2.0.2 && udp.dst == 53",                         // a martian
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:2::2 && icmp6.type == 128",            // known
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:2::77 && icmp6.type == 128",           // unknown
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:9::1 && udp.dst == 53",                // no route
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:1::1 && icmp6.type == 128",            // the router itself
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:2::2 && tcp.dst == 80 && ip.ttl == 1", // expired
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.2 && ip.later_frag",
	} {
		list = append(list, question{1, to + text})
	}
	return list
}

func worlds() []ovstest.World { return append(ovstest.Worlds(), routedWorld()) }

// TestTracesAreOpenVSwitchs compares traces with those of a switch that has all
// the flows: for packets to, from and about every host of every world.
func TestTracesAreOpenVSwitchs(t *testing.T) {
	for _, w := range worlds() {
		t.Run(w.Name, func(t *testing.T) {
			s := switchOf(t, w)
			real := ovstest.Start(t, w.Ports)
			w.Load(t, real.Connect())
			list := packets(w)
			if w.Name == "routed" {
				list = append(list, routedPackets()...)
			}
			for _, q := range list {
				got, text := follow(t, s, q), seen(t, real, q)
				ways, err := trace.ParseTrace(text)
				if err != nil {
					t.Fatalf("%s: %v:\n%s", q.text, err, text)
				}
				if difference := trace.Compare(got, ways); difference != "" {
					t.Errorf("%s on port %d: %s\n%s", q.text, q.port, difference, text)
				}
			}
			t.Logf("%d packets", len(list))
		})
	}
}

func frame(t testing.TB, q question) []byte {
	t.Helper()
	p, err := trace.ParsePacket(q.text)
	if err != nil {
		t.Fatalf("%s: %v", q.text, err)
	}
	return p.Frame
}

func follow(t testing.TB, s *trace.Switch, q question) view.Trace {
	t.Helper()
	got, err := s.Run(frame(t, q), q.port)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func seen(t testing.TB, s *ovstest.Switch, q question) string {
	t.Helper()
	text, err := s.Ctl("ofproto/trace", "--names", ovstest.Bridge, fmt.Sprintf("in_port=%d", q.port&0xffff), hex.EncodeToString(frame(t, q)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCompareTellsDifferences takes a flow from isat, changes one, and moves an
// output: each is found.
func TestCompareTellsDifferences(t *testing.T) {
	w := routedWorld()
	s := switchOf(t, w)
	real := ovstest.Start(t, w.Ports)
	w.Load(t, real.Connect())
	q := routedPackets()[0]
	ways, err := trace.ParseTrace(seen(t, real, q))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(*view.Trace)
		want   string
	}{
		{"nothing", func(*view.Trace) {}, ""},
		{"another cookie", func(v *view.Trace) { v.Steps[3].Cookie = "0x15a7" }, "lookup 4: isat wants table 22, priority 10, cookie 0x15a7; the switch has table 22"},
		{"no flow", func(v *view.Trace) { v.Steps[0].Kind = "" }, "lookup 1: isat wants no flow in table 0; the switch has table 0"},
		{"a step less", func(v *view.Trace) { v.Steps = v.Steps[:len(v.Steps)-1] }, "isat wants no table any more; the switch has table 19"},
		{"another port", func(v *view.Trace) { v.Outputs[0].Port = "p1" }, "isat wants it out of p1; the switch sends it out of p2"},
		{"no port", func(v *view.Trace) { v.Outputs = nil }, "isat wants it out of no port; the switch sends it out of p2"},
		{"a punt", func(v *view.Trace) { v.Punts = append(v.Punts, view.TracePunt{}) }, "isat wants it at the controller 1 times; the switch sends it there 0 times"},
	} {
		got := follow(t, s, q)
		c.change(&got)
		if d := trace.Compare(got, ways); (d == "") != (c.want == "") || !strings.Contains(d, c.want) {
			t.Errorf("%s: %q, want %q", c.what, d, c.want)
		}
	}
}

// outputs runs a frame through one flow.
func outputs(t testing.TB, f *openflow.FlowMod, frame []byte) int {
	t.Helper()
	sim, err := flowsim.New([]openflow.FlowMod{*f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(sim.Run(frame, 1).Outputs)
}

// TestMadePacketsAreFollowed follows ICMP errors back to their sender: as the
// switch does with what the controller makes.
func TestMadePacketsAreFollowed(t *testing.T) {
	s := switchOf(t, routedWorld())
	const to = "eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:aa:01 && "
	for text, want := range map[string]string{
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.2 && udp && ip.ttl == 1":              "icmp4",
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:2::2 && tcp && ip.ttl == 1":    "icmp6",
		"ip6.src == 2001:db8:1::2 && ip6.dst == 2001:db8:9::1 && udp.dst == 53":         "icmp6",
		"ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.2 && icmp4.type == 11 && ip.ttl == 1": "makes nothing of it (icmp4)",
	} {
		got := follow(t, s, question{1, to + text})
		if len(got.Punts) != 1 || !strings.Contains(got.Punts[0].Does, want) {
			t.Errorf("%s: %+v", text, got.Punts)
			continue
		}
		then := got.Punts[0].Then
		if strings.HasPrefix(want, "makes nothing") {
			if then != nil {
				t.Errorf("%s: %+v", text, then)
			}
			continue
		}
		if then == nil || len(then.Outputs) != 1 || then.Outputs[0].Port != "p1" {
			t.Errorf("%s: then %+v", text, then)
		}
	}
}

// TestWhyDropped says why nothing comes of a packet, and what a punt is for.
func TestWhyDropped(t *testing.T) {
	routed, plain := switchOf(t, routedWorld()), switchOf(t, ovstest.Worlds()[0])
	const to = "eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:aa:01 && "
	for _, c := range []struct {
		s    *trace.Switch
		port uint32
		text string
		want string
	}{
		{routed, 1, "tcp.dst == 23", "table guard: a policy of the operator"},
		{routed, 3, "arp", "no flow of table classify takes it"},
		{routed, 1, to + "ip4.src == 127.0.0.1 && ip4.dst == 10.2.0.2", "table ip-input: sources that are no host's"},
		{routed, 1, to + "ip4.src == 10.1.0.2 && ip4.dst == 10.2.0.77", "holds it, searches the next hop 10.2.0.77 in network b,"},
		{plain, 1, "eth.src == 02:00:00:00:00:01 && eth.dst == 02:00:00:00:00:01", "table deliver: leaves out the ingress port"},
		{plain, 1, "eth.src == 02:00:00:00:00:01 && arp.spa == 10.0.0.1 && arp.tpa == 10.0.0.99", "searches 10.0.0.99 in the network"},
		{plain, 1, "eth.src == 02:00:00:00:00:01 && nd_ns && ip.ttl == 255 && ip6.src == :: && nd.target == fe80::2", "answers for fe80::2"},
		{plain, 1, "eth.src == 02:00:00:00:00:01 && icmp6.type == 135 && ip.ttl == 4", "counts it"},
		{plain, 1, "eth.src == 02:00:00:00:00:01 && eth.dst == 02:69:73:61:74:01 && arp.op == 2", "answers isat's own question"},
		{plain, 3, "eth.src == 02:00:00:00:ee:01 && eth.dst == 02:00:00:00:00:01", "learns the sender"},
	} {
		got := follow(t, c.s, question{c.port, c.text})
		text := got.Why
		for _, p := range got.Punts {
			text += p.Does
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.text, text, c.want)
		}
	}
}
