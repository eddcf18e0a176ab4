package resolve

import (
	"net/netip"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// What a frame asks for.
// conformance: A3 A6 P1 N1
func TestTarget(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		kind  Kind
		want  string // "" if it asks for nothing
		probe bool
	}{
		{"request", arp(1, mac2, "10.0.0.2", "10.0.0.1"), ARPRequest, "10.0.0.1", false},
		{"probe", arp(1, mac2, "0.0.0.0", "10.0.0.1"), ARPRequest, "10.0.0.1", true},
		{"announcement", arp(1, mac2, "10.0.0.2", "10.0.0.2"), ARPRequest, "", false},
		{"reply", arp(2, mac2, "10.0.0.2", "10.0.0.1"), ARPReply, "", false},
		{"another opcode", arp(3, mac2, "10.0.0.2", "10.0.0.1"), Other, "", false},
		{"for 0.0.0.0", arp(1, mac2, "10.0.0.2", "0.0.0.0"), ARPRequest, "", false},
		{"for this network", arp(1, mac2, "10.0.0.2", "0.1.2.3"), ARPRequest, "", false},
		{"for loopback", arp(1, mac2, "10.0.0.2", "127.0.0.1"), ARPRequest, "", false},
		{"for multicast", arp(1, mac2, "10.0.0.2", "224.0.0.1"), ARPRequest, "", false},
		{"for broadcast", arp(1, mac2, "10.0.0.2", "255.255.255.255"), ARPRequest, "", false},
		{"solicitation", ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, nil), Solicitation, "2001:db8::1", false},
		{"DAD", ns(mac2, "", "2001:db8::1", nil, []byte("nonce!")), Solicitation, "2001:db8::1", true},
		{"advertisement", na(mac1, "2001:db8::1", mac1, false, true, true), Advertisement, "", false},
		{"another protocol", append(append(mac1[:], mac2[:]...), 8, 0, 0, 0), Other, "", false},
		{"another ICMPv6 type", echoRequest(t), Other, "", false},
	} {
		s := parse(t, c.frame)
		got, asks := s.Target(blue)
		if s.Kind != c.kind || asks != (c.want != "") || asks && got != key(c.want) || s.IsProbe() != c.probe {
			t.Errorf("%s: kind %d, %v %v, probe %v", c.name, s.Kind, got, asks, s.IsProbe())
		}
	}
}

// echoRequest is an NS whose type was changed: no ND packet any more.
func echoRequest(t *testing.T) []byte {
	t.Helper()
	frame := ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, nil)
	frame[54] = 128
	return frame
}

// What a frame teaches, and why it teaches nothing.
// conformance: A1 A2 A11 P1 P4 N8 N9 D3
func TestEvidence(t *testing.T) {
	for _, c := range []struct {
		name   string
		frame  []byte
		want   Teaching
		ip     string
		source binding.Source
		router bool
	}{
		{"request", arp(1, mac2, "10.0.0.2", "10.0.0.1"), TeachesBinding, "10.0.0.2", binding.FromARP, false},
		{"reply", arp(2, mac2, "10.0.0.2", "10.0.0.1"), TeachesBinding, "10.0.0.2", binding.FromARP, false},
		{"announcement", arp(1, mac2, "10.0.0.2", "10.0.0.2"), TeachesBinding, "10.0.0.2", binding.FromARP, false},
		{"another opcode", arp(9, mac2, "10.0.0.2", "10.0.0.1"), TeachesBinding, "10.0.0.2", binding.FromARP, false},
		{"probe", arp(1, mac2, "0.0.0.0", "10.0.0.1"), TeachesProbe, "", 0, false},
		{"other sender", arpFrame(packet.Broadcast, mac1, 1, mac2, "10.0.0.2", "10.0.0.1"), TeachesMismatch, "", 0, false},
		{"loopback sender", arp(1, mac2, "127.0.0.1", "10.0.0.1"), TeachesBadAddress, "", 0, false},
		{"multicast sender", arp(1, mac2, "239.1.1.1", "10.0.0.1"), TeachesBadAddress, "", 0, false},
		{"solicitation", ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, nil), TeachesBinding, "2001:db8::2", binding.FromSolicit, false},
		{"without option", ns(mac2, "2001:db8::2", "2001:db8::1", nil, nil), TeachesNothing, "", 0, false},
		{"other option", ns(mac2, "2001:db8::2", "2001:db8::1", &mac1, nil), TeachesMismatch, "", 0, false},
		{"from ::1", ns(mac2, "::1", "2001:db8::1", &mac2, nil), TeachesBadAddress, "", 0, false},
		{"DAD", ns(mac2, "", "2001:db8::1", nil, nil), TeachesProbe, "", 0, false},
		{"NA with O", na(mac1, "2001:db8::1", mac1, true, false, true), TeachesBinding, "2001:db8::1", binding.FromNA, true},
		{"NA with S", na(mac1, "2001:db8::1", mac1, false, true, false), TeachesBinding, "2001:db8::1", binding.FromNAKeepOther, false},
		{"NA without O", na(mac1, "2001:db8::1", mac1, false, false, false), TeachesBinding, "2001:db8::1", binding.FromUnverified, false},
		{"NA of another", na(mac2, "2001:db8::1", mac1, false, true, true), TeachesMismatch, "", 0, false},
		{"NA for ::1", na(mac1, "::1", mac1, false, true, true), TeachesBadAddress, "", 0, false},
		{"nothing", echoRequest(t), TeachesNothing, "", 0, false},
	} {
		s := parse(t, c.frame)
		e, got := s.Evidence(blue, 7)
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		if got != TeachesBinding {
			continue
		}
		want := binding.Evidence{Key: key(c.ip), MAC: s.Frame.Src, Switch: 7, Source: c.source, Router: c.router}
		if e != want {
			t.Errorf("%s: %+v, want %+v", c.name, e, want)
		}
	}
}

// A subject is used again and again: nothing of one frame stays for the next.
func TestSubjectIsReusable(t *testing.T) {
	var s Subject
	frames := [][]byte{
		arp(1, mac2, "10.0.0.2", "10.0.0.1"),
		ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, []byte("nonce!")),
		append(append(mac1[:], mac2[:]...), 8, 0),
		{1, 2, 3},
	}
	for range 2 {
		for i, frame := range frames {
			err := s.Parse(frame)
			if want := []Kind{ARPRequest, Solicitation, Other, Other}[i]; s.Kind != want || (err != nil) != (i == 3) {
				t.Errorf("frame %d: kind %d, %v", i, s.Kind, err)
			}
		}
	}
	if reason, _ := packet.ReasonOf(s.Parse(arp(1, mac2, "10.0.0.2", "10.0.0.1")[:30])); reason != packet.ReasonARPTruncated || s.Kind != Other {
		t.Errorf("a truncated request: %v, kind %d", reason, s.Kind)
	}
}

func TestCanBeHost(t *testing.T) {
	for ip, want := range map[string]bool{
		"10.0.0.1": true, "0.0.0.0": false, "127.0.0.1": false, "224.0.0.1": false, "255.255.255.255": false,
		"2001:db8::1": true, "fe80::1": true, "::": false, "::1": false, "ff02::1": false,
	} {
		if got := CanBeHost(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
}

// Any frame has a verdict.
func FuzzSubject(f *testing.F) {
	f.Add(arp(1, mac2, "10.0.0.2", "10.0.0.1"))
	f.Add(ns(mac2, "2001:db8::2", "2001:db8::1", &mac2, []byte("nonce!")))
	f.Add(na(mac1, "2001:db8::1", mac1, true, true, true))
	table := knows(f, binding.FromARP)
	f.Fuzz(func(t *testing.T, frame []byte) {
		var s Subject
		if s.Parse(frame) != nil && s.Kind != Other {
			t.Fatalf("a malformed frame has kind %d", s.Kind)
		}
		if s.Frame.Payload == nil {
			return
		}
		if e, teaching := s.Evidence(blue, 1); teaching == TeachesBinding && (e.MAC != s.Frame.Src || !CanBeHost(e.Key.IP())) {
			t.Fatalf("teaches %+v", e)
		}
		reply, verdict := Answer(table, &s, blue, nil)
		if (verdict == Answered) != (len(reply) > 0) {
			t.Fatalf("%v with a reply of %d octets", verdict, len(reply))
		}
	})
}
