package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// policy is the intent of one policy.
func policy(name, table, match, actions string) string {
	return fmt.Sprintf("---\nkind: policy\nname: %s\ntable: %s\npriority: 10\nmatch: %s\nactions: %s\n", name, table, match, actions)
}

// toPort is a UDP datagram to a port.
func toPort(d datagram, port layers.UDPPort) datagram {
	d.body = []gopacket.SerializableLayer{&layers.UDP{SrcPort: 4000, DstPort: port}, gopacket.Payload("hello")}
	return d
}

// Policies of the operator: they take effect with the intent, and go with it.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := newRouterStage(t, "policies")
	s.run("drop", policyDrops)
	s.run("reject", policyRejects)
	s.run("limit", policyLimits)
	s.run("comes-and-goes", policyComesAndGoes)
	s.run("refused", policyRefused)
}

func policyDrops(s *stage) {
	from, neighbour, to := s.known(s.guest("h1")), s.known(s.guest("h2")), s.known(s.right("h3"))
	s.reload(rawRouterIntent +
		policy("guarded", "guard", "udp && udp.dst == 7001", "drop;") +
		policy("unrouted", "ip-input", "udp && udp.dst == 7002", "drop;") +
		policy("unswitched", "l2", "udp && udp.dst == 7003", "drop;") +
		policy("one-subnet", "ip-input", "ip4.dst == 10.2.128.0/17", "drop;"))
	for _, c := range []struct {
		port             layers.UDPPort
		switched, routed bool
	}{{7000, true, true}, {7001, false, false}, {7002, true, false}, {7003, false, false}} {
		for n, family := range families(to) {
			d := toPort(udp(from, leftMAC, family, ""), c.port)
			var want []delivery
			if c.routed {
				want = append(want, at("h3", d.forwarded(to.mac, rightMAC).frame()))
			}
			s.exchange(fmt.Sprintf("port %d of %s", c.port, family), "h1", d.frame(), want...)

			d, want = toPort(udp(from, neighbour.mac, families(neighbour)[n], ""), c.port), nil
			if c.switched {
				want = append(want, at("h2", d.frame()))
			}
			s.exchange(fmt.Sprintf("port %d of a neighbour", c.port), "h1", d.frame(), want...)
		}
	}
	beyond := s.right("h3")
	beyond.ip = "10.2.200.1"
	s.known(beyond)
	s.exchange("the subnet", "h1", udp(from, leftMAC, beyond.ip, "x").frame())
	// Without them everything goes its way again.
	s.reload(rawRouterIntent)
	d := toPort(udp(from, leftMAC, to.ip, ""), 7001)
	s.exchange("afterwards", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
}

func policyRejects(s *stage) {
	from, to := s.known(s.guest("h1")), s.known(s.right("h3"))
	s.reload(rawRouterIntent +
		policy("reject", "ip-input", "ip4 && udp && udp.dst == 7004",
			"\"icmp4 { eth.dst <-> eth.src; ip4.dst <-> ip4.src; icmp4.type = 3; icmp4.code = 13; outport = inport; loopback; output; };\"") +
		policy("reject6", "ip-input", "ip6 && udp && udp.dst == 7004",
			"\"icmp6 { eth.dst <-> eth.src; ip6.dst <-> ip6.src; icmp6.type = 1; icmp6.code = 1; outport = inport; loopback; output; };\""))
	s.told("rejected", "h1", toPort(udp(from, leftMAC, to.ip, ""), 7004), icmp{kind: 3, code: 13, src: to.ip})
	s.told("rejected, IPv6", "h1", toPort(udp(from, leftMAC, to.ip6, ""), 7004), icmp{kind: 1, code: 1, src: to.ip6})
	d := toPort(udp(from, leftMAC, to.ip, ""), 7005)
	s.exchange("another port", "h1", d.frame(), at("h3", d.forwarded(to.mac, rightMAC).frame()))
	s.reload(rawRouterIntent)
}

// A rate limit lets one packet a second through for each address, whoever sends.
func policyLimits(s *stage) {
	from, other, to := s.known(s.guest("h1")), s.known(s.guest("h2")), s.known(s.right("h3"))
	s.reload(rawRouterIntent + policy("limited", "ip-input", "ip4 && udp && udp.dst == 7010", "rate_limit(network, ip4.src); next;"))
	d, e := toPort(udp(from, leftMAC, to.ip, ""), 7010), toPort(udp(other, leftMAC, to.ip, ""), 7010)
	arrived := at("h3", d.forwarded(to.mac, rightMAC).frame())
	began := time.Now()
	s.exchange("the first", "h1", d.frame(), arrived)
	s.exchange("another sender's", "h2", e.frame(), at("h3", e.forwarded(to.mac, rightMAC).frame()))
	passed := 0
	for passed == 0 {
		if time.Since(began) > deadline {
			s.t.Fatal("no further packet goes on")
		}
		s.send("h1", d.frame())
		s.still()
		passed = len(s.received())
	}
	if took := time.Since(began); took < time.Second {
		s.t.Errorf("the second packet went on after %v", took)
	}
	if stopped := s.counter("rate-limited"); stopped == 0 {
		s.t.Error("no packet was stopped")
	}
	s.reload(rawRouterIntent)
}

func policyComesAndGoes(s *stage) {
	s.reload(rawRouterIntent)
	before := s.flows("s1")
	with := rawRouterIntent + policy("no-telnet", "l2", "tcp && tcp.dst == 23", "drop;")
	s.reload(with)
	added := difference(before, s.flows("s1"))
	if n := strings.Count(added, "\n"); n != 2 || strings.Contains(added, "- ") || strings.Count(added, "tp_dst=23 actions=drop") != 2 {
		s.t.Errorf("the policy should be two flows more, for TCP over IPv4 and IPv6:\n%s", added)
	}
	listed := s.isatCommand("get", "policies")
	if !strings.Contains(listed, "no-telnet") || !strings.Contains(listed, "tcp.dst == 23") {
		s.t.Errorf("the policy is not listed:\n%s", listed)
	}
	present := s.flows("s1")
	s.reload(with)
	if diff := difference(present, s.flows("s1")); diff != "" {
		s.t.Errorf("an equal intent changed flows:\n%s", diff)
	}
	s.reload(rawRouterIntent)
	if diff := difference(before, s.flows("s1")); diff != "" {
		s.t.Errorf("the policy left traces:\n%s", diff)
	}
	if listed := s.isatCommand("get", "policies"); strings.Contains(listed, "no-telnet") {
		s.t.Errorf("the policy is still listed:\n%s", listed)
	}
}

// A policy that is wrong is refused with its place, and nothing changes.
func policyRefused(s *stage) {
	s.reload(rawRouterIntent)
	before := s.flows("s1")
	for what, c := range map[string]struct{ match, actions, line, caretAt string }{
		"half an expression": {"tcp.dst == ", "drop;", "match: tcp.dst ==", ""},
		"no field":           {"tcp.dts == 23", "drop;", "match: tcp.dts == 23", "tcp.dts"},
		"no constant":        {"tcp", "eth.dst = 1.2.3.4.5;", "actions: eth.dst = 1.2.3.4.5;", "1.2.3.4.5"},
		"isat's own action":  {"1", "punt(learn);", "actions: punt(learn);", "learn"},
		"isat's own table":   {"1", "next(bindings);", "actions: next(bindings);", "bindings"},
		"isat's own field":   {"1", "found.mac = 02:00:00:00:00:01;", "actions: found.mac = 02:00:00:00:00:01;", "found.mac"},
		"a table of isat's":  {"1", "drop;", "table: reply", "reply"},
	} {
		text := rawRouterIntent + policy("bad", "l2", c.match, c.actions)
		if strings.HasPrefix(c.line, "table: ") {
			text = strings.Replace(text, "table: l2", c.line, 1)
		}
		line := strings.Count(text[:strings.Index(text, c.line)], "\n") + 1
		column := len(c.line) + 1
		if c.caretAt != "" {
			column = strings.Index(c.line, c.caretAt) + 1
		}
		logged := len(s.isat.log.String())
		s.world.reload(text, "intent not changed")
		said := s.isat.log.String()[logged:]
		if want := fmt.Sprintf(`intent.yaml:%d:%d: policy \"bad\": `, line, column); !strings.Contains(said, want) {
			s.t.Errorf("%s: the log lacks %q:\n%s", what, want, said)
		}
		s.revalidated()
		if diff := difference(before, s.flows("s1")); diff != "" {
			s.t.Errorf("%s: a policy that is wrong changed flows:\n%s", what, diff)
		}
	}
}
