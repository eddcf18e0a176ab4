package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/isat-sdn/isat/packet"
)

// What a router does with single packets, on cables where nothing else is said.
func TestRouterRawPackets(t *testing.T) {
	t.Parallel()
	s := newRouterStage(t, "route-raw")
	s.run("forwards", forwards)
	s.run("forwards-none-of", forwardsNoneOf)
	s.run("stays-on-its-link", staysOnItsLink)
	s.run("expired", expired)
	s.run("to-the-router-itself", toTheRouterItself)
	s.run("no-route", noRoute)
	s.run("no-error-about", noErrorAbout)
	s.run("P2-N6-answers-for-the-gateway", answersForGateway)
	s.run("A9-N10-is-alive", gatewayIsAlive)
	s.run("gateway-is-nobody-elses", gatewayIsNobodyElses)
	s.run("one-binding-for-router-and-neighbours", oneBinding)
	s.run("next-hop-gets-another-MAC", nextHopMoves)
	s.run("N8-stale-next-hop", staleNextHop)
	s.run("solicitations", solicitations)
	s.run("L4-silent-next-hop-speaks", silentNextHopSpeaks)
	s.run("goes-and-comes", routerGoesAndComes)
	s.run("errors-are-limited", errorsAreLimited)
}

// families is one address of a guest for each family.
func families(g guest) []string { return []string{g.ip, g.ip6} }

func forwards(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	back := s.known(s.guest("h2"))
	for _, ip := range families(to) {
		for what, d := range map[string]datagram{
			"UDP":              udp(from, leftMAC, ip, "hello"),
			"large UDP":        udp(from, leftMAC, ip, string(make([]byte, 1400))),
			"echo":             echo(from, leftMAC, ip, "hello"),
			"a first fragment": fragmentOf(udp(from, leftMAC, ip, "16 octets of it!"), 0, true),
			"a later fragment": fragmentOf(udp(from, leftMAC, ip, "16 octets of it!"), 3, false),
			"another protocol": raw(udp(from, leftMAC, ip, ""), layers.IPProtocolGRE),
		} {
			s.exchange(what+" to "+ip, "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
		}
		last := udp(from, leftMAC, ip, "the last hop")
		last.ttl = 2
		s.exchange("TTL 2 to "+ip, "h1", last.frame(), at("h3", last.forwarded(to.mac, rightMAC).frame()))
	}
	// Back out of the network and even of the port where it came in: the sender
	// need not know that they are neighbours.
	for _, ip := range families(back) {
		d := udp(from, leftMAC, ip, "hello")
		s.exchange("to a neighbour "+ip, "h1", d.frame(), at("h2", d.forwarded(back.mac, leftMAC).frame()))
	}
	same := s.known(s.guest("h1"))
	for _, ip := range families(same) {
		d := udp(from, leftMAC, ip, "hello")
		s.exchange("to the same port "+ip, "h1", d.frame(), at("h1", d.forwarded(same.mac, leftMAC).frame()))
	}
}

// fragmentOf makes a datagram a fragment of one.
func fragmentOf(d datagram, offset uint16, more bool) datagram {
	d.offset, d.more = offset, more
	if offset != 0 { // what follows is not a header
		d.body = []gopacket.SerializableLayer{gopacket.Payload("24 octets of a datagram.")}
	}
	return d
}

// raw makes a datagram one of another protocol.
func raw(d datagram, proto layers.IPProtocol) datagram {
	d.proto, d.body = proto, []gopacket.SerializableLayer{gopacket.Payload(make([]byte, 32))}
	return d
}

func forwardsNoneOf(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	good := map[bool]datagram{true: udp(from, leftMAC, to.ip, "hello"), false: udp(from, leftMAC, to.ip6, "hello")}
	for _, src := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", // RFC 1812 §5.3.7
		leftRouter.ip, rightRouter.ip, "169.254.1.1",
		"::", "::1", "::ffff:10.1.0.9", "ff02::1", leftRouter.ip6, rightRouter.ip6, "fe80::1",
	} {
		d := good[addrIs4(src)]
		d.src = src
		s.exchange("source "+src, "h1", d.frame())
	}
	for _, dst := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "239.1.1.1", "240.0.0.1", "255.255.255.255", "169.254.1.1",
		"10.2.255.255", "10.2.0.0", "10.1.255.255", "10.1.0.0", // RFC 2644
		"::", "::1", "::ffff:10.2.0.9", "ff02::1", "ff0e::1", "fe80::1",
	} {
		d := good[addrIs4(dst)]
		d.dst = dst
		s.exchange("destination "+dst, "h1", d.frame())
	}
	for what, change := range map[string]func(frame []byte) []byte{
		"an IP header cut short": func(f []byte) []byte { return f[:30] },
		"a total length beyond the end": func(f []byte) []byte {
			f[16], f[17] = 0xff, 0xff
			return f
		},
		"a header length of 16": func(f []byte) []byte {
			f[14] = 0x44
			return f
		},
	} {
		s.exchange(what, "h1", change(good[true].frame()))
	}
	other := good[true].frame()
	other[12], other[13] = 0x88, 0xb6
	s.exchange("another protocol than IP", "h1", other)
}

// A router takes what was sent to its MAC, and in its own network.
func staysOnItsLink(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	for _, ip := range families(to) {
		for what, dst := range map[string]packet.MAC{
			"broadcast":        packet.Broadcast,
			"multicast":        {0x01, 0, 0x5e, 1, 2, 3},
			"the right's MAC":  rightMAC,
			"a stranger's MAC": {0x02, 0xfe},
			"the host's MAC":   to.mac,
		} {
			d := udp(from, dst, ip, "hello")
			s.exchange("to "+what, "h1", d.frame(), at("h2", d.frame()))
		}
		// In a VLAN of the hosts' own there is no router.
		inVLAN := tag(udp(from, leftMAC, ip, "hello").frame(), 10)
		s.exchange("in a VLAN", "h1", inVLAN)
	}
}

// told checks that a frame makes one ICMP message come back at the port it was
// sent from, and nothing else anywhere.
func (s *stage) told(what, port string, d datagram, want icmp) {
	s.t.Helper()
	s.send(port, d.frame())
	s.still()
	got := s.received()
	if len(got) != 1 || got[0].at != port {
		s.t.Errorf("%s: on the wire %v, want one ICMP message at %s", what, deliveries(got), port)
		return
	}
	m, err := icmpIn(got[0].frame)
	if err != nil {
		s.t.Errorf("%s: %v: %x", what, err, got[0].frame)
		return
	}
	quoted := m.quote
	m.quote, want.dst, want.router = nil, d.src, d.ethDst
	if fmt.Sprint(m) != fmt.Sprint(want) {
		s.t.Errorf("%s: got %+v, want %+v", what, m, want)
	}
	if to := packet.MAC(got[0].frame[:6]); to != d.ethSrc {
		s.t.Errorf("%s: the error goes to %s, want %s", what, to, d.ethSrc)
	}
	// RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c): as much of the packet as fits, but
	// not what Ethernet filled it up with.
	whole := d.frame()[14:]
	length, limit := int(whole[2])<<8|int(whole[3]), 576-28
	if !addrIs4(d.src) {
		length, limit = 40+(int(whole[4])<<8|int(whole[5])), 1280-48
	}
	if sent := whole[:min(length, limit)]; !bytes.Equal(quoted, sent) {
		s.t.Errorf("%s: it quotes\n%x, want\n%x", what, quoted, sent)
	}
}

func expired(s *stage) {
	from, to := s.known(s.guest("h1")), s.right("h3") // not known: it does not matter
	for _, size := range []int{1, 8, 100, 520, 1300} {
		payload := string(bytes.Repeat([]byte{'x'}, size))
		for _, ttl := range []uint8{0, 1} {
			four, six := udp(from, leftMAC, to.ip, payload), echo(from, leftMAC, to.ip6, payload)
			four.ttl, six.ttl = ttl, ttl
			what := fmt.Sprintf("TTL %d, %d octets", ttl, size)
			s.told(what, "h1", four, icmp{kind: 11, src: leftRouter.ip})
			s.told(what+", IPv6", "h1", six, icmp{kind: 3, src: leftRouter.ip6})
		}
	}
	// From the other side it is the other address.
	back := udp(s.known(s.right("h4")), rightMAC, from.ip, "x")
	back.ttl = 1
	s.told("TTL 1 from the right", "h4", back, icmp{kind: 11, src: rightRouter.ip})
}

func toTheRouterItself(s *stage) {
	from := s.known(s.guest("h1"))
	for _, own := range []guest{leftRouter, rightRouter} {
		for _, size := range []int{0, 56, 1400} {
			payload := string(bytes.Repeat([]byte{'e'}, size))
			for _, ip := range families(own) {
				d := echo(from, leftMAC, ip, payload)
				reply := d
				reply.ethDst, reply.ethSrc, reply.src, reply.dst, reply.ttl = d.ethSrc, d.ethDst, d.dst, d.src, 255
				if addrIs4(ip) {
					reply.body = slices.Concat([]gopacket.SerializableLayer{&layers.ICMPv4{Id: 7, Seq: 1}}, d.body[1:])
				} else {
					reply.body = slices.Concat([]gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(129, 0)}}, d.body[1:])
				}
				before := s.status().Counters
				s.exchange("echo to "+ip, "h1", d.frame(), at("h1", reply.frame()))
				if n := s.status().Counters["composed-icmp4"] - before["composed-icmp4"]; n != 0 {
					s.t.Errorf("echo to %s went by way of the controller", ip)
				}
			}
		}
		s.told("UDP to "+own.ip, "h1", udp(from, leftMAC, own.ip, "x"), icmp{kind: 3, code: 3, src: own.ip})
		s.told("UDP to "+own.ip6, "h1", udp(from, leftMAC, own.ip6, "x"), icmp{kind: 1, code: 4, src: own.ip6})
		s.told("TCP to "+own.ip, "h1", syn(from, own.ip), icmp{kind: 3, code: 3, src: own.ip})
		s.told("TCP to "+own.ip6, "h1", syn(from, own.ip6), icmp{kind: 1, code: 4, src: own.ip6})
		s.told("GRE to "+own.ip, "h1", raw(udp(from, leftMAC, own.ip, ""), layers.IPProtocolGRE), icmp{kind: 3, code: 2, src: own.ip})
		// The pointer is at the next header field of the IPv6 header (RFC 4443 §3.4).
		s.told("GRE to "+own.ip6, "h1", raw(udp(from, leftMAC, own.ip6, ""), layers.IPProtocolGRE), icmp{kind: 4, code: 1, src: own.ip6, rest: 6})
	}
	for what, d := range map[string]datagram{
		"an echo reply":                     withType(echo(from, leftMAC, leftRouter.ip, "x"), 0),
		"an echo reply, IPv6":               withType(echo(from, leftMAC, leftRouter.ip6, "x"), 129),
		"a timestamp request":               withType(echo(from, leftMAC, leftRouter.ip, "0123456789ab"), 13),
		"a redirect":                        withType(echo(from, leftMAC, leftRouter.ip, "0123456789ab0123456789ab"), 5),
		"a multicast listener's":            withType(echo(from, leftMAC, leftRouter.ip6, "0123456789ab0123456789ab"), 131),
		"a router's advertisement":          withType(echo(from, leftMAC, leftRouter.ip6, "0123456789ab0123456789ab"), 134),
		"a later fragment of it":            fragmentOf(udp(from, leftMAC, leftRouter.ip, "x"), 3, false),
		"a later fragment, IPv6":            fragmentOf(udp(from, leftMAC, leftRouter.ip6, "x"), 3, false),
		"a first fragment of an echo":       fragmentOf(echo(from, leftMAC, leftRouter.ip, "16 octets of it!"), 0, true),
		"a first fragment of an echo, IPv6": fragmentOf(echo(from, leftMAC, leftRouter.ip6, "16 octets of it!"), 0, true),
		"a later fragment of an echo":       fragmentOf(echo(from, leftMAC, leftRouter.ip, "x"), 3, false),
	} {
		s.exchange(what+" to the router", "h1", d.frame())
	}
}

// withType is an echo with another ICMP type.
func withType(d datagram, kind uint8) datagram {
	var head gopacket.SerializableLayer = &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: 7, Seq: 1}
	if d.proto == layers.IPProtocolICMPv6 {
		head = &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	}
	d.body = slices.Concat([]gopacket.SerializableLayer{head}, d.body[1:])
	return d
}

// syn opens a TCP connection.
func syn(from guest, to string) datagram {
	d := udp(from, leftMAC, to, "")
	d.proto = layers.IPProtocolTCP
	d.body = []gopacket.SerializableLayer{&layers.TCP{SrcPort: 4000, DstPort: 22, Seq: 1, SYN: true, Window: 1000}}
	return d
}

func noRoute(s *stage) {
	from := s.known(s.guest("h1"))
	s.told("no route", "h1", udp(from, leftMAC, "198.51.100.1", "x"), icmp{kind: 3, src: leftRouter.ip})
	s.told("no route, IPv6", "h1", udp(from, leftMAC, "2001:db8::1", "x"), icmp{kind: 1, src: leftRouter.ip6})
}

// RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e).
func noErrorAbout(s *stage) {
	from, to := s.known(s.guest("h1")), s.right("h3")
	ends := map[string]func(d datagram) datagram{
		"no route": func(d datagram) datagram {
			d.dst = map[bool]string{true: "198.51.100.1", false: "2001:db8::1"}[addrIs4(d.dst)]
			return d
		},
		"expired": func(d datagram) datagram {
			d.ttl = 1
			return d
		},
	}
	for why, end := range ends {
		for what, d := range map[string]datagram{
			"destination unreachable":       withType(echo(from, leftMAC, to.ip, "0123456789ab0123456789ab"), 3),
			"time exceeded":                 withType(echo(from, leftMAC, to.ip, "0123456789ab0123456789ab"), 11),
			"parameter problem":             withType(echo(from, leftMAC, to.ip, "0123456789ab0123456789ab"), 12),
			"redirect":                      withType(echo(from, leftMAC, to.ip, "0123456789ab0123456789ab"), 5),
			"destination unreachable, IPv6": withType(echo(from, leftMAC, to.ip6, "0123456789ab0123456789ab"), 1),
			"packet too big":                withType(echo(from, leftMAC, to.ip6, "0123456789ab0123456789ab"), 2),
			"redirect, IPv6":                withType(echo(from, leftMAC, to.ip6, "0123456789ab0123456789ab"), 137),
			"a later fragment":              fragmentOf(udp(from, leftMAC, to.ip, "x"), 3, false),
			"a later fragment, IPv6":        fragmentOf(udp(from, leftMAC, to.ip6, "x"), 3, false),
		} {
			s.exchange(why+", "+what, "h1", end(d).frame())
		}
		// An echo request is told, and so is a first fragment.
		for what, d := range map[string]datagram{"echo request": echo(from, leftMAC, to.ip, "x"), "first fragment": fragmentOf(udp(from, leftMAC, to.ip, "x"), 0, true)} {
			kind := uint8(3)
			if why == "expired" {
				kind = 11
			}
			s.told(why+", "+what, "h1", end(d), icmp{kind: kind, src: leftRouter.ip})
		}
	}
	// To a group in a frame for the router, and to the router in a frame for all.
	for what, d := range map[string]datagram{
		"a group":       udp(from, leftMAC, "224.0.0.9", "x"),
		"a group, IPv6": udp(from, leftMAC, "ff02::9", "x"),
	} {
		s.exchange(what, "h1", d.frame())
	}
	for _, ip := range families(leftRouter) {
		d := udp(from, packet.Broadcast, ip, "x")
		s.exchange("broadcast to the router", "h1", d.frame(), at("h2", d.frame()))
	}
}

// conformance: L4
func silentNextHopSpeaks(s *stage) {
	from, to := s.known(s.guest("h1")), s.right("h3")
	var packets [][]byte
	for _, ip := range families(to) {
		packets = append(packets, udp(from, leftMAC, ip, "x").frame())
	}
	// Each failure doubles the silence; three make it last, for 4 s, longer than this takes.
	for range 3 {
		unanswered := s.counter("search-unanswered")
		s.eventually("a search for each address that gives up", func() (bool, string) {
			for _, frame := range packets {
				s.send("h1", frame)
			}
			return s.counter("search-unanswered") >= unanswered+uint64(len(packets)), fmt.Sprint(s.status())
		})
	}
	s.revalidated()
	punts := s.counter("punt-hold")
	for i, ip := range families(to) {
		for range 5 {
			s.exchange("to a silent "+ip, "h1", packets[i])
		}
	}
	if n := s.counter("punt-hold") - punts; n != 0 {
		s.t.Errorf("%d packets to silent addresses were held", n)
	}
	s.known(to)
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "x")
		s.exchange("after a sign of life of "+ip, "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
	}
}

// Without the router nothing is routed, and its address is anybody's; with it
// back, everything is as it was.
func routerGoesAndComes(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	before := s.flows("s1")
	network, _, _ := strings.Cut(rawRouterIntent, "---\nkind: router")
	s.reload(network)
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "hello")
		s.exchange("without a router", "h1", d.frame(), at("h2", d.frame()))
	}
	for _, ip := range []string{leftRouter.ip, leftRouter.ip6} {
		s.unbound(ip)
	}
	s.reload(rawRouterIntent)
	for _, ip := range families(to) {
		d := udp(from, leftMAC, ip, "hello")
		s.exchange("with the router", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
	}
	if diff := difference(before, s.flows("s1")); diff != "" {
		s.t.Errorf("flows differ from before:\n%s", diff)
	}
}

// Many packets that ask for errors get few (RFC 1812 §4.3.2.8, RFC 4443 §2.4
// (f)), and the others their way.
func errorsAreLimited(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	expired := udp(from, leftMAC, to.ip, "x")
	expired.ttl = 1
	const packets, perSecond, burst = 2000, 200, 200
	before := s.status().Counters
	began := time.Now()
	for i := range packets {
		s.send("h1", expired.frame())
		if i%100 == 99 { // what is sent faster than the switch reads is lost in the socket
			s.markCables()
		}
	}
	s.still()
	limit := burst + int(perSecond*(time.Since(began)+time.Second)/time.Second)
	told := len(s.received())
	if told == 0 || told > limit {
		s.t.Errorf("%d errors about %d packets, want %d at most", told, packets, limit)
	}
	if n := int(s.counter("punt-compose") - before["punt-compose"]); n > limit {
		s.t.Errorf("%d of %d packets reached the controller, want %d at most", n, packets, limit)
	}
	d := udp(from, leftMAC, to.ip, "hello")
	s.exchange("afterwards", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
}
