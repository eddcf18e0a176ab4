package core

import (
	"hash/maphash"
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/fabric"
	"github.com/isat-sdn/isat/internal/intent"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

var testSeed = maphash.MakeSeed()

// No frame makes the core panic, or teaches it what nobody can be.
func FuzzPunt(f *testing.F) {
	mac, target := hostMAC(1), six(netip.MustParseAddr("10.0.0.2"))
	group := packet.SolicitedNode(target)
	for _, frame := range [][]byte{
		nil,
		packet.AppendARP(nil, packet.Broadcast, mac, false, 0, &packet.ARP{Op: 1, SHA: mac, SPA: [4]byte{10, 0, 0, 1}, TPA: [4]byte{10, 0, 0, 2}}),
		packet.AppendARP(nil, packet.Broadcast, mac, true, 7, &packet.ARP{Op: 1, SHA: mac, TPA: [4]byte{10, 0, 0, 2}}),
		packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, target, group, target, &mac, []byte("nonce!")),
		packet.AppendNA(nil, mac, mac, false, 0, target, target, target, mac, true, true, true),
	} {
		f.Add(byte(pipeline.ReasonSearch), uint32(1), uint64(1), frame)
	}
	f.Fuzz(func(t *testing.T, reason byte, port uint32, metadata uint64, frame []byte) {
		w := newWorld(intent.Default(), Config{Table: binding.Config{Seed: testSeed}}, t.Fatalf)
		sw := w.addSwitch(1, "s1")
		for number := range uint32(3) {
			sw.Ports[number+1] = fabric.Port{Number: number + 1, Name: "p", Up: true}
		}
		w.step(w.connect(sw))
		known := pipeline.Reasons()
		punt := Punt{
			Switch: 1, Reason: known[int(reason)%len(known)], Segment: pipeline.SegmentOf(metadata), Port: binding.PortKey(port), Frame: frame,
		}
		w.step(punt)
		w.step(punt, punt)
		w.sleep(8e9, w.check)
	})
}
