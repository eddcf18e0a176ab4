package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
)

// siteOf is the site of an address.
func siteOf(ip string) site {
	a := netip.MustParseAddr(ip)
	if a.Is4() {
		return site(a.As4()[2])
	}
	return site(a.As16()[3])
}

// routersBetween counts the routers between a host and an address, if there are
// as many between any two sites.
func routersBetween(sites int) func(p ping) int {
	return func(p ping) int {
		if siteOf(p.to).name() == p.from[:1] {
			return 0
		}
		return sites
	}
}

// Three networks, three hosts in each, one router: the first packet of every
// pair arrives though nobody is known, and once everybody is known, nothing is
// sent to the controller.
func TestRouterFirstPackets(t *testing.T) {
	t.Parallel()
	topology, intent := joined("route-pairs", 3, 3)
	w := newWorld(t, topology, intent)
	w.run("cold", func(w *world) {
		for _, h := range topology.Hosts {
			for _, a := range h.Addresses {
				if list := w.bindings("", a.Addr().String()); len(list) != 0 {
					w.t.Fatalf("%s is known before it sent anything: %v", a.Addr(), list)
				}
			}
		}
		targets, pairs := w.everyPair()
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		if n := w.counter("held"); n == 0 {
			w.t.Error("no packet was held: the hosts were known")
		}
	})
	w.run("known", func(w *world) {
		w.confirm()
		before := w.status().Counters
		targets, pairs := w.everyPair()
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		w.unpunted(before)
	})
	w.run("hosts-forget", func(w *world) {
		// Hosts ask for the router again, and the switch answers.
		for _, h := range topology.Hosts {
			w.must(h.Name, "ip", "neigh", "flush", "all")
		}
		before := w.status().Counters
		targets, pairs := w.everyPair()
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
		w.unpunted(before)
	})
}

// unpunted checks that nothing was sent to the controller since the counters
// were read.
func (w *world) unpunted(before map[string]uint64) {
	w.t.Helper()
	after := w.status().Counters
	if n := after["openflow-packet-ins"] - before["openflow-packet-ins"]; n == 0 {
		return
	}
	for name, v := range after {
		if v != before[name] && (strings.HasPrefix(name, "punt-") || name == "openflow-packet-ins") {
			w.t.Errorf("%s grew by %d", name, v-before[name])
		}
	}
}

// Two routers that a network joins, each with static routes to what is behind
// the other.
const twoRouters = `
---
kind: network
name: transit
number: 200
---
kind: router
name: r1
interfaces:
  - {network: a, addresses: [10.1.1.1/24, "fd00:1::1/64"]}
  - {network: transit, addresses: [10.9.0.1/30, "fd00:9::1/64"]}
routes:
  - {prefix: 10.1.2.0/24, via: 10.9.0.2}
  - {prefix: "fd00:2::/64", via: "fd00:9::2"}
---
kind: router
name: r2
interfaces:
  - {network: b, addresses: [10.1.2.1/24, "fd00:2::1/64"]}
  - {network: transit, addresses: [10.9.0.2/30, "fd00:9::2/64"]}
routes:
  - {prefix: 0.0.0.0/0, via: 10.9.0.1}
  - {prefix: "::/0", via: "fd00:9::1"}
`

// Two routers, one behind the other: first packets arrive, the TTL counts both,
// and traceroute shows both in their order.
func TestTwoRouters(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Name: "route-two", Switches: []lab.Switch{{Name: "s1"}},
		Hosts: slices.Concat(site(1).hosts(2), site(2).hosts(2))}
	w := newWorld(t, topology, site(1).network(2)+site(2).network(2)+twoRouters)
	w.run("pairs", func(w *world) {
		targets, pairs := w.everyPair()
		w.checkPings(w.pingOnce(targets), pairs, routersBetween(2))
	})
	w.run("traceroute", func(w *world) {
		// Towards b by r1 and r2, towards a by r2 and r1: each answers with the
		// address of the interface that the packet came in on.
		for _, c := range []struct {
			from string
			to   string
			want []string
		}{
			{"a1", site(2).ip4(1), []string{"10.1.1.1", "10.9.0.2", site(2).ip4(1)}},
			{"b1", site(1).ip4(1), []string{"10.1.2.1", "10.9.0.1", site(1).ip4(1)}},
			{"a1", site(2).ip6(1), []string{"fd00:1::1", "fd00:9::2", site(2).ip6(1)}},
			{"b1", site(1).ip6(1), []string{"fd00:2::1", "fd00:9::1", site(1).ip6(1)}},
		} {
			for _, with := range []string{"-U", "-I"} { // UDP, ICMP
				if got := w.traceroute(c.from, with, c.to); !slices.Equal(got, c.want) {
					w.t.Errorf("traceroute %s from %s to %s: %v, want %v", with, c.from, c.to, got, c.want)
				}
			}
		}
	})
	// What the second router has to say comes back by the first.
	w.run("errors", func(w *world) {
		w.unreachable("a1", "10.1.2.99", "10.9.0.2", "Destination Host Unreachable", hostWait)
		w.unreachable("a1", "fd00:2::99", "fd00:9::2", "Destination unreachable: Address unreachable", hostWait)
		w.unreachable("b1", "198.51.100.1", "10.9.0.1", "Destination Net Unreachable", searchTime)
		w.unreachable("b1", "2001:db8::1", "fd00:9::1", "Destination unreachable: No route", searchTime)
	})
}

// One router on two switches with a link between them: each routes what enters
// it, wherever the next hop is, and a host that moves to the other switch is
// found there.
func TestRouterOnTwoSwitches(t *testing.T) {
	t.Parallel()
	topology := lab.Topology{Name: "route-linked", Switches: []lab.Switch{{Name: "s1"}, {Name: "s2"}}, Links: []lab.Link{{A: "s1", B: "s2"}},
		Hosts: slices.Concat(site(1).hosts(2), site(2).hosts(2))}
	intent, router := "", "---\nkind: router\nname: r1\ninterfaces:\n"
	for s := site(1); s <= 2; s++ {
		intent += fmt.Sprintf("---\nkind: network\nname: %s\nnumber: %d\nports:\n", s.name(), 100+s)
		for i, sw := range []string{"s1", "s2"} {
			link := []string{"s1-s2", "s2-s1"}[i]
			intent += fmt.Sprintf("  - {switch: %s, port: %s}\n  - {switch: %s, port: %s, vlan: %d}\n", sw, s.host(1+i), sw, link, s)
		}
		intent += fmt.Sprintf("  - {switch: s1, port: %s}\n", s.host(2)) // for when it moves
		router += s.routerInterface()
	}
	for i := range topology.Hosts {
		topology.Hosts[i].Switch = "s" + topology.Hosts[i].Name[1:]
	}
	w := newWorld(t, topology, intent+router)
	targets, pairs := w.everyPair()
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
	w.confirm()
	before := w.status().Counters
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
	w.unpunted(before)

	ctx, cancel := w.context()
	defer cancel()
	if err := w.lab.MoveHost(ctx, "b2", "s1", 0); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{site(2).ip4(2), site(2).ip6(2)} {
		w.eventually("b2 at its new place", func() (bool, string) {
			out, code := w.exec("a2", "ping", "-n", "-c", "1", "-W", "1", ip)
			return code == 0, out
		})
	}
	w.checkPings(w.pingOnce(targets), pairs, routersBetween(1))
}

// traceroute returns the addresses on the way to a destination.
func (w *world) traceroute(from, with, to string) (hops []string) {
	w.t.Helper()
	out := w.must(from, "traceroute", "-n", "-q", "1", "-w", "4", "-m", "6", with, to)
	for n, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if fields := strings.Fields(line); n > 0 && len(fields) > 1 && fields[0] == fmt.Sprint(n) {
			hops = append(hops, fields[1])
		}
	}
	return hops
}
