package intent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/isat-sdn/isat/packet"
)

// Age limits of bindings.
const (
	DefaultAge = 20 * time.Minute
	MinAge     = 3 * time.Second // but for 0, which is never
	MaxAge     = 365 * 24 * time.Hour
	MaxAges    = 1024 // of one network
)

// AgeRule is the age limit of the addresses of a prefix.
type AgeRule struct {
	Prefix netip.Prefix  // masked
	Age    time.Duration // 0: for ever
}

// AgeOf is the age limit of an address.
func (n *Network) AgeOf(ip netip.Addr) time.Duration {
	age, bits := n.Age, -1
	for _, rule := range n.Ages {
		if rule.Prefix.Contains(ip) && rule.Prefix.Bits() > bits {
			age, bits = rule.Age, rule.Prefix.Bits()
		}
	}
	return age
}

// SameAges says whether the age limits of two networks are equal.
func (n *Network) SameAges(o *Network) bool { return n.Age == o.Age && slices.Equal(n.Ages, o.Ages) }

// DuplicateRule says when an address that changes its MAC is a duplicate (RFC 9161
// §3.7): after Moves moves within Within it is frozen for Hold.
type DuplicateRule struct {
	Moves  int
	Within time.Duration
	Hold   time.Duration // 0: until an operator clears it
}

// Bounds of a DuplicateRule. One move alone is a host that was moved.
const (
	MinMoves  = 2
	MaxMoves  = 1000
	MinWithin = 10 * time.Second
	MaxWithin = 24 * time.Hour
	MaxHold   = 7 * 24 * time.Hour
)

// DefaultDuplicates is the rule that RFC 9161 §3.7 takes from RFC 7432 §15.1, with a
// release after three times the window.
func DefaultDuplicates() DuplicateRule {
	return DuplicateRule{Moves: 5, Within: 180 * time.Second, Hold: 540 * time.Second}
}

// Sponge answers for addresses that nobody has: one that was asked for more than Asked
// times within a minute, and did not answer, is answered for with MAC until it shows a
// sign of life.
type Sponge struct {
	Asked int
	MAC   packet.MAC
}

// Bounds of a Sponge. A host asks three times for an address that it wants (RFC 4861
// §10), so fewer than four requests say nothing.
const (
	DefaultAsked = 30
	MinAsked     = 4
	MaxAsked     = 100_000
)

// OwnMAC is the address that isat's own packets carry: locally administered, and
// the same on every controller. Answers to it are punted, and no host may send
// from it.
var OwnMAC = packet.MAC{0x02, 'i', 's', 'a', 't', 0x01}

// SpongeMAC is what a sponge answers with if nothing else is asked for: locally
// administered, and nobody's.
var SpongeMAC = packet.MAC{0x02, 'i', 's', 'a', 't', 0x02}
