package flowsim_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/packet"
)

// TestTrunkKeepsPriority sends frames of every 802.1p priority from a trunk back to it, into the same
// VLAN and from another: the priority stays, whichever came before. Open vSwitch used to keep or drop it as
// the flow that it had cached said, when the tag that was put on looked like the one taken off.
func TestTrunkKeepsPriority(t *testing.T) {
	w := routersWorld()
	b := newBoth(t, w)
	to := w.Host("right5")
	for _, c := range []struct{ name, host, router string }{{"the same VLAN", "right5", "r2-right"}, {"another VLAN", "gw2", "r1-wan"}} {
		t.Run(c.name, func(t *testing.T) {
			host, router := w.Host(c.host), w.Host(c.router)
			p := echo4(w, "10.1.2.15").change(func(p *ipPacket) {
				p.dst, p.src, p.from, p.tag = router.MAC, host.MAC, host.IPs[0].String(), host.Trunk
			})
			for _, priority := range []uint16{0, 5, 0, 7, 1} {
				frame := p.frame()
				frame[14] |= byte(priority << 5)
				got, err := b.compare(to.Port, frame)
				if err != nil {
					t.Fatalf("priority %d: not as in the switch: %v", priority, err)
				}
				if len(got.Outputs) != 1 {
					t.Fatalf("priority %d: out of %s", priority, portsOf(got.Outputs))
				}
				if tci := binary.BigEndian.Uint16(got.Outputs[0].Frame[14:]); tci != priority<<13|to.Trunk {
					t.Errorf("priority %d: out in VLAN %d with priority %d, want VLAN %d", priority, tci&0xfff, tci>>13, to.Trunk)
				}
			}
		})
	}
}

// TestFloodKeepsPriority floods from one trunk to another: unknown unicast, a broadcast of no protocol that
// isat knows, and an announcement, which passes the tables for questions.
func TestFloodKeepsPriority(t *testing.T) {
	w := ovstest.World{Name: "trunks", Ports: 2, Text: `
kind: network
name: tagged
number: 100
ports: [{switch: br0, port: p1, vlan: 10}, {switch: br0, port: p2, vlan: 10}]
`}
	b := newBoth(t, w)
	host := ovstest.Host{MAC: packet.MAC{2, 0, 0, 0, 0, 1}, Port: 1, Trunk: 10, Net: 100, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	announcement := asks(host, "10.0.0.1")
	announcement.tag = host.Trunk
	other := func(to packet.MAC) []byte {
		return slices.Concat(to[:], host.MAC[:], []byte{0x81, 0, 0, 10, 0x12, 0x34}, make([]byte, 46))
	}
	for name, plain := range map[string][]byte{"unicast": other(packet.MAC{2, 0, 0, 0, 0, 9}), "broadcast": other(packet.Broadcast), "announcement": announcement.frame()} {
		t.Run(name, func(t *testing.T) {
			for _, priority := range []uint16{0, 5, 0, 7} {
				frame := slices.Clone(plain)
				frame[14] |= byte(priority << 5)
				got, err := b.compare(1, frame)
				if err != nil {
					t.Fatalf("priority %d: not as in the switch: %v", priority, err)
				}
				if len(got.Outputs) != 1 || got.Outputs[0].Port != 2 {
					t.Fatalf("priority %d: out of %s", priority, portsOf(got.Outputs))
				}
				if tci := binary.BigEndian.Uint16(got.Outputs[0].Frame[14:]); tci != priority<<13|host.Trunk {
					t.Errorf("priority %d: out in VLAN %d with priority %d", priority, tci&0xfff, tci>>13)
				}
			}
		})
	}
}
