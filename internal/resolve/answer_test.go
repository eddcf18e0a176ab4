package resolve

import (
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// Who is answered for a known address, and who is not.
// conformance: A3 A4 A7 A9 P2 N2 N4 N6 N10
func TestAnswer(t *testing.T) {
	bob := packet.MAC{0x02, 0, 0, 0, 0, 9}
	unicast := func(frame []byte) []byte { copy(frame, mac1[:]); return frame }
	for _, c := range []struct {
		name  string
		frame []byte
		want  Answering
		stale Answering // when the binding is stale
	}{
		{"request", arp(1, bob, "10.0.0.9", "10.0.0.1"), Answered, NotReachable},
		{"probe of another", arp(1, bob, "0.0.0.0", "10.0.0.1"), Answered, NotReachable},
		{"probe of its owner", arp(1, mac1, "0.0.0.0", "10.0.0.1"), AskersOwn, AskersOwn},
		{"announcement of its owner", arp(1, mac1, "10.0.0.1", "10.0.0.1"), NoQuestion, NoQuestion},
		{"announcement of another", arp(1, bob, "10.0.0.1", "10.0.0.1"), NoQuestion, NoQuestion},
		{"by unicast", unicast(arp(1, bob, "10.0.0.9", "10.0.0.1")), NoQuestion, NoQuestion},
		{"a reply", arp(2, bob, "10.0.0.9", "10.0.0.1"), NoQuestion, NoQuestion},
		{"another opcode", arp(8, bob, "10.0.0.9", "10.0.0.1"), NoQuestion, NoQuestion},
		{"unknown", arp(1, bob, "10.0.0.9", "10.0.0.5"), NotKnown, NotKnown},
		{"NS", ns(bob, "2001:db8::9", "2001:db8::1", &bob, nil), Answered, NotReachable},
		{"NS with a nonce", ns(bob, "2001:db8::9", "2001:db8::1", &bob, []byte("nonce!")), Answered, NotReachable},
		{"NS without its address", ns(bob, "2001:db8::9", "2001:db8::1", nil, nil), OwnerOnly, NotReachable},
		{"NS with an option of SEND", addOption(t, ns(bob, "2001:db8::9", "2001:db8::1", &bob, nil), 11), OwnerOnly, NotReachable},
		{"DAD of another", ns(bob, "", "2001:db8::1", nil, []byte("nonce!")), Answered, NotReachable},
		{"DAD of its owner", ns(mac1, "", "2001:db8::1", nil, nil), AskersOwn, AskersOwn},
		{"NS by unicast", unicast(ns(bob, "2001:db8::9", "2001:db8::1", &bob, nil)), NoQuestion, NoQuestion},
	} {
		for _, state := range []struct {
			source binding.Source
			want   Answering
		}{{binding.FromNA, c.want}, {binding.FromUnverified, c.stale}} {
			reply, got := Answer(knows(t, state.source), parse(t, c.frame), blue, nil)
			if got != state.want || (len(reply) > 0) != (got == Answered) {
				t.Errorf("%s: %v with %d octets, want %v", c.name, got, len(reply), state.want)
			}
		}
		// Another network, and another VLAN in the same network, know nothing.
		for _, elsewhere := range []binding.Segment{{Network: 2}, {Network: 1, VLAN: 5}} {
			if _, got := Answer(knows(t, binding.FromNA), parse(t, c.frame), elsewhere, nil); got != NotKnown && got != NoQuestion {
				t.Errorf("%s in %+v: %v", c.name, elsewhere, got)
			}
		}
	}
}

// The answer is the one that the owner would give.
// conformance: A4 A10 D1 N4 N5
func TestAnswerFrame(t *testing.T) {
	table := knows(t, binding.FromNA)
	bob := packet.MAC{0x02, 0, 0, 0, 0, 9}
	question := packet.AppendARP(nil, packet.Broadcast, bob, true, 0x6005, &packet.ARP{Op: 1, SHA: bob, SPA: four("10.0.0.9"), TPA: four("10.0.0.1")})
	frame, _ := Answer(table, parse(t, question), blue, nil)
	s := parse(t, frame)
	want := packet.ARP{Op: 2, SHA: mac1, SPA: four("10.0.0.1"), THA: bob, TPA: four("10.0.0.9")}
	if s.Frame.Dst != bob || s.Frame.Src != mac1 || s.ARP != want || s.Frame.TCI != 0x6005 {
		t.Errorf("ARP: %+v %+v", s.Frame, s.ARP)
	}
	frame, _ = Answer(table, parse(t, ns(bob, "2001:db8::9", "2001:db8::1", &bob, nil)), blue, nil)
	s = parse(t, frame)
	if nd := &s.ND; s.Frame.Dst != bob || nd.TLL != mac1 || !nd.Solicited || !nd.Override || nd.Router || nd.Dst != addr("2001:db8::9") || nd.Target != addr("2001:db8::1") {
		t.Errorf("NA: %+v", *nd)
	}
	frame, _ = Answer(table, parse(t, ns(bob, "", "2001:db8::1", nil, nil)), blue, nil)
	s = parse(t, frame)
	if nd := &s.ND; nd.Solicited || !nd.Override || nd.Dst != packet.AllNodes() || s.Frame.Dst != packet.MulticastMAC(packet.AllNodes()) {
		t.Errorf("NA to a DAD probe: %+v", *nd)
	}
}

func TestAnswerDoesNotAllocate(t *testing.T) {
	table := knows(t, binding.FromNA)
	out := make([]byte, 0, 256)
	var s Subject
	for name, frame := range map[string][]byte{
		"ARP":     arp(1, mac2, "10.0.0.2", "10.0.0.1"),
		"ND":      ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, []byte("nonce!")),
		"unknown": arp(1, mac2, "10.0.0.2", "10.0.0.3"),
	} {
		if n := testing.AllocsPerRun(1000, func() {
			if s.Parse(frame) != nil {
				t.Error("malformed")
			}
			Answer(table, &s, blue, out)
		}); n != 0 {
			t.Errorf("%s: %v allocations per answer", name, n)
		}
	}
}
