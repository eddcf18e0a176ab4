package e2e

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

const uplinkIntent = `
---
kind: network
name: wan
number: 300
ports:
  - {switch: s1, port: u1, vlan: 40, role: uplink}
  - {switch: s1, port: u2, vlan: 40, role: uplink}
---
kind: router
name: r1
interfaces:
  - {network: a, addresses: [10.1.1.1/24, "fd00:1::1/64"]}
  - network: wan
    mac: 02:00:00:00:09:02
    addresses: [10.9.0.2/24, "fd00:9::2/64"]
routes:
  - {prefix: 0.0.0.0/0, via: [10.9.0.11, 10.9.0.12]}
  - {prefix: "::/0", via: ["fd00:9::11", "fd00:9::12"]}
`

var wanMAC = packet.MAC{0x02, 0, 0, 0, 0x09, 0x02}

// Two routers of somebody else's are behind uplinks, in VLAN 40: they hear of
// the interface's addresses, are resolved as any neighbour, and share what is
// sent to the world behind them.
func TestRouterUplink(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Name: "route-uplink", Switches: []lab.Switch{{Name: "s1"}}, Hosts: site(1).hosts(2)}
	for i := 1; i <= 2; i++ {
		topology.Hosts = append(topology.Hosts, lab.Host{
			Name: fmt.Sprintf("u%d", i), VLAN: 40, Down: true, NoDAD: true,
			Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.9.0.1%d/24", i)), netip.MustParsePrefix(fmt.Sprintf("fd00:9::1%d/64", i))},
			Gateways:  []netip.Addr{netip.MustParseAddr("10.9.0.2"), netip.MustParseAddr("fd00:9::2")},
		})
	}
	w := newWorld(t, topology, site(1).network(2)+uplinkIntent)
	seen := w.capture("u1")
	for _, u := range []string{"u1", "u2"} {
		if err := w.lab.SetLink(u, true); err != nil {
			t.Fatal(err)
		}
		// The world behind it.
		w.must(u, "sh", "-c", "ip addr add 198.51.100.1/32 dev lo && ip addr add 2001:db8::1/128 dev lo nodad")
	}
	w.run("N11-announces", func(w *world) { announces(w, seen, 1) })
	w.run("resolves", uplinkResolves)
	w.run("shares", uplinkShares)
	w.run("N11-announced-enough", func(w *world) { announced(w, seen, 1) })
	w.isat.kill()
	w.start(w.listen)
	w.synced()
	w.run("N11-announces-after-a-restart", func(w *world) { announces(w, seen, 2) })
	w.run("still-known", uplinkStillKnown)
	w.run("N11-announced-enough-again", func(w *world) { announced(w, seen, 2) })
}

// wanAddresses are the addresses of the interface that are announced.
func wanAddresses() []string { return []string{"10.9.0.2", "fd00:9::2", linkLocal(wanMAC)} }

// announcementsOf are the times at which an address was announced, with
// VLAN 40's tag.
func announcementsOf(all []lab.Frame, ip string) (times []time.Time) {
	want := announcementOf(ip)
	for _, f := range all {
		if !f.Out && string(f.Data) == string(want) {
			times = append(times, f.Time)
		}
	}
	return times
}

// announcementOf is an ARP announcement (RFC 5227 §2.3), or an unsolicited NA of
// a router that overrides (RFC 4861 §7.2.6).
func announcementOf(ip string) []byte {
	if addrIs4(ip) {
		return tag(request(wanMAC, ip, ip), 40)
	}
	return tag(guest{mac: wanMAC, ip6: ip}.advertise(true, false, true), 40)
}

// announces waits until every address was announced three times in this run of
// isat, and checks that it was done 2 s apart, as far as a busy machine lets it.
//
// conformance: N11
func announces(w *world, seen *lab.Capture, run int) {
	const interval, atLeast = 2 * time.Second, time.Second
	for _, ip := range wanAddresses() {
		w.waitAll(seen, fmt.Sprintf("%d announcements of %s", 3*run, ip), func(all []lab.Frame) bool {
			return len(announcementsOf(all, ip)) >= 3*run
		})
		times := announcementsOf(seen.Frames(), ip)[3*(run-1):]
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < atLeast || d > interval+late {
				w.t.Errorf("announcement %d of %s came %v after the one before", i+1, ip, d)
			}
		}
	}
}

// announced checks, when more than 2 s have passed since the last announcement,
// that there was no other.
//
// conformance: N11
func announced(w *world, seen *lab.Capture, runs int) {
	for _, ip := range wanAddresses() {
		times := announcementsOf(seen.Frames(), ip)
		last := times[len(times)-1]
		w.eventually("3 s of silence", func() (bool, string) { return time.Since(last) > 3*time.Second, "" })
		if n := len(announcementsOf(seen.Frames(), ip)); n != 3*runs {
			w.t.Errorf("%s was announced %d times, want %d", ip, n, 3*runs)
		}
	}
	if n := w.counter("router-announcements"); n != 2*3*uint64(len(wanAddresses())) {
		w.t.Errorf("%d announcements were counted, want 3 of each address at both uplinks", n)
	}
}

func uplinkResolves(w *world) {
	for _, u := range []string{"10.9.0.11", "10.9.0.12", "fd00:9::11", "fd00:9::12"} {
		if list := w.bindings("wan", u); len(list) != 0 {
			w.t.Errorf("%s is known before it was needed: %v", u, list)
		}
	}
	// First pings: to a neighbour, and to the world behind it.
	w.checkPings(w.pingOnce(map[string][]string{
		"a1": {"10.9.0.11", "198.51.100.1", "fd00:9::11", "2001:db8::1"},
		"a2": {"198.51.100.1", "2001:db8::1"},
	}), 6, func(ping) int { return 1 })
	b := w.learned("wan", "10.9.0.11", "reachable")
	if b.Port != "u1" || b.PortVLAN != 40 {
		w.t.Errorf("binding %+v", b)
	}
	// And from there to the inside.
	w.checkPings(w.pingOnce(map[string][]string{"u1": {site(1).ip4(1), site(1).ip6(2)}, "u2": {site(1).ip4(2)}}), 3, func(ping) int { return 1 })
}

// Flows are spread over both next hops by their addresses and ports, and each
// stays with its own.
func uplinkShares(w *world) {
	for _, u := range []string{"10.9.0.11", "10.9.0.12", "fd00:9::11", "fd00:9::12"} {
		w.resolveIn("wan", u)
	}
	const flows, each = 64, 5
	g := guest{mac: w.mac("a1"), ip: site(1).ip4(1), ip6: site(1).ip6(1)}
	mac := w.routerMAC(1)
	for _, to := range []string{"198.51.100.1", "2001:db8::1"} {
		at := map[string]*lab.Capture{"u1": w.capture("u1"), "u2": w.capture("u2")}
		by := make(map[string]map[layers.UDPPort]int)
		for round := range each { // what is sent faster than the switch reads is lost in the socket
			for n := range flows {
				d := udp(g, mac, to, "")
				d.body = []gopacket.SerializableLayer{&layers.UDP{SrcPort: layers.UDPPort(10000 + n), DstPort: 9}, gopacket.Payload("flow")}
				w.send("a1", d.frame())
			}
			w.eventually(fmt.Sprintf("all datagrams to %s of round %d", to, round+1), func() (bool, string) {
				sum := 0
				for u, c := range at {
					by[u] = flowsIn(c.Frames(), to)
					for _, n := range by[u] {
						sum += n
					}
				}
				return sum >= flows*(round+1), fmt.Sprint(by)
			})
		}
		for port, n := range by["u1"] {
			if n != each || by["u2"][port] != 0 {
				w.t.Errorf("%s: the flow from port %d went %d times by u1, %d times by u2", to, port, n, by["u2"][port])
			}
		}
		// Of 64 flows a fair hash puts fewer than 12 on one side in less than
		// one of a million cases.
		if n := len(by["u1"]); n < 12 || n > flows-12 {
			w.t.Errorf("%s: %d of %d flows go by u1", to, n, flows)
		}
		for _, c := range at {
			if err := c.Close(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// flowsIn counts the datagrams for an address by their source port.
func flowsIn(all []lab.Frame, to string) map[layers.UDPPort]int {
	n := make(map[layers.UDPPort]int)
	for _, f := range all {
		p := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
		if u, ok := p.TransportLayer().(*layers.UDP); ok && !f.Out && u.DstPort == 9 && p.NetworkLayer().NetworkFlow().Dst().String() == to {
			n[u.SrcPort]++
		}
	}
	return n
}

func uplinkStillKnown(w *world) {
	held := w.counter("held")
	w.checkPings(w.pingOnce(map[string][]string{"a1": {"198.51.100.1", "2001:db8::1"}, "a2": {"198.51.100.1"}}), 3, func(ping) int { return 1 })
	if n := w.counter("held") - held; n != 0 {
		w.t.Errorf("%d packets were held for known next hops", n)
	}
}
