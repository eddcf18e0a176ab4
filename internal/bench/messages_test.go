package bench

import (
	"bytes"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/openflow"
	"github.com/isat-sdn/isat/packet"
)

// The packet-ins of a fake switch are, byte by byte, those that Open vSwitch
// sends for the same frame with isat's flows.
func TestPuntsAreThoseOfOpenVSwitch(t *testing.T) {
	h := hosts{count: 8, switches: 1, ports: 2}
	asker, target := 2, 5 // the asker is behind port 1
	at, mac, sender, wanted := h.port(asker), h.mac(asker), h.ip(asker), h.ip(target)

	s := ovstest.Start(t, h.ports)
	session := s.Connect()
	sw := fabric.Switch{ID: 1, Ports: make(map[uint32]fabric.Port)}
	for _, p := range session.Ports() {
		sw.Ports[p.No] = fabric.Port{Number: p.No, Name: p.Name, Up: true}
	}
	in := intent.Default()
	base := pipeline.NewProgram(in).Base(sw.Attachments(in))
	for i := range base.Meters {
		session.Send(&base.Meters[i])
	}
	var bundle []openflow.Message
	for i := range base.Groups {
		bundle = append(bundle, &base.Groups[i])
	}
	for i := range base.Flows {
		bundle = append(bundle, &base.Flows[i])
	}
	session.Bundle(bundle)
	frame := packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: packet.ARPRequest, SHA: mac, SPA: sender, TPA: wanted})
	seen := s.Wire(session).Send(at.Number(), frame)

	got := make(map[pipeline.Reason][]byte)
	for _, in := range seen.Punts {
		got[pipeline.Reason(in.Userdata[0])] = openflow.Append(nil, 0, in)
	}
	for _, reason := range []pipeline.Reason{pipeline.ReasonLearn, pipeline.ReasonSearch} {
		p := newPunt(reason)
		if want := p.append(nil, at, mac, sender, wanted); !bytes.Equal(got[reason], want) {
			t.Errorf("%v: the fake switch sends\n%x\nand Open vSwitch\n%x", reason, want, got[reason])
		}
	}
}

// What a fake switch sends reads as it was meant, for every host.
func TestPunts(t *testing.T) {
	h := hosts{count: 10_000, switches: 4, ports: 48}
	for _, reason := range []pipeline.Reason{pipeline.ReasonLearn, pipeline.ReasonSearch} {
		p := newPunt(reason)
		for n := range uint64(2000) {
			asker, target := h.pair(1, n)
			var v openflow.PacketIn2View
			if err := openflow.ParsePacketIn2(p.append(nil, h.port(asker), h.mac(asker), h.ip(asker), h.ip(target)), &v); err != nil {
				t.Fatal(err)
			}
			why, segment, at, ok := pipeline.PuntOf(&v)
			if !ok || why != reason || segment != (binding.Segment{Network: network}) || at != h.port(asker) || v.InPort() != at.Number() {
				t.Fatalf("host %d: %v in %v at %v (port %d), %v", asker, why, segment, at, v.InPort(), ok)
			}
			var frame packet.Frame
			var arp packet.ARP
			if frame.Parse(v.Packet) != nil || arp.Parse(frame.Payload) != nil {
				t.Fatalf("host %d: frame %x", asker, v.Packet)
			}
			want := packet.ARP{Op: packet.ARPRequest, SHA: h.mac(asker), SPA: h.ip(asker), TPA: h.ip(target)}
			if arp != want || frame.Src != want.SHA || frame.Dst != packet.Broadcast {
				t.Fatalf("host %d: %+v from %v to %v, want %+v", asker, arp, frame.Src, frame.Dst, want)
			}
		}
	}
}

// Each question is asked by a host of its switch, for another one, and all hosts
// are asked for.
func TestPairs(t *testing.T) {
	for _, h := range []hosts{
		{count: 8, switches: 4, ports: 48}, {count: 1000, switches: 4, ports: 48}, {count: 1003, switches: 4, ports: 7}, {count: 4096, switches: 3, ports: 2},
	} {
		for sw := range h.switches {
			asked := make(map[int]bool)
			for n := range uint64(h.count) {
				asker, target := h.pair(sw, n)
				if h.switchOf(asker) != sw || asker < 0 || asker >= h.count || target < 0 || target >= h.count || asker == target {
					t.Fatalf("%+v, switch %d, question %d: %d asks for %d", h, sw, n, asker, target)
				}
				asked[target] = true
			}
			// Where a host would ask for itself, it asks for the next one.
			if len(asked) < h.count*9/10 && h.count > 100 {
				t.Errorf("%+v, switch %d: %d of %d hosts are asked for", h, sw, len(asked), h.count)
			}
		}
	}
}

// Only the right answer is the answer, and what the floor makes is right for the
// floor alone.
func TestAnswers(t *testing.T) {
	h := hosts{count: 100, switches: 1, ports: 48}
	asker, target := h.pair(0, 5)
	request := newPunt(pipeline.ReasonSearch)
	in := request.append(nil, h.port(asker), h.mac(asker), h.ip(asker), h.ip(target))
	s := newSwapper()
	out, used := s.swapAll(nil, append(in, in[:20]...))
	if used != len(in) {
		t.Fatalf("%d bytes used, want %d", used, len(in))
	}
	floor, real := newAnswer(true), newAnswer(false)
	floor.set(h, asker, target)
	real.set(h, asker, target)
	if !floor.is(out) || real.is(out) {
		t.Errorf("the floor answers %s", describe(out))
	}
	right := packet.AppendARP(nil, h.mac(asker), h.mac(target), false, 0, &packet.ARP{
		Op: packet.ARPReply, SHA: h.mac(target), SPA: h.ip(target), THA: h.mac(asker), TPA: h.ip(asker)})
	message := func(at binding.PortKey, frame []byte) []byte {
		return openflow.AppendPacketOut(nil, 7, openflow.PortController, pipeline.AppendDeliver(nil, at), frame)
	}
	if m := message(h.port(asker), right); !real.is(m) {
		t.Errorf("not taken for the answer: %s", describe(m))
	}
	if m := message(h.port(asker)+1, right); real.is(m) {
		t.Errorf("another port is taken for the answer: %s", describe(m))
	}
	for i := range right[:42] {
		wrong := bytes.Clone(right)
		wrong[i] ^= 1
		if m := message(h.port(asker), wrong); real.is(m) {
			t.Errorf("byte %d is wrong, and it is taken for the answer: %s", i, describe(m))
		}
	}
}
