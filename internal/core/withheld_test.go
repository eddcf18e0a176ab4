package core

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/packet"
)

// claims is a world in which host 1 has an address, and what becomes of claims.
type claims struct {
	*guarded
	wentOn []string
}

func newClaims(t *testing.T) *claims {
	c := &claims{guarded: newGuarded(t)}
	c.tell = func(line string) {
		if strings.Contains(line, "lets go on") {
			c.wentOn = append(c.wentOn, line)
		}
	}
	c.punt(1, 4, pipeline.ReasonLearn, announce(1, "10.0.0.9"))
	c.punt(1, 4, pipeline.ReasonReply, advertises(1))
	return c
}

// solicits is what a host asks of everybody in the name of 2001:db8::9.
func solicits(host byte, target string) []byte {
	mac, to := hostMAC(host), netip.MustParseAddr(target).As16()
	group := packet.SolicitedNode(to)
	return packet.AppendNS(nil, packet.MulticastMAC(group), mac, false, 0, netip.MustParseAddr("2001:db8::9").As16(), group, to, &mac, nil)
}

// advertises is a host's answer to isat that it has that address.
func advertises(host byte) []byte {
	ip, isat := netip.MustParseAddr("2001:db8::9").As16(), packet.LinkLocal(pipeline.MAC)
	return packet.AppendNA(nil, pipeline.MAC, hostMAC(host), false, 0, ip, isat, ip, hostMAC(host), false, true, true)
}

// insists has the owner say that it is there, often enough for every question.
func (c *claims) insists() {
	for range 30 {
		c.punt(1, 4, pipeline.ReasonReply, announce(1, "10.0.0.9"))
		c.punt(1, 4, pipeline.ReasonReply, advertises(1))
		c.sleep(50 * time.Millisecond)
	}
}

// counted are the claims that were held, went on and were dropped.
func (c *claims) counted() [3]uint64 {
	n := c.core.Counters()
	return [3]uint64{n["claim-held"], n["claim-passed"], n["claim-dropped"]}
}

// A claim goes on if the owner does not answer, once, and the latest that was
// heard of it.
//
// conformance: S8
func TestClaimGoesOn(t *testing.T) {
	c := newClaims(t)
	c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
	c.punt(2, 4, pipeline.ReasonClaim, packet.AppendARP(nil, packet.Broadcast, hostMAC(5), false, 0,
		&packet.ARP{Op: 1, SHA: hostMAC(5), SPA: [4]byte{10, 0, 0, 9}, TPA: [4]byte{10, 0, 0, 8}}))
	if got := c.counted(); got != [3]uint64{2, 0, 1} || len(c.wentOn) > 0 {
		t.Fatalf("while the owner is asked: %v, %q", got, c.wentOn)
	}
	c.sleep(time.Second)
	if want := []string{"s2 lets go on what came in at p4: arp 10.0.0.9 at h5 asks for 10.0.0.8"}; !slices.Equal(c.wentOn, want) || c.counted() != [3]uint64{2, 1, 1} {
		t.Errorf("%v, went on %q, want %q", c.counted(), c.wentOn, want)
	}
}

// What is not believed reaches nobody.
//
// conformance: S8
func TestClaimIsDropped(t *testing.T) {
	for name, run := range map[string]func(c *claims){
		"the owner answers": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.insists()
		},
		"the owner has just answered": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonLearn, announce(5, "10.0.0.9"))
			c.punt(1, 4, pipeline.ReasonReply, announce(1, "10.0.0.9"))
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.insists()
		},
		"a solicitation, and the owner answers": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, solicits(5, "2001:db8::8"))
			c.insists()
		},
		"a solicitation to one host, and the owner answers": func(c *claims) {
			frame := solicits(5, "2001:db8::8")
			mac := hostMAC(8)
			copy(frame, mac[:])
			c.punt(2, 4, pipeline.ReasonClaim, frame)
			c.insists()
		},
		"an answer to one host after an announcement to all": func(c *claims) {
			mac := hostMAC(8)
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.punt(2, 4, pipeline.ReasonClaim, packet.AppendARP(nil, mac, hostMAC(5), false, 0,
				&packet.ARP{Op: 2, SHA: hostMAC(5), SPA: [4]byte{10, 0, 0, 9}, THA: mac, TPA: [4]byte{10, 0, 0, 8}}))
			c.insists()
		},
		"a third MAC": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonLearn, announce(5, "10.0.0.9"))
			c.punt(2, 4, pipeline.ReasonClaim, announce(6, "10.0.0.9"))
		},
		"a long packet": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, append(announce(5, "10.0.0.9"), make([]byte, maxWithheld)...))
		},
		"another hardware address": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, packet.AppendARP(nil, packet.Broadcast, hostMAC(5), false, 0,
				&packet.ARP{Op: 2, SHA: hostMAC(6), SPA: [4]byte{10, 0, 0, 9}, TPA: [4]byte{10, 0, 0, 8}}))
		},
		"behind a SNAP header, which only the switch reads": func(c *claims) {
			f := announce(5, "10.0.0.9")
			c.punt(2, 4, pipeline.ReasonClaim, slices.Concat(f[:12], []byte{0, byte(8 + len(f[14:])), 0xaa, 0xaa, 3, 0, 0, 0}, f[12:]))
		},
		"the operator's": func(c *claims) { c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.77")) },
		"leased to another one meanwhile": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.punt(1, 2, pipeline.ReasonDHCP, dhcp4(hostMAC(2), hostMAC(4), ack, "10.0.0.9", 600))
		},
		"its switch is lost": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.step(c.disconnect(c.switches[2]))
		},
	} {
		c := newClaims(t)
		run(c)
		c.sleep(time.Second)
		if got := c.counted(); got[1] != 0 || got[2] == 0 || len(c.wentOn) > 0 {
			t.Errorf("%s: %v, went on %q", name, got, c.wentOn)
		}
	}
}

// What is no contradiction any more goes on at once.
//
// conformance: S8
func TestClaimThatIsNone(t *testing.T) {
	c := newClaims(t)
	c.punt(1, 4, pipeline.ReasonClaim, announce(1, "10.0.0.9"))
	c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.10"))
	if got := c.counted(); got != [3]uint64{0, 2, 0} || len(c.wentOn) != 2 {
		t.Errorf("%v, went on %q", got, c.wentOn)
	}
}

// Of several packets the latest waits, but none for one host in place of one for all.
//
// conformance: S8
func TestClaimForAllWaits(t *testing.T) {
	c := newClaims(t)
	c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
	mac := hostMAC(8)
	c.punt(2, 4, pipeline.ReasonClaim, packet.AppendARP(nil, mac, hostMAC(5), false, 0,
		&packet.ARP{Op: 2, SHA: hostMAC(5), SPA: [4]byte{10, 0, 0, 9}, THA: mac, TPA: [4]byte{10, 0, 0, 8}}))
	c.sleep(time.Second)
	if want := []string{"s2 lets go on what came in at p4: arp 10.0.0.9 at h5 asks for 10.0.0.9"}; !slices.Equal(c.wentOn, want) {
		t.Errorf("went on %q, want %q", c.wentOn, want)
	}
}

// A claim that is refused because the owner still answers goes on when it does not
// any more.
//
// conformance: S8
func TestClaimGoesOnLater(t *testing.T) {
	for name, frame := range map[string][]byte{"an announcement": announce(5, "10.0.0.9"), "a solicitation": solicits(5, "2001:db8::8")} {
		c := newClaims(t)
		c.punt(2, 4, pipeline.ReasonClaim, frame)
		c.sleep(100 * time.Millisecond)
		c.punt(1, 4, pipeline.ReasonReply, announce(1, "10.0.0.9"))
		c.punt(1, 4, pipeline.ReasonReply, advertises(1))
		c.sleep(250 * time.Millisecond)
		if len(c.wentOn) > 0 {
			t.Errorf("%s: went on %q although the owner answered", name, c.wentOn)
		}
		c.sleep(300 * time.Millisecond)
		if got := c.counted(); len(c.wentOn) != 1 || got != [3]uint64{1, 1, 0} {
			t.Errorf("%s: %v, went on %q", name, got, c.wentOn)
		}
	}
}

// A question that a switch would answer is answered, whatever it says of its sender.
//
// conformance: S8
func TestClaimantIsAnswered(t *testing.T) {
	c := newClaims(t)
	var delivered []string
	tell := c.tell
	c.tell = func(line string) { tell(line); delivered = append(delivered, line) }
	c.punt(1, 4, pipeline.ReasonLearn, announce(2, "10.0.0.8"))
	c.punt(2, 4, pipeline.ReasonClaim, packet.AppendARP(nil, packet.Broadcast, hostMAC(5), false, 0,
		&packet.ARP{Op: 1, SHA: hostMAC(5), SPA: [4]byte{10, 0, 0, 9}, TPA: [4]byte{10, 0, 0, 8}}))
	c.sleep(time.Second)
	if want := "s2 sends to p4: arp 10.0.0.8 is at h2, to h5 alone"; !slices.Contains(delivered, want) {
		t.Errorf("delivered was %q, want %q", delivered, want)
	}
	if n := c.core.Counters()["claim-answered"]; n != 1 || len(c.wentOn) > 0 {
		t.Errorf("%d answered, want 1; went on %q", n, c.wentOn)
	}
}

// A solicitation takes nothing back of what its sender has said before.
//
// conformance: N8
func TestClaimKeepsItsAuthority(t *testing.T) {
	all := packet.AllNodes()
	ip, mac := netip.MustParseAddr("2001:db8::9").As16(), hostMAC(5)
	states := packet.AppendNA(nil, packet.MulticastMAC(all), mac, false, 0, ip, all, ip, mac, false, false, true)
	for name, order := range map[string][][]byte{"after": {states, solicits(5, "2001:db8::8")}, "before": {solicits(5, "2001:db8::8"), states}} {
		c := newClaims(t)
		for _, frame := range order {
			c.punt(2, 4, pipeline.ReasonClaim, frame)
		}
		c.sleep(time.Second)
		if b := c.core.table.Lookup(binding.NewKey(binding.Segment{Network: 1}, netip.AddrFrom16(ip))); b.MAC != mac || b.State != binding.Reachable {
			t.Errorf("with a solicitation %s it: %v, %v", name, b.MAC, b.State)
		}
	}
}
