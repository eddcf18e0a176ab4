package flowsim_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/isat-sdn/isat/internal/flowsim/ovstest"
	"github.com/isat-sdn/isat/packet"
	_ "github.com/isat-sdn/isat/test/seed"
)

// TestSimulationIsOpenVSwitch runs mutated frames through the simulation and through Open vSwitch in
// every world: the same frames come out of the same ports, and the same packet-ins arrive.
func TestSimulationIsOpenVSwitch(t *testing.T) {
	for _, w := range ovstest.Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			b := newBoth(t, w)
			rapid.Check(t, func(r *rapid.T) {
				for range 30 {
					port, frame := drawFrame(r, w)
					if got, err := b.compare(port, frame); err != nil {
						r.Fatalf("%v\n%s", err, b.explain(port, frame, got))
					}
				}
			})
		})
	}
}

// drawFrame draws a frame of some kind and perhaps damages it.
func drawFrame(r *rapid.T, w ovstest.World) (uint32, []byte) {
	ports := []uint32{0xfffffffe}
	for p := range w.Ports {
		ports = append(ports, uint32(p+1))
	}
	port := rapid.SampledFrom(ports).Draw(r, "port")
	from := drawHost(r, w)
	if from.Port != 0 && rapid.IntRange(0, 3).Draw(r, "elsewhere") > 0 {
		port = from.Port
		if port >= 0xff00 {
			port |= 0xffff0000
		}
	}
	var frame []byte
	switch rapid.IntRange(0, 5).Draw(r, "kind") {
	case 0, 1:
		frame = drawARP(r, w, from).frame()
	case 2, 3, 4:
		frame = drawND(r, w, from).frame()
	default:
		frame = drawOther(r, w, from)
	}
	return port, damage(r, frame)
}

func drawHost(r *rapid.T, w ovstest.World) ovstest.Host {
	stranger := ovstest.Host{Name: "stranger", MAC: packet.MAC{2, 0, 0, 0, 0xee, 1}, Port: 1}
	hosts := append([]ovstest.Host{stranger}, w.Hosts...)
	return rapid.SampledFrom(hosts).Draw(r, "host")
}

var (
	addresses4 = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.8", "10.0.0.99", "10.1.0.1", "10.1.0.11", "10.1.0.12",
		"10.1.0.14", "10.1.0.255", "10.1.255.255", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"}
	addresses6 = []string{"fe80::1", "fe80::2", "fe80::3", "fe80::4", "fe80::8", "fe80::11", "fe80::12", "fe80::14", "fe80::99", "2001:db8::1",
		"::", "ff02::1", "ff02::1:ff00:1", "ff02::1:ff00:12"}
)

func drawMAC(r *rapid.T, w ovstest.World) packet.MAC {
	macs := []packet.MAC{packet.Broadcast, {}, {0x33, 0x33, 0xff, 0, 0, 1}, {1, 0x80, 0xc2, 0, 0, 0x0e}, {2, 'i', 's', 'a', 't', 1}, {2, 0, 0, 0, 0xee, 1}}
	for _, h := range w.Hosts {
		macs = append(macs, h.MAC)
	}
	return rapid.SampledFrom(macs).Draw(r, "mac")
}

func sometimes(r *rapid.T, do func()) {
	if rapid.IntRange(0, 4).Draw(r, "change") == 0 {
		do()
	}
}

func drawTag(r *rapid.T, from ovstest.Host) uint16 {
	tag := from.Trunk | from.VLAN
	sometimes(r, func() { tag = rapid.SampledFrom([]uint16{0, 7, 10, 20, 30, 4094, 4095, 0x6000 | 10}).Draw(r, "tag") })
	return tag
}

func drawARP(r *rapid.T, w ovstest.World, from ovstest.Host) question {
	q := asks(from, rapid.SampledFrom(addresses4).Draw(r, "target"))
	q.tag = drawTag(r, from)
	sometimes(r, func() { q.arp.Op = rapid.SampledFrom([]uint16{0, 1, 2, 3, 8, 255, 256, 257}).Draw(r, "op") })
	sometimes(r, func() { q.arp.SPA = ip4(rapid.SampledFrom(addresses4).Draw(r, "sender")) })
	sometimes(r, func() { q.arp.SPA = q.arp.TPA })
	sometimes(r, func() { q.arp.SHA = drawMAC(r, w) })
	sometimes(r, func() { q.arp.THA = drawMAC(r, w) })
	sometimes(r, func() { q.dst = drawMAC(r, w) })
	sometimes(r, func() { q.src = drawMAC(r, w) })
	return q
}

func drawND(r *rapid.T, w ovstest.World, from ovstest.Host) question {
	q := solicits(from, rapid.SampledFrom(addresses6).Draw(r, "target"))
	q.tag = drawTag(r, from)
	if rapid.IntRange(0, 3).Draw(r, "advertisement") == 0 {
		q.nd.kind, q.nd.options = 136, linkLayer(2, from.MAC)
		q.nd.flags = rapid.SampledFrom([]uint32{0, 0x20000000, 0x40000000, 0x60000000, 0x80000000, 0xa0000000, 0xc0000000, 0xe0000000, 1}).Draw(r, "flags")
	}
	n := q.nd
	sometimes(r, func() { n.src = ip6(rapid.SampledFrom(addresses6).Draw(r, "source")) })
	sometimes(r, func() { n.src = [16]byte{} })
	sometimes(r, func() { n.dst = ip6(rapid.SampledFrom(addresses6).Draw(r, "destination")) })
	sometimes(r, func() { n.hopLimit = rapid.SampledFrom([]uint8{0, 1, 64, 254}).Draw(r, "hop limit") })
	sometimes(r, func() { n.code = rapid.Uint8().Draw(r, "code") })
	sometimes(r, func() { n.flags = rapid.Uint32().Draw(r, "reserved") })
	sometimes(r, func() { n.options = drawOptions(r, w) })
	sometimes(r, func() { n.badSum = true })
	sometimes(r, func() { n.fragment = true })
	sometimes(r, func() { q.dst = drawMAC(r, w) })
	sometimes(r, func() { q.src = drawMAC(r, w) })
	return q
}

func drawOptions(r *rapid.T, w ovstest.World) []byte {
	var b []byte
	for range rapid.IntRange(0, 3).Draw(r, "options") {
		switch rapid.IntRange(0, 3).Draw(r, "option") {
		case 0:
			b = append(b, linkLayer(1, drawMAC(r, w))...)
		case 1:
			b = append(b, linkLayer(2, drawMAC(r, w))...)
		case 2: // a nonce (RFC 3971 §5.3.2)
			b = append(b, 14, 1, 1, 2, 3, 4, 5, 6)
		default:
			b = append(b, rapid.SampledFrom([]byte{0, 1, 2, 3, 14}).Draw(r, "type"), rapid.SampledFrom([]byte{0, 1, 2, 31}).Draw(r, "length"), 0, 0, 0, 0, 0, 0)
		}
	}
	return b
}

// drawOther draws IPv4, and anything else.
func drawOther(r *rapid.T, w ovstest.World, from ovstest.Host) []byte {
	to := drawMAC(r, w)
	b := append(append([]byte(nil), to[:]...), from.MAC[:]...)
	for range rapid.IntRange(0, 2).Draw(r, "tags") {
		tag := drawTag(r, from)
		b = append(b, rapid.SampledFrom([]byte{0x81, 0x88}).Draw(r, "tpid"), 0, byte(tag>>8), byte(tag))
		if b[len(b)-4] == 0x88 {
			b[len(b)-3] = 0xa8
		}
	}
	b = append(b, rapid.SampledFrom([][]byte{{8, 0}, {8, 6}, {0x86, 0xdd}, {0x80, 0x35}, {0x88, 0x47}, {0, 46}, {0x12, 0x34}}).Draw(r, "ethertype")...)
	return append(b, rapid.SliceOfN(rapid.Byte(), 46, 100).Draw(r, "payload")...)
}

// damage cuts, pads or flips a byte of one frame in a few.
func damage(r *rapid.T, b []byte) []byte {
	const least = 14 // what a switch's port takes
	sometimes(r, func() { b = b[:rapid.IntRange(least, len(b)).Draw(r, "cut")] })
	sometimes(r, func() { b = append(b, make([]byte, rapid.IntRange(1, 40).Draw(r, "pad"))...) })
	sometimes(r, func() { b[rapid.IntRange(0, len(b)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte") })
	return b
}
