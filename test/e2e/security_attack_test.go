package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/packet"
)

// The limits are such that an attacker is beyond them at once.
const attackIntent = `
kind: limits
bindingsPerPort: 64
stationsPerPort: 64
`

// Attackers with the tools that there are, behind a port that believes what it
// hears unless it is contradicted: the others' bindings are not stolen, they are
// answered and reached as ever, and nothing grows beyond its limit.
//
// conformance: R4, S7, S8
func TestAttackers(t *testing.T) {
	need(t, "arpspoof", "atk6-parasite6", "atk6-flood_advertise6", "atk6-flood_solicitate6", "atk6-flood_router26", "atk6-flood_dhcpc6", "atk6-fake_advertise6")
	w := newWorld(t, hosts("attackers", 4), attackIntent)
	w.must("h2", "ping", "-c", "1", "-W", "5", "10.0.0.3")
	w.must("h2", "ping", "-c", "1", "-W", "5", "fd00::3")
	w.run("arpspoof", attackARP)
	w.run("advertise", attackND)
	w.run("parasite", attackParasite)
	for _, flood := range []string{"atk6-flood_advertise6", "atk6-flood_solicitate6", "atk6-flood_router26", "atk6-flood_dhcpc6"} {
		w.run(flood, func(w *world) { attackFlood(w, flood) })
	}
}

// unharmed checks that h2 and h3 have their addresses, and reach each other.
func unharmed(w *world) {
	w.t.Helper()
	for host, ips := range map[string][]string{"h2": {"10.0.0.2", "fd00::2"}, "h3": {"10.0.0.3", "fd00::3"}} {
		for _, ip := range ips {
			w.eventually(host+" has "+ip, func() (bool, string) {
				list := w.bindings("default", ip)
				return len(list) == 1 && list[0].MAC == w.mac(host).String() && list[0].Port == host && list[0].State == "reachable", fmt.Sprint(list)
			})
		}
	}
	w.must("h2", "sh", "-c", "ip neigh flush dev eth0; ping -c 1 -W 5 10.0.0.3 && ping -c 1 -W 5 fd00::3")
}

// bounded checks that what is known behind the attacker's port is within limits.
func bounded(w *world) {
	w.t.Helper()
	n := 0
	for _, b := range w.bindings("default", "") {
		if b.Port == "h1" {
			n++
		}
	}
	if n > 64 {
		w.t.Errorf("%d bindings are behind the attacker's port", n)
	}
}

// claimsOf counts what was decided about claims.
func claimsOf(w *world) uint64 {
	return w.counter("decision-asked-claimed") + w.counter("decision-refused-owner-answers")
}

func attackARP(w *world) {
	before, seen, liar := claimsOf(w), w.capture("h2"), w.mac("h1")
	out, _ := w.exec("h1", "timeout", "4", "arpspoof", "-i", "eth0", "-t", "10.0.0.2", "10.0.0.3")
	if !strings.Contains(out, "arp reply 10.0.0.3 is-at") {
		w.t.Fatalf("arpspoof did nothing:\n%s", out)
	}
	nothingFrom(w, seen, "h1", "h2", func(v *packet.Frame) bool {
		var a packet.ARP
		return v.EtherType == packet.EtherTypeARP && a.Parse(v.Payload) == nil && a.SPA == [4]byte{10, 0, 0, 3} && a.SHA == liar
	})
	unharmed(w)
	if claimsOf(w) == before {
		w.t.Error("nobody was asked, and nothing refused")
	}
}

func attackND(w *world) {
	before, seen, liar := claimsOf(w), w.capture("h2"), w.mac("h1")
	w.exec("h1", "timeout", "10", "atk6-fake_advertise6", "-n", "2", "-w", "1", "eth0", "fd00::3", "fd00::2")
	nothingFrom(w, seen, "h1", "h2", func(v *packet.Frame) bool {
		var n packet.ND
		return v.EtherType == packet.EtherTypeIPv6 && n.Parse(v.Payload) == nil && n.Target == addr("fd00::3") && n.TLL == liar
	})
	unharmed(w)
	if claimsOf(w) == before {
		w.t.Error("nobody was asked, and nothing refused")
	}
}

// attackParasite answers whatever solicitation it hears: of known addresses it
// hears none.
func attackParasite(w *world) {
	ctx, cancel := w.context()
	defer cancel()
	c, err := w.lab.Command(ctx, "h1", "timeout", "6", "atk6-parasite6", "eth0")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = c.Wait() }()
	for range 5 {
		unharmed(w)
	}
	w.exec("h2", "ping", "-c", "2", "-W", "1", "fd00::77") // nobody has it, and the parasite says it does
	unharmed(w)
}

func attackFlood(w *world, tool string) {
	ctx, cancel := w.context()
	defer cancel()
	seen := w.counter("openflow-packet-ins")
	c, err := w.lab.Command(ctx, "h1", "timeout", "4", tool, "eth0")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the flood", func() (bool, string) {
		n := w.counter("openflow-packet-ins")
		return n > seen+50, fmt.Sprint(n - seen)
	})
	unharmed(w)
	bounded(w)
	// A host that nobody knew is found all the while.
	w.must("h4", "sh", "-c", "ip addr add 10.0.0.44/24 dev eth0; ip addr add fd00::44/64 dev eth0 nodad")
	w.must("h2", "ping", "-c", "1", "-W", "5", "10.0.0.44")
	w.must("h2", "ping", "-c", "1", "-W", "5", "fd00::44")
	_ = c.Wait()
	w.must("h4", "sh", "-c", "ip addr del 10.0.0.44/24 dev eth0; ip addr del fd00::44/64 dev eth0")
	w.settled()
	unharmed(w)
	bounded(w)
}
