package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

const proxyIntent = `
kind: network
name: default
number: 1
subnets:
  - {prefix: 10.1.0.0/16}
  - {prefix: "fd00:1::/64"}
  - {prefix: 10.9.0.0/24, gateway: 10.9.0.1, gatewayMAC: "02:dd:00:00:00:01"}
  - {prefix: "fd09::/64", gateway: "fd09::1", gatewayMAC: "02:dd:00:00:00:01"}
bindings:
  - {ip: 10.9.0.9, mac: "02:dd:00:00:00:09"}
  - {ip: "fd09::9", mac: "02:dd:00:00:00:09"}
  - {ip: 10.9.0.10, macs: ["02:dd:00:00:00:0a", "02:dd:00:00:00:0b"]}
  - {ip: "fd09::10", macs: ["02:dd:00:00:00:0a", "02:dd:00:00:00:0b"]}
---
kind: network
name: dropping
number: 100
unknown: drop
ports:
  - {switch: s1, port: h3}
  - {switch: s1, port: h4}
---
kind: network
name: flooding
number: 200
unknown: flood
ports:
  - {switch: s1, port: h5}
  - {switch: s1, port: h6}
`

// The rules for a proxy (RFC 9161) that the operator has a hand in.
func TestConformanceProxy(t *testing.T) {
	t.Parallel()
	s := newStage(t, "conf-proxy", 6, proxyIntent,
		cable{from: "h1", to: "h2"}, cable{from: "h2", to: "h1"}, cable{from: "h3", to: "h4"},
		cable{from: "h4", to: "h3"}, cable{from: "h5", to: "h6"}, cable{from: "h6", to: "h5"})
	s.run("R1-origins", origins)
	s.run("R1-static", staticBindings)
	s.run("R1-several-permitted", severalPermitted)
	s.run("R1-static-beats-learned", staticBeatsLearned)
	s.run("R3-drop", dropUnknown)
	s.run("R3-flood", floodUnknown)
	s.run("R3-solicit", solicitUnknown)
}

// configured is the holder of a configured address.
func configured(last byte, ip, ip6 string) guest {
	return guest{mac: packet.MAC{0x02, 0xdd, 0, 0, 0, last}, ip: ip, ip6: ip6}
}

// conformance: R1
func origins(s *stage) {
	learned := s.known6(s.known4(s.guest("h1")))
	for ip, want := range map[string]string{
		learned.ip: "arp", learned.ip6: "nd", "10.9.0.1": "gateway", "fd09::1": "gateway", "10.9.0.9": "static", "fd09::9": "static",
	} {
		list := s.bindings("default", ip)
		state := "static"
		if want == "arp" || want == "nd" {
			state = "reachable"
		}
		if len(list) != 1 || list[0].Origin != want || list[0].State != state {
			s.t.Errorf("%s is %v, want one of origin %s, %s", ip, list, want, state)
		}
	}
	// A gateway is answered for like any host, and as a router.
	gateway := configured(1, "10.9.0.1", "fd09::1")
	s.exchange("request for the gateway", "h1", learned.asks(gateway.ip), at("h1", answer(gateway, learned)))
	s.exchange("NS for the gateway", "h1", learned.solicits(gateway.ip6), at("h1", advertised(gateway, learned, true)))
}

// conformance: R1
func staticBindings(s *stage) {
	owner, asker := configured(9, "10.9.0.9", "fd09::9"), s.known6(s.known4(s.guest("h1")))
	// Nobody has heard of the owner yet.
	s.exchange("request", "h1", asker.asks(owner.ip), at("h1", answer(owner, asker)))
	s.exchange("NS", "h1", asker.solicits(owner.ip6), at("h1", advertised(owner, asker, false)))
	prober := s.guest("h1")
	s.exchange("probe", "h1", prober.probesFor(owner.ip), at("h1", conflict(owner, prober)))
	s.exchange("DAD", "h1", prober.probes(owner.ip6, nonce...), at("h1", defended(owner, false)))

	// Others may say what they like.
	liar := s.guest("h2")
	liar.ip, liar.ip6 = owner.ip, owner.ip6
	for what, frame := range map[string][]byte{
		"announcement": liar.asks(liar.ip),
		"reply":        arpOp(packet.ARPReply, asker.mac, liar, asker.ip),
		"NA":           liar.advertise(false, false, true),
		"NS":           liar.solicits(asker.ip6),
	} {
		s.counted(what+" of a liar", []string{"binding-refused-configured"}, func() { s.send("h2", frame) })
		s.received()
	}
	s.exchange("request", "h1", asker.asks(owner.ip), at("h1", answer(owner, asker)))
	s.exchange("NS", "h1", asker.solicits(owner.ip6), at("h1", advertised(owner, asker, false)))

	// The owner turns up: now he has a place, and what only he can answer
	// reaches him.
	s.send("h2", owner.asks(owner.ip))
	s.send("h2", owner.advertise(false, false, true))
	s.eventually("the owner's place", func() (bool, string) {
		b := s.bindings("default", owner.ip6)
		return len(b) == 1 && b[0].Port == "h2", fmt.Sprint(b)
	})
	s.revalidated()
	secured := asker.solicitsWith(owner.ip6, option(12, make([]byte, 30)...))
	s.exchange("secured NS", "h1", secured, at("h2", toMAC(secured, owner.mac)))
	own := owner.probes(owner.ip6, nonce...)
	s.exchange("the owner's own probe", "h2", own, at("h1", own))
}

// conformance: R1
func severalPermitted(s *stage) {
	first, second := configured(0x0a, "10.9.0.10", "fd09::10"), configured(0x0b, "10.9.0.10", "fd09::10")
	asker := s.known6(s.known4(s.guest("h1")))
	answeredBy := func(what string, g guest) {
		s.t.Helper()
		s.exchange(what, "h1", asker.asks(g.ip), at("h1", answer(g, asker)))
		s.exchange(what+", NS", "h1", asker.solicits(g.ip6), at("h1", advertised(g, asker, false)))
	}
	announce := func(g guest) {
		s.send("h2", g.asks(g.ip))
		s.send("h2", g.advertise(false, false, true))
		s.revalidated()
	}
	answeredBy("before anybody spoke", first)
	announce(second)
	s.bound("10.9.0.10", second.mac, "static")
	s.bound("fd09::10", second.mac, "static")
	answeredBy("after the second announced itself", second)
	stranger := s.guest("h2")
	stranger.ip, stranger.ip6 = first.ip, first.ip6
	announce(stranger)
	answeredBy("after a stranger announced itself", second)
	// A question is too little to change the master.
	s.send("h2", first.solicits(asker.ip6))
	s.revalidated()
	s.exchange("after a question of the first, NS", "h1", asker.solicits(first.ip6), at("h1", advertised(second, asker, false)))
	announce(first)
	answeredBy("after the first is back", first)
	if b := s.bindings("default", first.ip)[0]; len(b.Permitted) != 2 || b.Origin != "static" {
		s.t.Errorf("binding %+v", b)
	}
}

// reload gives isat another intent, and waits until the switch follows it.
func (s *stage) reload(intent string) {
	s.t.Helper()
	s.world.reload(intent, "intent read again")
	s.revalidated()
}

// conformance: R1
func staticBeatsLearned(s *stage) {
	learned, asker := s.known6(s.known4(s.guest("h2"))), s.known6(s.known4(s.guest("h1")))
	static := learned
	static.mac = packet.MAC{0x02, 0xdd, 0, 0, 0, 0x77}
	added := fmt.Sprintf("bindings:\n  - {ip: %s, mac: %q}\n  - {ip: %q, mac: %q}\n", static.ip, static.mac, static.ip6, static.mac)
	s.reload(strings.Replace(proxyIntent, "bindings:\n", added, 1))
	s.exchange("request", "h1", asker.asks(static.ip), at("h1", answer(static, asker)))
	s.exchange("NS", "h1", asker.solicits(static.ip6), at("h1", advertised(static, asker, false)))
	s.send("h2", learned.asks(learned.ip))
	s.send("h2", learned.advertise(false, false, true))
	s.revalidated()
	s.exchange("request", "h1", asker.asks(static.ip), at("h1", answer(static, asker)))
	s.exchange("NS", "h1", asker.solicits(static.ip6), at("h1", advertised(static, asker, false)))
	// Without the static binding the address is free to be learned again.
	s.reload(proxyIntent)
	s.unbound(static.ip)
	s.unbound(static.ip6)
	s.known6(s.known4(learned))
	s.exchange("request", "h1", asker.asks(learned.ip), at("h1", answer(learned, asker)))
	s.exchange("NS", "h1", asker.solicits(learned.ip6), at("h1", advertised(learned, asker, false)))
}

// conformance: R3
func dropUnknown(s *stage) {
	owner, asker := s.guest("h3"), s.guest("h4")
	searches := s.counter("search-started")
	s.exchange("request", "h4", asker.asks(owner.ip))
	s.exchange("NS", "h4", asker.solicits(owner.ip6))
	// Rivals for an address hear of each other all the same (conformance P3, N7).
	probe, dad := asker.probesFor(owner.ip), asker.probes(owner.ip6, nonce...)
	s.exchange("probe", "h4", probe, at("h3", probe))
	s.exchange("DAD", "h4", dad, at("h3", dad))
	// Known ones are answered, and announcements and unicast go their way.
	s.exchange("announcement", "h3", owner.asks(owner.ip), at("h4", owner.asks(owner.ip)))
	s.exchange("NA", "h3", owner.advertise(false, false, true), at("h4", owner.advertise(false, false, true)))
	s.bindingIn("dropping", 0, owner.ip, owner.mac)
	s.bindingIn("dropping", 0, owner.ip6, owner.mac)
	s.revalidated()
	s.exchange("request", "h4", asker.asks(owner.ip), at("h4", answer(owner, asker)))
	s.exchange("NS", "h4", asker.solicits(owner.ip6), at("h4", advertised(owner, asker, false)))
	unicast := arpOp(packet.ARPRequest, owner.mac, asker, owner.ip)
	s.exchange("unicast request", "h4", unicast, at("h3", unicast))
	if n := s.counter("search-started") - searches; n != 0 {
		s.t.Errorf("%d searches", n)
	}
}

// conformance: R3
func floodUnknown(s *stage) {
	owner, asker := s.guest("h5"), s.guest("h6")
	searches := s.counter("search-started")
	for range 2 { // not limited to one a second
		s.exchange("request", "h6", asker.asks(owner.ip), at("h5", asker.asks(owner.ip)))
		s.exchange("NS", "h6", asker.solicits(owner.ip6), at("h5", asker.solicits(owner.ip6)))
	}
	probe, dad := asker.probesFor(owner.ip), asker.probes(owner.ip6, nonce...)
	s.exchange("probe", "h6", probe, at("h5", probe))
	s.exchange("DAD", "h6", dad, at("h5", dad))
	s.exchange("reply", "h5", answer(owner, asker), at("h6", answer(owner, asker)))
	s.exchange("NA", "h5", advertised(owner, asker, false), at("h6", advertised(owner, asker, false)))
	s.bindingIn("flooding", 0, owner.ip, owner.mac)
	s.bindingIn("flooding", 0, owner.ip6, owner.mac)
	s.revalidated()
	s.exchange("request", "h6", asker.asks(owner.ip), at("h6", answer(owner, asker)))
	s.exchange("NS", "h6", asker.solicits(owner.ip6), at("h6", advertised(owner, asker, false)))
	if n := s.counter("search-started") - searches; n != 0 {
		s.t.Errorf("%d searches", n)
	}
}

// conformance: R3
func solicitUnknown(s *stage) {
	asker, owner := s.known6(s.known4(s.guest("h1"))), s.guest("h2")
	questions := map[string][]byte{"request": asker.asks(owner.ip), "NS": asker.solicits(owner.ip6)}
	times := func(question []byte) int {
		return count(s.at["h2"].Frames(), func(f lab.Frame) bool { return !f.Out && string(f.Data) == string(question) })
	}
	for range 3 {
		for _, question := range questions {
			s.send("h1", question)
		}
	}
	s.eventually("the end of both searches", func() (bool, string) {
		status := s.status()
		return status.Searches == 0 && status.Silent == 2, fmt.Sprint(status)
	})
	for what, question := range questions {
		if n := times(question); n != 3 {
			s.t.Errorf("%s: on the wire %d times, want 3", what, n)
		}
	}
	s.still()
	s.received()
	for what, question := range questions {
		s.exchange(what+" for a silent address", "h1", question)
	}
}
