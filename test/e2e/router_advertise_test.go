package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/internal/lab"
)

const advertiseIntent = `
---
kind: router
name: r1
interfaces:
  - network: a
    addresses: [10.1.1.1/24, "fd00:1::1/64"]
    advertise: {interval: 4s, mtu: 1400, rdnss: ["fd00:1::53"], dnssl: [example.org]}
  - {network: b, addresses: [10.1.2.1/24, "fd00:2::1/64"]}
`

// A host without an address makes itself one of what the router advertises, and
// reaches other networks (RFC 4862).
func TestRouterAdvertisements(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Name: "route-ra", Switches: []lab.Switch{{Name: "s1"}}, Hosts: slices.Concat(
		[]lab.Host{{Name: "a1", Down: true}, {Name: "a2", NoDAD: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.1.12/24")}}}, site(2).hosts(1))}
	w := newWorld(t, topology, site(1).network(2)+site(2).network(1)+advertiseIntent)
	seen := w.capture("a1")
	if err := w.lab.SetLink("a1", true); err != nil {
		t.Fatal(err)
	}
	w.run("SLAAC", slaac)
	w.run("solicited", solicited)
	w.run("periodic", func(w *world) { periodic(w, seen) })
	w.run("ends", func(w *world) { advertisingEnds(w, seen) })
}

func slaac(w *world) {
	h, err := w.lab.Host("a1")
	if err != nil {
		w.t.Fatal(err)
	}
	own := strings.Replace(linkLocal(h.MAC), "fe80::", "fd00:1::", 1)
	w.eventually("the address "+own, func() (bool, string) {
		out := w.must("a1", "ip", "-6", "-o", "addr", "show", "dev", "eth0")
		return strings.Contains(out, own+"/64") && !strings.Contains(out, "tentative"), out
	})
	route := w.must("a1", "ip", "-6", "route", "show", "default")
	if by := linkLocal(w.routerMAC(1)); !strings.Contains(route, "via "+by+" ") || !strings.Contains(route, "proto ra") || !strings.Contains(route, "mtu 1400") {
		w.t.Errorf("default route %q, want one by %s, from an advertisement, with an MTU of 1400", route, by)
	}
	if mtu := w.must("a1", "cat", "/proc/sys/net/ipv6/conf/eth0/mtu"); strings.TrimSpace(mtu) != "1400" {
		w.t.Errorf("the link's MTU is %s", mtu)
	}
	w.checkPings(w.pingOnce(map[string][]string{"a1": {site(2).ip6(1), "fd00:2::1"}}), 2, func(p ping) int {
		if p.to == "fd00:2::1" {
			return 64 - 255
		}
		return 1
	})
	w.checkPings(w.pingOnce(map[string][]string{"b1": {own}}), 1, func(ping) int { return 1 })
	if b := w.learned("a", own, "reachable"); b.Port != "a1" {
		w.t.Errorf("binding %+v", b)
	}
}

// A solicitation is answered within a second (RFC 4861 §6.2.6), with what the
// intent says.
func solicited(w *world) {
	out := w.must("a2", "rdisc6", "-1", "-w", "1000", "-r", "1", "eth0")
	for _, want := range []string{
		`Hop limit +: +64 `, `Stateful address conf\. +: +No`, `Stateful other conf\. +: +No`, `Router lifetime +: +12 `,
		`Prefix +: fd00:1::/64`, `On-link +: +Yes`, `Autonomous address conf\.: +Yes`, `MTU +: +1400 bytes`,
		`Source link-layer address: ` + strings.ToUpper(w.routerMAC(1).String()), `Recursive DNS server +: fd00:1::53`, `DNS search list +: example.org`,
		`from ` + linkLocal(w.routerMAC(1)),
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			w.t.Errorf("the advertisement has no %s:\n%s", want, out)
		}
	}
	// It goes to nobody else, and a network whose router is silent has none.
	if out, code := w.exec("b1", "rdisc6", "-1", "-w", "300", "-r", "1", "eth0"); code == 0 {
		w.t.Errorf("a router that does not advertise answers:\n%s", out)
	}
}

// advertisements are the multicast router advertisements that a host received,
// with their lifetimes.
func advertisements(all []lab.Frame) (times []time.Time, lifetimes []uint16) {
	for _, f := range all {
		p := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
		ra, ok := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
		if !ok || f.Out || f.Data[0] != 0x33 {
			continue
		}
		times, lifetimes = append(times, f.Time), append(lifetimes, ra.RouterLifetime)
	}
	return times, lifetimes
}

// Unsolicited advertisements come between a third of the interval and the whole
// of it apart (RFC 4861 §6.2.1, §6.2.4).
func periodic(w *world, seen *lab.Capture) {
	w.waitAll(seen, "four advertisements", func(all []lab.Frame) bool {
		times, _ := advertisements(all)
		return len(times) >= 4
	})
	times, _ := advertisements(seen.Frames())
	const interval, jitter = 4 * time.Second, 500 * time.Millisecond
	for i := 1; i < len(times); i++ {
		if d := times[i].Sub(times[i-1]); d < interval/3-jitter || d > interval+late {
			w.t.Errorf("advertisement %d came %v after the one before", i+1, d)
		}
	}
}

// A router that stops to advertise says so, and hosts take its route away (RFC
// 4861 §6.2.5).
func advertisingEnds(w *world, seen *lab.Capture) {
	text := w.intentText()
	start := strings.Index(text, "    advertise:")
	end := start + strings.Index(text[start:], "\n") + 1
	w.reload(text[:start]+text[end:], "intent read again")
	w.waitAll(seen, "an advertisement of lifetime 0", func(all []lab.Frame) bool {
		_, lifetimes := advertisements(all)
		return len(lifetimes) > 0 && lifetimes[len(lifetimes)-1] == 0
	})
	w.eventually("no default route any more", func() (bool, string) {
		out := w.must("a1", "ip", "-6", "route", "show", "default")
		return strings.TrimSpace(out) == "", out
	})
	if out, code := w.exec("a2", "rdisc6", "-1", "-w", "300", "-r", "1", "eth0"); code == 0 {
		w.t.Errorf("it still answers solicitations:\n%s", out)
	}
	// With it back, hosts have their route back, without asking.
	w.reload(text, "intent read again")
	w.eventually("the default route again", func() (bool, string) {
		out := w.must("a1", "ip", "-6", "route", "show", "default")
		return strings.Contains(out, "proto ra"), fmt.Sprint(out)
	})
}
