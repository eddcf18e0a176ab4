package flowsim_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

const local = openflow.PortLocal

// want is what the flows have to do with a frame.
type want struct {
	ports []uint32          // out of these, in order
	punts []pipeline.Reason // to the controller, in order
	// frame is what comes out of every port but trunks, nil for the frame as it was
	frame []byte
}

type testCase struct {
	name  string // begins with the ids of docs/conformance.md
	port  uint32
	frame []byte
	want
}

// TestConformanceOfFlows checks the lines of docs/conformance.md that flows alone decide, in the
// simulation and in Open vSwitch.
//
// conformance: A1, A2, A3, A4, A6, A7, A9, A12, P1, P2, P4, N1, N2, N3, N4, N5, N6, N7, N8, N9, N10, N13, R1
func TestConformanceOfFlows(t *testing.T) {
	w := ovstest.Worlds()[0]
	runCases(t, newBoth(t, w), slices.Concat(arpCases(w), probeCases(w), ndCases(w), ndGuardCases(w), otherCases(w)))
}

// TestConformanceOfNetworks checks what differs between networks: policies, gateways, tags.
//
// conformance: A6, A10, R1, R3
func TestConformanceOfNetworks(t *testing.T) {
	w := ovstest.Worlds()[1]
	runCases(t, newBoth(t, w), networkCases(w))
}

// TestWithoutController checks what is left when the leased flows have expired: unknown addresses are
// flooded, and what only the controller could answer is handed to the owner.
//
// conformance: P3, N6, N7, N13
func TestWithoutController(t *testing.T) {
	w := ovstest.Worlds()[0]
	b := newBothWith(t, w, func(f *openflow.FlowMod) bool { return f.HardTimeout == 0 })
	h1, h2 := w.Host("h1"), w.Host("h2")
	probe := solicits(h1, "fe80::2").change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil })
	send := solicits(h1, "fe80::2").change(func(q *question) { q.nd.options = append(q.nd.options, 11, 1, 0, 0, 0, 0, 0, 0) })
	arpProbe := asks(h1, "10.0.0.2").change(func(q *question) { q.arp.SPA = [4]byte{} })
	others := []uint32{2, 3, 4, local}
	runCases(t, b, []testCase{
		{"P3 an unknown address is flooded", 1, asks(h1, "10.0.0.99").frame(), want{ports: others}},
		{"N7 an unknown address is flooded", 1, solicits(h1, "fe80::99").frame(), want{ports: others}},
		{"N6 N13 a DAD probe goes to the owner", 1, probe.frame(), want{ports: []uint32{2}, frame: towards(h2, probe)}},
		{"N2 N13 SEND goes to the owner", 1, send.frame(), want{ports: []uint32{2}, frame: towards(h2, send)}},
		{"P2 an ARP probe is answered", 1, arpProbe.frame(), want{ports: []uint32{1}, frame: answer(arpProbe, h2)}},
		{"A4 a known address is answered", 1, asks(h1, "10.0.0.2").frame(), want{ports: []uint32{1}, frame: answer(asks(h1, "10.0.0.2"), h2)}},
	})
}

// TestProbesWithoutController checks that rivals for an address hear of each other in a network that
// drops requests, when there is no controller to send probes on.
//
// conformance: P3, N7
func TestProbesWithoutController(t *testing.T) {
	w := ovstest.Worlds()[1]
	b := newBothWith(t, w, func(f *openflow.FlowMod) bool { return f.HardTimeout == 0 })
	green5 := w.Host("green5")
	probe, dad := probesOf(green5)
	runCases(t, b, []testCase{
		{"P3 an ARP probe is flooded", 5, probe, want{ports: []uint32{4}}},
		{"N7 a DAD probe is flooded", 5, dad, want{ports: []uint32{4}}},
		{"R3 a request is dropped", 5, asks(green5, "10.1.0.99").frame(), want{}},
	})
}

// TestSponge asks for addresses that nobody has and that are answered for: the sink is told, but
// never to whoever wants the address for itself, and what is sent to the sink ends. A binding counts
// for more.
//
// conformance: P2, P3, N6, N7, L4
func TestSponge(t *testing.T) {
	w := ovstest.Worlds()[0]
	w.Text = "kind: network\nname: default\nsponge: {}\n"
	for _, ip := range []string{"10.0.0.99", "10.1.0.99", "fe80::99", "10.0.0.2"} {
		w.Sponged = append(w.Sponged, netip.MustParseAddr(ip))
	}
	b := newBoth(t, w)
	h1, h2, sink := w.Host("h1"), w.Host("h2"), ovstest.Host{MAC: intent.SpongeMAC}
	probe, dad := asks(h1, "10.0.0.99").change(func(q *question) { q.arp.SPA = [4]byte{} }).frame(),
		solicits(h1, "fe80::99").change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil }).frame()
	search := want{punts: []pipeline.Reason{pipeline.ReasonSearch}}
	runCases(t, b, []testCase{
		{"L4 a request is answered", 1, asks(h1, "10.0.0.99").frame(), want{ports: []uint32{1}, frame: answer(asks(h1, "10.0.0.99"), sink)}},
		{"L4 an NS is answered", 1, solicits(h1, "fe80::99").frame(), want{ports: []uint32{1}, frame: advert(solicits(h1, "fe80::99"), sink, 0x60000000)}},
		{"P2 a probe is not", 1, probe, search},
		{"N6 a DAD probe is not", 1, dad, search},
		{"a binding counts for more", 1, asks(h1, "10.0.0.2").frame(), want{ports: []uint32{1}, frame: answer(asks(h1, "10.0.0.2"), h2)}},
		{"what is sent to the sink ends", 1, towards(sink, asks(h1, "10.0.0.99")), want{}},
	})
}

// probesOf are a host's probes for addresses that nobody is known to have.
func probesOf(h ovstest.Host) (probe, dad []byte) {
	return asks(h, "10.1.0.99").change(func(q *question) { q.arp.SPA = [4]byte{} }).frame(),
		solicits(h, "fe80::99").change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, nil }).frame()
}

func runCases(t *testing.T, b *both, cases []testCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := b.compare(c.port, c.frame)
			if err != nil {
				t.Errorf("not as in the switch: %v", err)
			}
			var ports []uint32
			var punts []pipeline.Reason
			for _, o := range got.Outputs {
				ports = append(ports, o.Port)
				frame := c.frame
				if c.want.frame != nil {
					frame = c.want.frame
				}
				onTrunk := c.want.frame == nil && len(o.Frame) != len(frame)
				if !onTrunk && !cmp.Equal(o.Frame, frame) {
					t.Errorf("out of port %#x\n  %x, want\n  %x", o.Port, o.Frame, frame)
				}
			}
			for _, p := range got.Punts {
				punts = append(punts, pipeline.Reason(p.Userdata[0]))
			}
			slices.Sort(ports)
			if diff := cmp.Diff(c.ports, ports, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ports: %s", diff)
			}
			if diff := cmp.Diff(c.punts, punts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("punts: %s", diff)
			}
			if t.Failed() {
				t.Log(b.explain(c.port, c.frame, got))
			}
		})
	}
}

// answer is the reply of an owner to a request, by the standard.
func answer(q question, owner ovstest.Host) []byte {
	reply := &packet.ARP{Op: packet.ARPReply, SHA: owner.MAC, SPA: q.arp.TPA, THA: q.arp.SHA, TPA: q.arp.SPA}
	return question{dst: q.src, src: owner.MAC, tag: q.tag, arp: reply}.frame()
}

// advert is the NA of an owner to a solicitation, by the standard.
func advert(q question, owner ovstest.Host, flags uint32) []byte {
	n := &ndMessage{kind: 136, hopLimit: 255, flags: flags, src: q.nd.target, dst: q.nd.src, target: q.nd.target, options: linkLayer(2, owner.MAC)}
	return question{dst: q.src, src: owner.MAC, tag: q.tag, nd: n}.frame()
}

// towards is the question in a frame to one host.
func towards(h ovstest.Host, q question) []byte {
	return q.change(func(q *question) { q.dst = h.MAC }).frame()
}

var stranger = ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}, Port: 3, Net: 1}

func arpCases(w ovstest.World) []testCase {
	h1, h2 := w.Host("h1"), w.Host("h2")
	others := []uint32{2, 3, 4, local}
	malformed := want{punts: []pipeline.Reason{pipeline.ReasonMalformed}}
	known := asks(h1, "10.0.0.2")
	broken := func(at int, v byte) []byte { f := known.frame(); f[at] = v; return f }
	with := func(f func(*question)) []byte { return known.change(f).frame() }
	reply := question{dst: h1.MAC, src: stranger.MAC, arp: &packet.ARP{Op: 2, SHA: stranger.MAC, SPA: ip4("10.0.0.77"), THA: h1.MAC, TPA: ip4("10.0.0.1")}}
	return []testCase{
		{"A1 hardware type", 1, broken(15, 6), malformed},
		{"A1 protocol type", 1, broken(16, 0x86), malformed},
		{"A1 hardware length", 1, broken(18, 8), malformed},
		{"A1 protocol length", 1, broken(19, 16), malformed},
		{"A1 too short", 1, known.frame()[:41], malformed},
		{"A2 a reply teaches", 3, reply.frame(), want{ports: []uint32{1}, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"A3 another opcode", 1, with(func(q *question) { q.arp.Op = 3 }), want{ports: others}},
		{"A3 an opcode of two bytes", 1, with(func(q *question) { q.arp.Op = 0x101 }), malformed},
		{"A4 a request is answered", 1, known.frame(), want{ports: []uint32{1}, frame: answer(known, h2)}},
		{"A6 this host", 1, asks(h1, "0.0.0.0").frame(), want{}},
		{"A6 loopback", 1, asks(h1, "127.0.0.1").frame(), want{}},
		{"A6 multicast", 1, asks(h1, "224.0.0.1").frame(), want{}},
		{"A6 the broadcast address", 1, asks(h1, "255.255.255.255").frame(), want{}},
		{"A6 A7 P4 an announcement", 1, asks(h1, "10.0.0.1").frame(), want{ports: others}},
		{"A7 the asker's own, from another address", 1, asks(h1, "10.0.0.1").change(func(q *question) { q.arp.SPA = ip4("10.0.0.50") }).frame(),
			want{ports: others, punts: []pipeline.Reason{pipeline.ReasonLearn}}},
		{"A9 a unicast request", 1, towards(h2, known), want{ports: []uint32{2}}},
		{"A10 in a VLAN", 1, asks(w.Host("tagged2"), "10.0.0.1").frame(),
			want{ports: []uint32{1}, frame: answer(asks(w.Host("tagged2"), "10.0.0.1"), w.Host("tagged"))}},
		{"A12 a group as the source", 1, with(func(q *question) { q.src = packet.MAC{1, 0, 0, 0, 0, 1} }), want{}},
		{"A12 no source", 1, with(func(q *question) { q.src = packet.MAC{} }), want{}},
		{"A4 a stale binding is searched", 1, asks(h1, "10.0.0.3").frame(), want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"L1 behind the local port", 1, asks(h1, "10.0.0.8").frame(), want{ports: []uint32{1}, frame: answer(asks(h1, "10.0.0.8"), w.Host("local"))}},
	}
}

func probeCases(w ovstest.World) []testCase {
	h1 := w.Host("h1")
	probe := func(target string) question {
		return asks(h1, target).change(func(q *question) { q.arp.SPA = [4]byte{} })
	}
	rival := asks(stranger, "10.0.0.1").change(func(q *question) { q.arp.SPA = q.arp.TPA })
	return []testCase{
		{"P1 P3 a probe for an unknown address", 1, probe("10.0.0.99").frame(), want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"P2 a probe for a known address", 1, probe("10.0.0.2").frame(), want{punts: []pipeline.Reason{pipeline.ReasonAnswer}}},
		{"P1 A7 a probe for one's own address", 1, probe("10.0.0.1").frame(), want{ports: []uint32{2, 3, 4, local}}},
		{"P4 a rival's announcement", 3, rival.frame(), want{punts: []pipeline.Reason{pipeline.ReasonClaim}}},
	}
}

func ndCases(w ovstest.World) []testCase {
	h1, h2, router := w.Host("h1"), w.Host("h2"), w.Host("router")
	others := []uint32{2, 3, 4, local}
	known := solicits(h1, "fe80::2")
	with := func(f func(*question)) question { return known.change(f) }
	dad := func(target string, from ovstest.Host) question {
		return solicits(from, target).change(func(q *question) { q.nd.src, q.nd.options = [16]byte{}, []byte{14, 1, 1, 2, 3, 4, 5, 6} })
	}
	bare := with(func(q *question) { q.nd.options = nil })
	options := func(b ...byte) []byte {
		return with(func(q *question) { q.nd.options = append(q.nd.options, b...) }).frame()
	}
	answered := want{punts: []pipeline.Reason{pipeline.ReasonAnswer}}
	searched := want{punts: []pipeline.Reason{pipeline.ReasonSearch}}
	learned := []pipeline.Reason{pipeline.ReasonLearn}
	tagged := solicits(w.Host("tagged2"), "fe80::1")
	const solicited, override, router1 = 0x40000000, 0x20000000, 0x80000000
	return []testCase{
		{"N4 N5 a solicitation is answered", 1, known.frame(), want{ports: []uint32{1}, frame: advert(known, h2, solicited|override)}},
		{"N5 the owner is a router", 1, solicits(h1, "fe80::4").frame(),
			want{ports: []uint32{1}, frame: advert(solicits(h1, "fe80::4"), router, solicited|override|router1)}},
		{"N5 in a VLAN", 1, tagged.frame(), want{ports: []uint32{1}, frame: advert(tagged, w.Host("tagged"), solicited|override)}},
		// Open vSwitch can't match on a checksum, and makes that of an advertisement anew.
		{"N1 a wrong checksum is not seen", 1, with(func(q *question) { q.nd.badSum = true }).frame(),
			want{ports: []uint32{1}, frame: advert(known, h2, solicited|override)}},
		{"N2 a nonce", 1, options(14, 1, 1, 2, 3, 4, 5, 6), answered},
		{"N2 SEND", 1, options(11, 1, 0, 0, 0, 0, 0, 0), answered},
		{"N1 an option without length", 1, options(14, 0, 0, 0, 0, 0, 0, 0), answered},
		{"N6 a DAD probe of the owner", 1, dad("fe80::1", h1).frame(), want{ports: others}},
		{"N6 a DAD probe of another", 1, dad("fe80::2", h1).frame(), answered},
		{"N7 a DAD probe for an unknown address", 1, dad("fe80::99", h1).frame(), searched},
		{"N7 an unknown address", 1, solicits(h1, "fe80::99").frame(), searched},
		{"N8 a stranger's solicitation", 3, solicits(ovstest.Host{MAC: stranger.MAC, IPs: w.Host("stale").IPs}, "fe80::2").frame(),
			want{ports: []uint32{3}, punts: learned, frame: advert(solicits(ovstest.Host{MAC: stranger.MAC, IPs: w.Host("stale").IPs}, "fe80::2"), h2, solicited|override)}},
		{"N8 a stale owner's solicitation", 3, solicits(w.Host("stale"), "fe80::2").frame(),
			want{ports: []uint32{3}, frame: advert(solicits(w.Host("stale"), "fe80::2"), h2, solicited|override)}},
		{"N9 an advertisement of a stranger", 3, advertises(ovstest.Host{MAC: stranger.MAC, IPs: h1.IPs[1:]}, h2.MAC, "fe80::2", solicited).frame(),
			want{punts: []pipeline.Reason{pipeline.ReasonClaim}}},
		{"N9 a stale owner's advertisement", 3, advertises(w.Host("stale"), h2.MAC, "fe80::2", solicited|override).frame(),
			want{ports: []uint32{2}, punts: learned}},
		{"N9 a known owner's advertisement", 1, advertises(ovstest.Host{MAC: h1.MAC, IPs: h1.IPs[1:]}, h2.MAC, "fe80::2", solicited|override).frame(), want{ports: []uint32{2}}},
		{"R1 an owner becomes a router", 1, advertises(ovstest.Host{MAC: h1.MAC, IPs: h1.IPs[1:]}, h2.MAC, "fe80::2", solicited|override|router1).frame(),
			want{ports: []uint32{2}, punts: learned}},
		{"N10 a unicast solicitation", 1, towards(h2, known), want{ports: []uint32{2}}},
		{"N13 a solicitation that can't be answered", 1, bare.frame(), want{ports: []uint32{2}, frame: towards(h2, bare)}},
	}
}

func ndGuardCases(w ovstest.World) []testCase {
	known := solicits(w.Host("h1"), "fe80::2")
	malformed := want{punts: []pipeline.Reason{pipeline.ReasonMalformed}}
	with := func(f func(*question)) []byte { return known.change(f).frame() }
	na := advertises(ovstest.Host{MAC: w.Host("h1").MAC, IPs: w.Host("h1").IPs[1:]}, packet.MAC{0x33, 0x33, 0, 0, 0, 1}, "ff02::1", 0x60000000)
	short := known.frame()[:14+40+20]
	binary.BigEndian.PutUint16(short[14+4:], 20)
	return []testCase{
		{"N1 hop limit", 1, with(func(q *question) { q.nd.hopLimit = 254 }), malformed},
		{"N1 code", 1, with(func(q *question) { q.nd.code = 1 }), malformed},
		{"N1 a group as the target", 1, with(func(q *question) { q.nd.target = ip6("ff02::2") }), malformed},
		{"N1 too short", 1, short, malformed},
		{"N1 from nobody with a link-layer option", 1, with(func(q *question) { q.nd.src = [16]byte{} }), malformed},
		{"N1 from nobody to one host", 1, with(func(q *question) { q.nd.src, q.nd.options, q.nd.dst = [16]byte{}, nil, ip6("fe80::2") }), malformed},
		{"N1 an advertisement to all that says it was asked for", 1, na.frame(), malformed},
		{"N3 a fragment", 1, with(func(q *question) { q.nd.fragment = true }), malformed},
		{"N1 the same option twice", 1, with(func(q *question) { q.nd.options = append(q.nd.options, q.nd.options...) }), malformed},
	}
}

// otherCases are about frames that ask nothing.
func otherCases(w ovstest.World) []testCase {
	h1, h2 := w.Host("h1"), w.Host("h2")
	data := func(dst, src packet.MAC) []byte {
		return append(append(append([]byte(nil), dst[:]...), src[:]...), append([]byte{0x12, 0x34}, make([]byte, 46)...)...)
	}
	toIsat := asks(h1, "0.0.0.0").change(func(q *question) { q.dst, q.arp.Op = pipeline.MAC, 2 })
	learn := []pipeline.Reason{pipeline.ReasonLearn}
	return []testCase{
		{"a known destination", 1, data(h2.MAC, h1.MAC), want{ports: []uint32{2}}},
		{"an unknown destination", 1, data(stranger.MAC, h1.MAC), want{ports: []uint32{2, 3, 4, local}}},
		{"a destination on the ingress port", 1, data(h1.MAC, h1.MAC), want{}},
		{"broadcast", 1, data(packet.Broadcast, h1.MAC), want{ports: []uint32{2, 3, 4, local}}},
		{"an unknown source", 3, data(h2.MAC, stranger.MAC), want{ports: []uint32{2}, punts: learn}},
		{"a source that moved", 3, data(h2.MAC, h1.MAC), want{ports: []uint32{2}, punts: learn}},
		{"a frame for the bridge itself", 1, data(packet.MAC{1, 0x80, 0xc2, 0, 0, 0x0e}, h1.MAC), want{}},
		{"an answer to isat", 1, toIsat.frame(), want{punts: []pipeline.Reason{pipeline.ReasonReply}}},
		{"anything else to isat", 1, data(pipeline.MAC, h1.MAC), want{}},
		{"from isat's MAC", 1, data(h2.MAC, pipeline.MAC), want{}},
	}
}

func networkCases(w ovstest.World) []testCase {
	blue1, blue2, blue4 := w.Host("blue1"), w.Host("blue2"), w.Host("blue4")
	red3, red4, red3t, green5 := w.Host("red3"), w.Host("red4"), w.Host("red3t"), w.Host("green5")
	one := func(port uint32, frame []byte) want { return want{ports: []uint32{port}, frame: frame} }
	gateway := w.Host("gateway")
	probe, dad := probesOf(green5)
	const solicitedOverride, router = 0x60000000, 0x80000000
	return []testCase{
		{"P3 a probe where requests are dropped", 5, probe, want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"N7 a DAD probe where requests are dropped", 5, dad, want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"R1 a static binding", 1, asks(blue1, "10.1.0.12").frame(), one(1, answer(asks(blue1, "10.1.0.12"), blue2))},
		{"R1 a gateway", 1, asks(blue1, "10.1.0.1").frame(), one(1, answer(asks(blue1, "10.1.0.1"), gateway))},
		{"A10 on a trunk", 4, asks(blue4, "10.1.0.12").frame(), one(4, answer(asks(blue4, "10.1.0.12"), blue2))},
		{"A10 N5 on a trunk", 4, solicits(blue4, "fe80::12").frame(), one(4, advert(solicits(blue4, "fe80::12"), blue2, solicitedOverride))},
		{"the same address in another network", 3, asks(red3, "10.1.0.12").frame(), one(3, answer(asks(red3, "10.1.0.12"), red4))},
		{"N5 the same address in another network", 3, solicits(red3, "fe80::12").frame(),
			one(3, advert(solicits(red3, "fe80::12"), red4, solicitedOverride|router))},
		{"A10 the same address in a VLAN of a network", 3, asks(red3t, "10.1.0.11").frame(), want{ports: []uint32{4}}},
		{"R3 solicit", 1, asks(blue1, "10.1.0.99").frame(), want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"R3 flood", 3, asks(red3, "10.1.0.99").frame(), want{ports: []uint32{4}}},
		{"R3 drop", 5, asks(green5, "10.1.0.99").frame(), want{}},
		{"R3 drop NS", 5, solicits(green5, "fe80::99").frame(), want{}},
		{"A6 the broadcast address of a subnet", 1, asks(blue1, "10.1.255.255").frame(), want{}},
		{"A6 the broadcast address of another network's subnet", 1, asks(blue1, "10.1.0.255").frame(), want{punts: []pipeline.Reason{pipeline.ReasonSearch}}},
		{"a VLAN that is in no network", 4, asks(blue4, "10.1.0.12").change(func(q *question) { q.tag = 11 }).frame(), want{}},
		{"no VLAN on a port that has only VLANs", 4, asks(blue4, "10.1.0.12").change(func(q *question) { q.tag = 0 }).frame(), want{}},
	}
}
