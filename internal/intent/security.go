package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/isat-sdn/isat/packet"
)

// Security says whom a port believes.
type Security uint8

const (
	// SecurityLearn learns who is behind the port; what is known elsewhere can't be
	// taken while its owner answers. The default.
	SecurityLearn Security = iota
	// SecurityOff believes whoever spoke last.
	SecurityOff
	// SecurityStrict lets only the listed addresses send.
	SecurityStrict
)

var securityNames = [...]string{SecurityLearn: "learn", SecurityOff: "off", SecurityStrict: "strict"}

// String gives the word that stands for it in a file.
func (s Security) String() string {
	if int(s) < len(securityNames) {
		return securityNames[s]
	}
	return fmt.Sprintf("security(%d)", uint8(s))
}

// MarshalText gives the form of String.
func (s Security) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Allowed is a MAC that may send on a strict port, and the addresses that it may have:
// with no prefix, any.
type Allowed struct {
	MAC packet.MAC
	IPs []netip.Prefix // masked; one address has all its bits
}

// Has says whether the MAC may have an address: one of those listed, or the
// link-local one that the MAC makes (modified EUI-64), which needs no listing.
func (a *Allowed) Has(ip netip.Addr) bool {
	return len(a.IPs) == 0 || ip == netip.AddrFrom16(packet.LinkLocal(a.MAC)) ||
		slices.ContainsFunc(a.IPs, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// AllowedOf finds a MAC in a port's list, which is sorted; nil if it is not there.
func AllowedOf(list []Allowed, mac packet.MAC) *Allowed {
	i, ok := slices.BinarySearchFunc(list, mac, func(a Allowed, mac packet.MAC) int { return slices.Compare(a.MAC[:], mac[:]) })
	if !ok {
		return nil
	}
	return &list[i]
}

// Bounds of what one port lists.
const (
	MaxAllowed    = 1024 // MACs
	MaxAllowedIPs = 64   // of one MAC
)
