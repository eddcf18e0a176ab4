package core

import (
	"slices"
	"strings"
	"testing"
	"time"

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
	return c
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
	owner := announce(1, "10.0.0.9")
	for name, run := range map[string]func(c *claims){
		"the owner answers": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
			c.punt(1, 4, pipeline.ReasonReply, owner)
		},
		"the owner has just answered": func(c *claims) {
			c.punt(2, 4, pipeline.ReasonLearn, announce(5, "10.0.0.9"))
			c.punt(1, 4, pipeline.ReasonReply, owner)
			c.punt(2, 4, pipeline.ReasonClaim, announce(5, "10.0.0.9"))
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
		if got := c.counted(); got[1] != 0 || got[2] != 1 || len(c.wentOn) > 0 {
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
