package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/lab"
	"github.com/isat-sdn/isat/packet"
)

// The rules for neighbour discovery, line by line, on Open vSwitch.
func TestConformanceND(t *testing.T) {
	t.Parallel()
	s := newStage(t, "conf-nd", 4, "")
	s.run("N1-malformed-solicitations", malformedSolicitations)
	s.run("N1-malformed-advertisements", malformedAdvertisements)
	s.run("N1-checksum", wrongChecksum)
	s.run("N2-options-in-solicitations", optionsInSolicitations)
	s.run("N2-options-in-advertisements", optionsInAdvertisements)
	s.run("N3-fragments", fragments)
	s.run("N4-N5-answers", answersToSolicitations)
	s.run("N6-DAD-for-a-known-address", dadForKnownAddress)
	s.run("N7-DAD-for-an-unknown-address", dadForUnknownAddress)
	s.run("N8-solicitations-teach-stale", solicitationsTeachStale)
	s.run("N9-no-override", noOverride)
	s.run("D3-unverified", unverified)
	s.run("N10-unicast-reaches-the-host", unicastSolicitations)
	s.run("N13-multicast-in-a-unicast-frame", multicastInUnicastFrame)
}

// nonce is what kernels put into their DAD probes (RFC 7527).
var nonce = []byte{1, 2, 3, 4, 5, 6}

// conformance: N1
func malformedSolicitations(s *stage) {
	owner, known := s.known6(s.guest("h1")), s.known6(s.guest("h2"))
	for _, c := range []struct {
		what, counter string
		change        func(m *message)
	}{
		{"hop limit 64", "malformed-nd-hop-limit", func(m *message) { m.hops = 64 }},
		{"hop limit 254", "malformed-nd-hop-limit", func(m *message) { m.hops = 254 }},
		{"code 1", "malformed-nd-code", func(m *message) { m.code = 1 }},
		{"20 octets", "malformed-nd-truncated", func(m *message) { m.options, m.cut = nil, 4 }},
		{"8 octets", "malformed-nd-truncated", func(m *message) { m.options, m.cut = nil, 16 }},
		{"an option of length 0", "malformed-nd-option-length", func(m *message) { m.options[1] = 0 }},
		{"an option of length 0 behind the first", "malformed-nd-option-length", func(m *message) { m.options = append(m.options, 14, 0, 0, 0, 0, 0, 0, 0) }},
		{"an option beyond the end", "malformed-nd-option-length", func(m *message) { m.options[1] = 2 }},
		{"a multicast target", "malformed-nd-target", func(m *message) { m.target = "ff02::1:ff00:1" }},
		{":: with a link-layer option", "malformed-nd-unspecified-link-layer", func(m *message) { m.src = "::" }},
		{":: to all nodes", "malformed-nd-unspecified-destination", func(m *message) { m.src, m.dst, m.options = "::", "ff02::1", nil }},
		{":: to the target itself", "malformed-nd-unspecified-destination", func(m *message) { m.src, m.dst, m.to, m.options = "::", owner.ip6, owner.mac, nil }},
	} {
		m := known.solicitsFor(owner.ip6)
		c.change(&m)
		s.counted(c.what, []string{c.counter}, func() { s.exchange(c.what, "h2", m.frame()) })
		asker := s.guest("h2")
		m = asker.solicitsFor(owner.ip6)
		c.change(&m)
		s.exchange(c.what+", from a stranger", "h2", m.frame())
		s.unbound(asker.ip6)
		// For an address that is not known it starts no search.
		m = asker.solicitsFor(s.guest("h3").ip6)
		c.change(&m)
		s.exchange(c.what+", unknown target", "h2", m.frame())
	}
	s.bound(owner.ip6, owner.mac, "reachable")
	if n := s.status().Searches; n != 0 {
		s.t.Errorf("%d searches", n)
	}
}

// conformance: N1
func malformedAdvertisements(s *stage) {
	owner, liar := s.known6(s.guest("h1")), s.guest("h2")
	type variant struct {
		what, counter string
		passes        bool // the switch sees nothing wrong, and leaves it to the hosts
		change        func(m *message)
	}
	variants := []variant{
		{"hop limit 64", "malformed-nd-hop-limit", false, func(m *message) { m.hops = 64 }},
		{"code 1", "malformed-nd-code", false, func(m *message) { m.code = 1 }},
		{"20 octets", "malformed-nd-truncated", false, func(m *message) { m.options, m.cut = nil, 4 }},
		{"an option of length 0", "malformed-nd-option-length", true, func(m *message) { m.options[1] = 0 }},
		{"an option beyond the end", "malformed-nd-option-length", true, func(m *message) { m.options[1] = 3 }},
		{"a multicast target", "malformed-nd-target", false, func(m *message) { m.target = "ff02::1" }},
	}
	for _, flags := range []uint32{0x40000000, 0x60000000, 0xc0000000, 0xe0000000} {
		variants = append(variants, variant{fmt.Sprintf("to all nodes with flags %#x", flags), "malformed-nd-solicited-multicast", false,
			func(m *message) { m.reserved = flags }})
	}
	for _, c := range variants {
		for _, target := range []string{owner.ip6, s.guest("h2").ip6} {
			m := message{eth: liar.mac, src: liar.ip6, dst: "ff02::1", kind: packet.NDAdvertisement, reserved: 0x20000000,
				target: target, hops: 255, options: option(2, liar.mac[:]...)}
			c.change(&m)
			var want []delivery
			if c.passes && target != owner.ip6 { // what contradicts a binding does not (S8)
				want = s.everywhere("h2", m.frame())
			}
			s.counted(c.what, []string{c.counter}, func() { s.exchange(c.what, "h2", m.frame(), want...) })
			if target != owner.ip6 {
				s.unbound(target)
			}
		}
	}
	s.bound(owner.ip6, owner.mac, "reachable")
}

// Open vSwitch sees no checksums, and computes that of its answer anew. What it
// answers is true all the same; isat itself believes nothing of such an NS, and
// answers none that reaches it.
//
// conformance: N1
func wrongChecksum(s *stage) {
	owner, known := s.known6(s.guest("h1")), s.known6(s.guest("h2"))
	counter := []string{"malformed-nd-checksum"}
	stranger := s.guest("h2")
	for what, asker := range map[string]guest{"a known host": known, "a stranger": stranger} {
		m := asker.solicitsFor(owner.ip6)
		m.spoil = 0x0101
		s.exchange("from "+what, "h2", m.frame(), at("h2", advertised(owner, asker, false)))
	}
	s.unbound(stranger.ip6)
	m := s.guest("h2").solicitsFor(owner.ip6)
	m.spoil = 0x8000
	s.counted("from a stranger", counter, func() { s.send("h2", m.frame()) })
	s.unbound(m.src)
	s.received()

	for what, spoilt := range map[string]message{
		"with a nonce":   {eth: known.mac, src: known.ip6, target: owner.ip6, options: slices.Concat(option(1, known.mac[:]...), option(14, nonce...))},
		"DAD":            {eth: known.mac, src: "::", target: owner.ip6, options: option(14, nonce...)},
		"unknown target": {eth: known.mac, src: known.ip6, target: s.guest("h3").ip6, options: option(1, known.mac[:]...)},
	} {
		spoilt.dst, spoilt.kind, spoilt.hops, spoilt.spoil = solicitedNode(spoilt.target), packet.NDSolicitation, 255, 1
		s.counted(what, counter, func() { s.exchange(what, "h2", spoilt.frame()) })
	}
	for what, target := range map[string]string{"NA for a free address": s.guest("h2").ip6, "NA for an owned address": owner.ip6} {
		na := message{eth: known.mac, src: known.ip6, dst: "ff02::1", kind: packet.NDAdvertisement, reserved: 0x20000000, target: target,
			hops: 255, options: option(2, known.mac[:]...), spoil: 0x1000}
		want := s.everywhere("h2", na.frame())
		if target == owner.ip6 {
			want = nil // it contradicts a binding (S8)
		}
		s.counted(what, counter, func() { s.exchange(what, "h2", na.frame(), want...) })
		if target != owner.ip6 {
			s.unbound(target)
		}
	}
	s.bound(owner.ip6, owner.mac, "reachable")
}

// conformance: N2
func optionsInSolicitations(s *stage) {
	owner, asker := s.known6(s.guest("h1")), s.guest("h2")
	sll := option(1, asker.mac[:]...)
	for what, options := range map[string][]byte{
		"a nonce":          slices.Concat(sll, option(14, nonce...)),
		"a nonce in front": slices.Concat(option(14, nonce...), sll),
		"a long nonce":     slices.Concat(sll, option(14, make([]byte, 14)...)),
	} {
		m := asker.solicitsFor(owner.ip6)
		m.options = options
		s.exchange("NS with "+what, "h2", m.frame(), at("h2", advertised(owner, asker, false)))
	}
	secured := slices.Concat(option(11, make([]byte, 70)...), option(13, make([]byte, 14)...), option(14, nonce...), option(12, make([]byte, 142)...))
	for what, options := range map[string][]byte{
		"an unknown option as long as a nonce": slices.Concat(sll, option(200, nonce...)),
		"an unknown option in front":           slices.Concat(option(200, nonce...), sll),
		"an unknown option alone":              option(200, nonce...),
		"no option at all":                     {},
		"a nonce alone":                        option(14, nonce...),
		"a target link-layer option":           slices.Concat(sll, option(2, owner.mac[:]...)),
		"the options of SEND":                  slices.Concat(sll, secured),
	} {
		m := asker.solicitsFor(owner.ip6)
		m.options = options
		s.exchange("NS with "+what, "h2", m.frame(), at("h1", toMAC(m.frame(), owner.mac)))
	}
	// Reserved bits mean nothing, and are not left over in the answer.
	m := asker.solicitsFor(owner.ip6)
	m.reserved = 0xffffffff
	s.exchange("NS with reserved bits", "h2", m.frame(), at("h2", advertised(owner, asker, false)))
	// Open vSwitch takes the same link-layer option twice for malformed.
	m.options = slices.Concat(sll, option(1, owner.mac[:]...))
	s.exchange("NS with a second link-layer option", "h2", m.frame())
	// Of an unknown target it is passed on as it is.
	m = asker.solicitsFor(s.guest("h3").ip6)
	m.options = slices.Concat(sll, secured)
	s.send("h2", m.frame())
	for _, port := range []string{"h1", "h3", "h4"} {
		s.waitFrame(port, m.frame())
	}
	found := s.guest("h3")
	found.ip6 = m.target
	s.known6(found)
}

// conformance: N2
func optionsInAdvertisements(s *stage) {
	for what, change := range map[string]func(m *message){
		"reserved bits":              func(m *message) { m.reserved |= 0x1fffffff },
		"an unknown option":          func(m *message) { m.options = append(m.options, option(200, 1, 2, 3)...) },
		"an unknown option in front": func(m *message) { m.options = append(option(200, 1, 2, 3), m.options...) },
		"unknown options, reserved bits": func(m *message) {
			m.reserved |= 0x1000
			m.options = append(m.options, option(14, make([]byte, 200)...)...)
		},
		"no option (RFC 4861 §4.4)":       func(m *message) { m.options = nil },
		"a source link-layer option, too": func(m *message) { m.options = append(m.options, option(1, 2, 2, 2, 2, 2, 2)...) },
	} {
		g, asker := s.guest("h1"), s.guest("h2")
		m := message{eth: g.mac, src: g.ip6, dst: "ff02::1", kind: packet.NDAdvertisement, reserved: 0x20000000, target: g.ip6,
			hops: 255, options: option(2, g.mac[:]...)}
		change(&m)
		s.exchange("NA with "+what, "h1", m.frame(), s.everywhere("h1", m.frame())...)
		s.bound(g.ip6, g.mac, "reachable")
		s.exchange("NS after an NA with "+what, "h2", asker.solicits(g.ip6), at("h2", advertised(g, asker, false)))
	}
}

// conformance: N3
func fragments(s *stage) {
	owner, asker := s.known6(s.guest("h1")), s.known6(s.guest("h2"))
	header := func(offsetAndMore uint16) []byte {
		return []byte{58, 0, byte(offsetAndMore >> 8), byte(offsetAndMore), 0, 0, 0, 7}
	}
	counter := []string{"malformed-nd-fragmented"}
	for what, fragment := range map[string][]byte{"a first fragment": header(1), "an only fragment": header(0)} {
		ns := asker.solicitsFor(owner.ip6)
		ns.fragment = fragment
		s.counted(what, counter, func() { s.exchange(what+", NS", "h2", ns.frame()) })
		dad := message{eth: asker.mac, src: "::", dst: solicitedNode(owner.ip6), kind: packet.NDSolicitation, target: owner.ip6, hops: 255, fragment: fragment}
		s.counted(what, counter, func() { s.exchange(what+", DAD", "h2", dad.frame()) })
		ns.target = s.guest("h3").ip6
		ns.dst = solicitedNode(ns.target)
		s.counted(what, counter, func() { s.exchange(what+", NS for an unknown address", "h2", ns.frame()) })
		g := s.guest("h2")
		na := message{eth: g.mac, src: g.ip6, dst: "ff02::1", kind: packet.NDAdvertisement, reserved: 0x20000000, target: g.ip6,
			hops: 255, options: option(2, g.mac[:]...), fragment: fragment}
		s.counted(what, counter, func() { s.send("h2", na.frame()); s.still() })
		s.received() // the switch takes an only fragment for none, and hosts ignore it
		s.unbound(g.ip6)
	}
	// What follows the first fragment is no ND to anybody.
	later := asker.solicitsFor(owner.ip6)
	later.fragment = header(8)
	s.exchange("a later fragment", "h2", later.frame(), s.everywhere("h2", later.frame())...)
}

// conformance: N4, N5
func answersToSolicitations(s *stage) {
	host, router, asker := s.known6(s.guest("h1")), s.guest("h3"), s.guest("h2")
	s.send("h3", router.advertise(true, false, true))
	s.bound(router.ip6, router.mac, "reachable")
	prober := s.guest("h2")
	for _, owner := range []guest{host, router} {
		routes := owner == router
		s.exchange("NS", "h2", asker.solicits(owner.ip6), at("h2", advertised(owner, asker, routes)))
		s.exchange("NS with a nonce", "h2", asker.solicitsWith(owner.ip6, option(14, nonce...)), at("h2", advertised(owner, asker, routes)))
		s.exchange("DAD", "h2", prober.probes(owner.ip6), at("h2", defended(owner, routes)))
		s.exchange("DAD with a nonce", "h2", prober.probes(owner.ip6, nonce...), at("h2", defended(owner, routes)))
	}
	// Another group than the target's own is as good (RFC 4861 §7.2.3).
	m := asker.solicitsFor(host.ip6)
	m.dst = "ff02::1"
	s.exchange("NS to all nodes", "h2", m.frame(), at("h2", advertised(host, asker, false)))
	// From a global to a link-local address and the other way round.
	local := s.guest("h1")
	local.ip6 = "fe80::1:1"
	s.known6(local)
	s.exchange("NS for a link-local address", "h2", asker.solicits(local.ip6), at("h2", advertised(local, asker, false)))
	s.known6(asker)
	s.exchange("NS from a link-local address", "h1", local.solicits(asker.ip6), at("h1", advertised(asker, local, false)))
	// The router stops routing (RFC 4861 §7.2.5).
	s.send("h3", router.advertise(false, false, true))
	s.eventually("no router", func() (bool, string) {
		b := s.bindings("default", router.ip6)
		return len(b) == 1 && !b[0].Router, fmt.Sprint(b)
	})
	s.revalidated()
	s.exchange("NS for a former router", "h2", asker.solicits(router.ip6), at("h2", advertised(router, asker, false)))
}

// conformance: N6
func dadForKnownAddress(s *stage) {
	owner := s.known6(s.guest("h1"))
	own := owner.probes(owner.ip6, nonce...)
	s.exchange("the owner's own probe", "h1", own, s.everywhere("h1", own)...)
	bare := owner.probes(owner.ip6)
	s.exchange("the owner's own probe without a nonce", "h1", bare, s.everywhere("h1", bare)...)
	for _, port := range []string{"h2", "h1"} {
		rival := s.guest(port)
		probe := rival.probes(owner.ip6, nonce...)
		s.exchange("a rival's probe at "+port, port, probe, at(port, defended(owner, false)))
		s.answeredWithin(port, probe, defended(owner, false), time.Second)
	}
	s.bound(owner.ip6, owner.mac, "reachable")
	// Somebody who is known only as stale hears his own probe as little.
	stale := s.guest("h3")
	s.send("h3", stale.solicits(owner.ip6))
	s.bound(stale.ip6, stale.mac, "stale")
	again := stale.probes(stale.ip6, nonce...)
	s.exchange("a stale owner's own probe", "h3", again, s.everywhere("h3", again)...)
}

// answeredWithin checks the time between a frame that a port sent and one that
// it received.
func (s *stage) answeredWithin(port string, sent, received []byte, limit time.Duration) {
	s.t.Helper()
	var asked time.Time
	for _, f := range s.at[port].Frames() {
		switch {
		case f.Out && string(f.Data) == string(sent):
			asked = f.Time
		case !f.Out && string(f.Data) == string(received) && !asked.IsZero():
			if took := f.Time.Sub(asked); took > limit {
				s.t.Errorf("answered after %v", took)
			}
			return
		}
	}
	s.t.Error("not answered")
}

// conformance: N7
func dadForUnknownAddress(s *stage) {
	target := s.guest("h1").ip6
	first, rival := s.guest("h1"), s.guest("h2")
	one, two := first.probes(target, nonce...), rival.probes(target, 6, 5, 4, 3, 2, 1)
	s.exchange("a probe", "h1", one, s.everywhere("h1", one)...)
	s.exchange("a rival's probe in the same second", "h2", two, s.everywhere("h2", two)...)
	s.unbound(target)
	// Without a nonce, and with options that nobody knows.
	bare := s.guest("h3").probes(target)
	s.exchange("a probe without a nonce", "h3", bare, s.everywhere("h3", bare)...)
	strange := message{eth: s.guest("h4").mac, src: "::", dst: solicitedNode(target), kind: packet.NDSolicitation, target: target, hops: 255,
		options: slices.Concat(option(14, nonce...), option(200, 1, 2, 3))}.frame()
	s.exchange("a probe with an unknown option", "h4", strange, s.everywhere("h4", strange)...)
	// Both at once, in either order.
	both := s.guest("h3").ip6
	s.send("h1", first.probes(both, nonce...))
	s.send("h2", rival.probes(both, nonce...))
	s.expect("two probes at once", append(s.everywhere("h1", first.probes(both, nonce...)), s.everywhere("h2", rival.probes(both, nonce...))...)...)
}

// conformance: N8
func solicitationsTeachStale(s *stage) {
	other := s.known6(s.guest("h3"))
	owner, asker := s.guest("h1"), s.known6(s.guest("h2"))
	s.exchange("the owner's question", "h1", owner.solicits(other.ip6), at("h1", advertised(other, owner, false)))
	s.bound(owner.ip6, owner.mac, "stale")
	// Many of them make it no better.
	s.exchange("another question", "h1", owner.solicits(other.ip6), at("h1", advertised(other, owner, false)))
	s.bound(owner.ip6, owner.mac, "stale")
	s.confirm(owner, asker)

	// From :: nothing is learned.
	prober := s.guest("h1")
	s.exchange("a probe", "h1", prober.probes(prober.ip6, nonce...), s.everywhere("h1", prober.probes(prober.ip6, nonce...))...)
	s.unbound(prober.ip6)
	s.unbound("::")

	// Somebody else asks as the owner, and is answered: the address is not the
	// asker's before the owner was asked, and stale then.
	liar := s.guest("h4")
	liar.ip6 = owner.ip6
	s.asked = questionTo(owner)
	s.exchange("the liar's question", "h4", liar.solicits(other.ip6), at("h4", advertised(other, liar, false)))
	s.waitFrame(owner.at, s.asked)
	s.bound(owner.ip6, liar.mac, "stale")
	s.confirm(liar, asker)

	// A source that is not the frame's is not believed at all.
	m := s.guest("h1").solicitsFor(other.ip6)
	m.options = option(1, 2, 9, 9, 9, 9, 9)
	s.counted("a link-layer option of another", []string{"not-learned-mismatch"}, func() { s.send("h1", m.frame()) })
	s.unbound(m.src)
	s.received()
}

// confirm has asker ask for a stale owner: the owner alone hears of it, answers,
// and is answered for from then on.
func (s *stage) confirm(owner, asker guest) {
	s.t.Helper()
	ns := asker.solicits(owner.ip6)
	s.exchange("NS for a stale address", asker.at, ns, at(owner.at, toMAC(ns, owner.mac)))
	na := advertised(owner, asker, false)
	s.exchange("the owner's answer", owner.at, na, at(asker.at, na))
	s.bound(owner.ip6, owner.mac, "reachable")
	s.exchange("NS for a confirmed address", asker.at, ns, at(asker.at, na))
}

// conformance: N9
func noOverride(s *stage) {
	owner, asker := s.known6(s.guest("h1")), s.known6(s.guest("h2"))
	rival := s.guest("h3")
	rival.ip6 = owner.ip6
	// Solicited, without override, from another MAC.
	na := packet.AppendNA(nil, asker.mac, rival.mac, false, 0, addr(rival.ip6), addr(asker.ip6), addr(rival.ip6), rival.mac, false, true, false)
	s.doubted("the rival's NA", "h3", na, owner, at("h2", na))
	s.bound(owner.ip6, owner.mac, "stale")
	s.confirm(owner, asker)
	// From the owner itself it confirms.
	s.insist("h3", na, owner)
	own := packet.AppendNA(nil, asker.mac, owner.mac, false, 0, addr(owner.ip6), addr(asker.ip6), addr(owner.ip6), owner.mac, false, true, false)
	s.exchange("the owner's NA", "h1", own, at("h2", own))
	s.bound(owner.ip6, owner.mac, "reachable")
	// With override it takes over, once the owner keeps quiet.
	s.send("h3", rival.advertise(false, false, true))
	s.bound(owner.ip6, rival.mac, "reachable")
}

// insist contradicts an owner until it is stale.
func (s *stage) insist(from string, frame []byte, owner guest) {
	s.t.Helper()
	s.eventually("the contradiction is heard", func() (bool, string) {
		s.send(from, frame)
		s.still()
		list := s.bindings("default", owner.ip6)
		return len(list) == 1 && list[0].State == "stale", fmt.Sprint(list)
	})
	s.still()
	s.received()
}

// conformance: N9
// An unsolicited NA without override, as hosts of RFC 9131 send it (decision
// D3), is not relied on until the host itself has answered.
func unverified(s *stage) {
	g, asker := s.guest("h1"), s.known6(s.guest("h2"))
	na := g.advertise(false, false, false)
	s.doubted("unverified", "h1", na, g, s.everywhere("h1", na)...)
	s.bound(g.ip6, g.mac, "stale")
	s.confirm(g, asker)
	// It replaces nobody.
	rival := s.guest("h3")
	rival.ip6 = g.ip6
	s.doubted("unverified rival", "h3", rival.advertise(false, false, false), g, s.everywhere("h3", rival.advertise(false, false, false))...)
	s.bound(g.ip6, g.mac, "stale")
	s.confirm(g, asker)
	// Unless the owner is gone: then the question goes to everybody, and the
	// rival answers it.
	s.insist("h3", rival.advertise(false, false, false), g)
	ns := asker.solicits(g.ip6)
	s.send("h2", ns)
	s.waitFrame("h1", toMAC(ns, g.mac))
	s.waitFrame("h3", ns)
	s.send("h3", advertised(rival, asker, false))
	s.waitFrame("h2", advertised(rival, asker, false))
	s.bound(g.ip6, rival.mac, "reachable")
}

// conformance: N10
func unicastSolicitations(s *stage) {
	owner, asker, third := s.known6(s.guest("h1")), s.known6(s.guest("h2")), s.known6(s.guest("h3"))
	unicast := func(change func(m *message)) []byte {
		m := asker.solicitsFor(owner.ip6)
		m.dst, m.to = owner.ip6, owner.mac
		change(&m)
		return m.frame()
	}
	for what, c := range map[string]struct {
		to    string
		frame []byte
	}{
		"unicast NS":               {"h1", unicast(func(*message) {})},
		"without an option":        {"h1", unicast(func(m *message) { m.options = nil })},
		"with a nonce":             {"h1", unicast(func(m *message) { m.options = append(m.options, option(14, nonce...)...) })},
		"to the group, RFC 6085":   {"h1", unicast(func(m *message) { m.dst = solicitedNode(owner.ip6) })},
		"to somebody else":         {"h3", unicast(func(m *message) { m.to = third.mac })},
		"for an unknown address":   {"h1", unicast(func(m *message) { m.target = "fd00:1::dead"; m.dst = m.target })},
		"DAD in a unicast frame":   {"h1", unicast(func(m *message) { m.src, m.options, m.dst = "::", nil, solicitedNode(owner.ip6) })},
		"from a host's other self": {"h1", unicast(func(m *message) { m.src = "fe80::77" })},
	} {
		s.exchange(what, "h2", c.frame, at(c.to, c.frame))
	}
	stranger := unicast(func(m *message) { m.to = packet.MAC{0x02, 0xcc, 0, 0, 0, 1} })
	s.exchange("to an unknown MAC", "h2", stranger, s.everywhere("h2", stranger)...)
}

// conformance: N13
func multicastInUnicastFrame(s *stage) {
	owner, asker := s.known6(s.guest("h1")), s.guest("h2")
	m := asker.solicitsFor(owner.ip6)
	m.options = nil // needs an answer that only the owner can give
	s.exchange("NS without a link-layer option", "h2", m.frame(), at("h1", toMAC(m.frame(), owner.mac)))
	if n, ok := ndIn(lab.Frame{Data: toMAC(m.frame(), owner.mac)}); !ok || n.Dst != packet.SolicitedNode(addr(owner.ip6)) {
		s.t.Errorf("what reached the owner is not a multicast NS: %+v", n)
	}
}
