package e2e

import (
	octets "encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// stage is a world for the conformance tests: its hosts are bare cables whose
// kernels say nothing, so that every frame on them is the test's or isat's.
type stage struct {
	*world
	ports  []string
	cables []cable
	guests *int // how many addresses were given out
	marks  *int // how many markers were sent
	at     map[string]*lab.Capture
	read   map[string]int // frames of each capture that were accounted for
	asked  []byte         // what isat asks an owner that is doubted, and may ask again at any time
}

// cable is a way for markers: out of one host and in at another of the same
// network, with the VLAN tag that the network has on either, 0 for none.
type cable struct {
	from, to      string
	tagOut, tagIn uint16
}

// newStage starts a world with the ports h1…hn. Without cables there is one from
// each port to the next.
func newStage(t *testing.T, name string, n int, intent string, cables ...cable) *stage {
	t.Helper()
	topology := lab.Topology{Name: name, Switches: []lab.Switch{{Name: "s1"}}}
	s := &stage{guests: new(int), marks: new(int), cables: cables}
	for i := range n {
		port := fmt.Sprintf("h%d", i+1)
		s.ports = append(s.ports, port)
		topology.Hosts = append(topology.Hosts, lab.Host{Name: port, Down: true})
		if len(cables) == 0 {
			s.cables = append(s.cables, cable{from: port, to: fmt.Sprintf("h%d", (i+1)%n+1)})
		}
	}
	s.world = newWorld(t, topology, intent)
	for _, port := range s.ports {
		// The kernel's own ND would be noise. Without it there is nothing to wait
		// for, either.
		s.must(port, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6 && ip link set eth0 up")
	}
	s.warmUp()
	return s
}

// warmUp sends on every cable until something comes out: a link that has come up
// takes its time to carry frames.
func (s *stage) warmUp() {
	s.t.Helper()
	for _, c := range s.cables {
		seen, err := s.lab.Capture(c.to, "in")
		if err != nil {
			s.t.Fatal(err)
		}
		s.eventually("a frame from "+c.from+" to "+c.to, func() (bool, string) {
			s.send(c.from, tagged(frameOf(packet.Broadcast, markerMAC(c.from), markerType, nil), c.tagOut))
			return count(seen.Frames(), func(f lab.Frame) bool { return f.Data[11] == markerMAC(c.from)[5] }) > 0, ""
		})
		if err := seen.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// run runs a subtest with captures of its own.
func (s *stage) run(name string, f func(s *stage)) {
	s.t.Run(name, func(t *testing.T) {
		w := *s.world
		w.t = t
		sub := &stage{world: &w, ports: s.ports, cables: s.cables, guests: s.guests, marks: s.marks, at: map[string]*lab.Capture{}, read: map[string]int{}}
		for _, port := range s.ports {
			sub.at[port] = w.capture(port)
		}
		sub.still()
		sub.received()
		f(sub)
	})
}

// guest is a made-up host behind one of the cables.
type guest struct {
	at  string
	mac packet.MAC
	ip  string
	ip6 string
}

// guest makes a host with addresses that no other has.
func (s *stage) guest(at string) guest {
	*s.guests++
	n := *s.guests
	return guest{
		at:  at,
		mac: packet.MAC{0x02, 0xaa, 0, 0, byte(n >> 8), byte(n)},
		ip:  fmt.Sprintf("10.1.%d.%d", n>>8, n&0xff),
		ip6: fmt.Sprintf("fd00:1::%x", n),
	}
}

// tag puts a VLAN tag on a frame.
func tag(frame []byte, tci uint16) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, byte(tci >> 8), byte(tci)}, frame[12:])
}

// tagged is tag, but for VLAN 0.
func tagged(frame []byte, vlan uint16) []byte {
	if vlan == 0 {
		return frame
	}
	return tag(frame, vlan)
}

// known4 announces the guest's IPv4 address, and waits until the switch answers
// for it.
func (s *stage) known4(g guest) guest {
	s.t.Helper()
	s.send(g.at, request(g.mac, g.ip, g.ip))
	s.bound(g.ip, g.mac, "reachable")
	return g
}

// known6 advertises the guest's IPv6 address, and waits until the switch
// answers for it.
func (s *stage) known6(g guest) guest {
	s.t.Helper()
	s.send(g.at, g.advertise(false, false, true))
	s.bound(g.ip6, g.mac, "reachable")
	return g
}

// bound waits until an address of the default network is bound to a MAC, in
// isat and in the switch, and forgets what was on the wire until then.
func (s *stage) bound(ip string, mac packet.MAC, state string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s %s at %s", state, ip, mac), func() (bool, string) {
		list := s.bindings("default", ip)
		return len(list) == 1 && list[0].State == state && list[0].MAC == mac.String(), fmt.Sprint(list)
	})
	owner := fmt.Sprintf("reg5=0x%x", octets.BigEndian.Uint32(mac[2:]))
	s.eventually("the flow of "+ip, func() (bool, string) {
		out := s.flowsOf(tableOwners, ip)
		return strings.Contains(out, owner), out
	})
	s.revalidated()
}

// revalidated makes the flows that isat has sent hold for every packet at once:
// Open vSwitch's cache, which would follow the tables after a moment, is
// emptied. What was on the wire until then is forgotten.
func (s *stage) revalidated() {
	s.t.Helper()
	s.still()
	if out, err := s.lab.Appctl("revalidator/purge"); err != nil {
		s.t.Fatal(err, out)
	}
	s.received()
}

// unbound checks that nothing is known of an address.
func (s *stage) unbound(ip string) {
	s.t.Helper()
	if list := s.bindings("", ip); len(list) != 0 {
		s.t.Errorf("%s was learned: %v", ip, list)
	}
}

// explain is what isat says of an address of the default network.
func (s *stage) explain(ip string) view.Explanation {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	list, err := s.client.Explain(ctx, api.Target{IP: netip.MustParseAddr(ip), Network: "default"})
	if err != nil || len(list) != 1 {
		s.t.Fatalf("explain %s: %v %v", ip, list, err)
	}
	return list[0]
}

// markerType is the EtherType of the stage's own frames (IEEE 802, for
// experiments).
const markerType = 0x88b5

// still waits until whatever was sent has been handled by the switch and isat,
// and what they sent has arrived. Switch and isat keep to the order on every
// cable and on their connection, so it is enough that markers have passed: one
// through every cable, then one by way of isat, then one through every cable
// again. The way by isat is gone twice, because isat may answer for known
// addresses at the end of what it read at once.
func (s *stage) still() {
	s.t.Helper()
	s.markCables()
	s.markIsat()
	s.markIsat()
	s.markCables()
}

func (s *stage) markCables() {
	s.t.Helper()
	var markers [][]byte
	for _, c := range s.cables {
		*s.marks++
		marker := frameOf(packet.Broadcast, markerMAC(c.from), markerType, []byte(fmt.Sprintf("marker %d", *s.marks)))
		s.send(c.from, tagged(marker, c.tagOut))
		markers = append(markers, tagged(marker, c.tagIn))
	}
	for i, marker := range markers {
		s.waitFrame(s.cables[i].to, marker)
	}
}

// markIsat sends a probe for an address that nobody has: isat passes it on.
func (s *stage) markIsat() {
	s.t.Helper()
	*s.marks++
	marker := request(markerMAC("h1"), "0.0.0.0", fmt.Sprintf("198.18.%d.%d", *s.marks>>8&0xff, *s.marks&0xff))
	s.send("h1", marker)
	s.waitFrame("h2", marker)
}

func (s *stage) waitFrame(port string, frame []byte) {
	s.t.Helper()
	s.wait(s.at[port], fmt.Sprintf("%x at %s", frame, port), func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(frame) })
}

// markerMAC is the MAC of a port's markers.
func markerMAC(port string) packet.MAC { return packet.MAC{0x02, 0xbb, 0, 0, 0, port[len(port)-1]} }

func isMarker(frame []byte) bool {
	return frame[6] == 0x02 && frame[7] == 0xbb
}

// delivery is a frame that came out at a port.
type delivery struct {
	at    string
	frame []byte
}

func at(port string, frame []byte) delivery { return delivery{port, frame} }

// everywhere is a frame at every port but one.
func (s *stage) everywhere(but string, frame []byte) (out []delivery) {
	for _, port := range s.ports {
		if port != but {
			out = append(out, at(port, frame))
		}
	}
	return out
}

// received returns what came out at all ports since it was called last,
// without markers.
func (s *stage) received() (out []delivery) {
	for _, port := range s.ports {
		frames := s.at[port].Frames()
		for _, f := range frames[s.read[port]:] {
			if !f.Out && !isMarker(f.Data) && string(f.Data) != string(s.asked) {
				out = append(out, delivery{port, f.Data})
			}
		}
		s.read[port] = len(frames)
	}
	return out
}

// exchange sends a frame and checks that exactly the wanted frames come out,
// at all ports together.
func (s *stage) exchange(what, from string, frame []byte, want ...delivery) {
	s.t.Helper()
	s.send(from, frame)
	s.expect(what, want...)
}

// doubted is exchange for a frame that makes an IPv6 owner doubtful, who does not
// answer: isat asks it by unicast, before and afterwards.
func (s *stage) doubted(what, from string, frame []byte, owner guest, want ...delivery) {
	s.t.Helper()
	s.asked = questionTo(owner)
	s.send(from, frame)
	s.learned("default", owner.ip6, "stale")
	s.expect(what, want...)
	s.waitFrame(owner.at, s.asked)
}

// questionTo is what isat asks an IPv6 owner.
func questionTo(owner guest) []byte {
	mac, target := ownMAC, addr(owner.ip6)
	return packet.AppendNS(nil, owner.mac, mac, false, 0, addr("fe80::69:73ff:fe61:7401"), target, target, &mac, nil)
}

// expect checks what came out since the last look.
func (s *stage) expect(what string, want ...delivery) {
	s.t.Helper()
	s.still()
	got := deliveries(s.received())
	if wanted := deliveries(want); !slices.Equal(got, wanted) {
		s.t.Errorf("%s: on the wire\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(wanted, "\n\t"))
	}
}

func deliveries(list []delivery) (out []string) {
	for _, d := range list {
		out = append(out, d.at+" "+hex.EncodeToString(d.frame))
	}
	slices.Sort(out)
	return out
}

// counted checks that f makes counters grow by one each, and no more.
func (s *stage) counted(what string, counters []string, f func()) {
	s.t.Helper()
	before := s.status().Counters
	f()
	s.still()
	after := s.status().Counters
	for _, name := range counters {
		if n := after[name] - before[name]; n != 1 {
			s.t.Errorf("%s: counter %s grew by %d, want 1", what, name, n)
		}
	}
}

// answer is the reply with which owner answers asker's request.
func answer(owner, asker guest) []byte {
	return arp(packet.ARPReply, asker.mac, owner.mac, owner.ip, asker.mac, asker.ip)
}

// asks is the guest's broadcast request for an address.
func (g guest) asks(tpa string) []byte { return request(g.mac, g.ip, tpa) }

// solicits is the guest's multicast NS for an address, as a kernel sends it.
func (g guest) solicits(target string) []byte { return g.solicitsFor(target).frame() }

// probes is the guest's DAD probe for an address, with a nonce (RFC 7527).
func (g guest) probes(target string, nonce ...byte) []byte {
	m := g.solicitsFor(target)
	m.src, m.options = "::", nil
	if len(nonce) > 0 {
		m.options = option(14, nonce...)
	}
	return m.frame()
}

// advertise is the guest's NA for its own address: to all nodes if not
// solicited.
func (g guest) advertise(router, solicited, override bool) []byte {
	m := message{eth: g.mac, src: g.ip6, dst: "ff02::1", kind: packet.NDAdvertisement, target: g.ip6, hops: 255,
		options: option(2, g.mac[:]...)}
	for bit, set := range map[uint32]bool{1 << 31: router, 1 << 30: solicited, 1 << 29: override} {
		if set {
			m.reserved |= bit
		}
	}
	return m.frame()
}

// advertised is the NA with which owner answers asker's NS.
func advertised(owner, asker guest, router bool) []byte {
	return packet.AppendNA(nil, asker.mac, owner.mac, false, 0, addr(owner.ip6), addr(asker.ip6), addr(owner.ip6), owner.mac, router, true, true)
}

// defended is the NA with which owner answers a DAD probe.
func defended(owner guest, router bool) []byte {
	all := packet.AllNodes()
	return packet.AppendNA(nil, packet.MulticastMAC(all), owner.mac, false, 0, addr(owner.ip6), all, addr(owner.ip6), owner.mac, router, false, true)
}

// message is an NS or NA of which everything can be wrong.
type message struct {
	eth      packet.MAC
	to       packet.MAC // zero: that of dst's group
	src, dst string
	kind     byte
	code     byte
	reserved uint32
	target   string
	options  []byte
	hops     byte
	cut      int    // octets that are missing at the end
	spoil    uint16 // flips bits of the checksum
	fragment []byte // a fragment header
}

func option(kind byte, value ...byte) []byte {
	b := append([]byte{kind, byte((len(value) + 9) / 8)}, value...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func solicitedNode(target string) string {
	return netip.AddrFrom16(packet.SolicitedNode(addr(target))).String()
}

func (g guest) solicitsFor(target string) message {
	return message{eth: g.mac, src: g.ip6, dst: solicitedNode(target), kind: packet.NDSolicitation, target: target, hops: 255,
		options: option(1, g.mac[:]...)}
}

// frame builds the message, with a checksum that is right unless spoilt.
func (m message) frame() []byte {
	target, src, dst := addr(m.target), addr(m.src), addr(m.dst)
	body := octets.BigEndian.AppendUint32([]byte{m.kind, m.code, 0, 0}, m.reserved)
	body = slices.Concat(body, target[:], m.options)
	body = body[:len(body)-m.cut]
	octets.BigEndian.PutUint16(body[2:], packet.ICMPv6Checksum(src, dst, body)^m.spoil)
	to := m.to
	if to.IsZero() {
		to = packet.MulticastMAC(dst)
	}
	next := byte(58)
	if m.fragment != nil {
		next = 44
	}
	b := slices.Concat(to[:], m.eth[:], []byte{0x86, 0xdd, 0x60, 0, 0, 0})
	b = octets.BigEndian.AppendUint16(b, uint16(len(m.fragment)+len(body)))
	b = append(b, next, m.hops)
	return slices.Concat(b, src[:], dst[:], m.fragment, body)
}

// toMAC is a frame with another Ethernet destination.
func toMAC(frame []byte, mac packet.MAC) []byte {
	return slices.Concat(mac[:], frame[6:])
}
