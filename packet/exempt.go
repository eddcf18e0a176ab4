package packet

import "errors"

// Exemption says why no ICMP error may be sent about a packet. The set is bounded, so that
// an Exemption can index an array of counters and its String can be a metric label.
type Exemption uint8

// The packets about which no ICMP error may be sent, for IPv4 by RFC 1122 §3.2.2 and RFC
// 1812 §4.3.2.7, for IPv6 by RFC 4443 §2.4 (e).
const (
	// ExemptNone is the zero Exemption: an error may be sent.
	ExemptNone Exemption = iota
	// ExemptICMPError: an ICMP error itself, or an ICMP message that can't be told from one.
	ExemptICMPError
	// ExemptRedirect: an ICMPv6 redirect.
	ExemptRedirect
	// ExemptFragment: an IPv4 fragment that isn't the first.
	ExemptFragment
	// ExemptDestination: to an IP multicast or broadcast address.
	ExemptDestination
	// ExemptLinkDestination: to a link-layer multicast or broadcast address.
	ExemptLinkDestination
	// ExemptSource: from an address that doesn't name one host which can be reached.
	ExemptSource

	exemptionCount
)

// NumExemptions is the length of an array indexed by Exemption.
const NumExemptions = int(exemptionCount)

var exemptionNames = [NumExemptions]string{
	ExemptNone:            "none",
	ExemptICMPError:       "icmp-error",
	ExemptRedirect:        "redirect",
	ExemptFragment:        "fragment",
	ExemptDestination:     "destination",
	ExemptLinkDestination: "link-destination",
	ExemptSource:          "source",
}

// String gives the exemption's name: lower case, words joined by hyphens.
func (e Exemption) String() string {
	if e >= exemptionCount {
		return "unknown"
	}
	return exemptionNames[e]
}

// Exempt is the error of a packet about which no ICMP error may be sent. It is no fault of
// the packet.
type Exempt struct {
	Exemption Exemption
}

func (e *Exempt) Error() string {
	return "no icmp error may be sent about this packet: " + e.Exemption.String()
}

// The errors exist beforehand for the same reason as those of malformed packets.
var exempt = func() (errs [NumExemptions]*Exempt) {
	for e := range errs {
		errs[e] = &Exempt{Exemption: Exemption(e)}
	}
	return errs
}()

// ExemptionOf gives the exemption if err is, or wraps, an *Exempt.
func ExemptionOf(err error) (Exemption, bool) {
	if e, ok := errors.AsType[*Exempt](err); ok {
		return e.Exemption, true
	}
	return ExemptNone, false
}

// exemption4 says whether the packet p of frame f must not be answered by an ICMP error.
// A destination that is broadcast in its subnet only can't be known here.
func exemption4(f *Frame, p *ipv4) Exemption {
	switch {
	case f.Dst.IsMulticast():
		return ExemptLinkDestination
	case isGroupOrBroadcast4(p.dst):
		return ExemptDestination
	case !isHost4(p.src):
		return ExemptSource
	case p.later:
		return ExemptFragment
	case p.protocol == protocolICMP && !isICMPQuery(p.payload):
		return ExemptICMPError
	}
	return ExemptNone
}

// isGroupOrBroadcast4 says whether ip is a class D address, the limited broadcast or its
// obsolete form 0.0.0.0 (RFC 1812 §4.2.2.11, §4.2.3.1).
func isGroupOrBroadcast4(ip [4]byte) bool {
	return ip[0]>>4 == 0xe || ip == [4]byte{} || ip == [4]byte{255, 255, 255, 255}
}

// isHost4 says whether ip can be one host's: neither of network 0, nor loopback, nor of
// class D or E (RFC 1122 §3.2.1.3, RFC 1812 §4.3.2.7).
func isHost4(ip [4]byte) bool { return ip[0] != 0 && ip[0] != 127 && ip[0] < 224 }

// isICMPQuery says whether an ICMP message is known to be none of the errors. Types that
// nobody has assigned could be errors (RFC 1122 §3.2.2 groups those of its time).
func isICMPQuery(message []byte) bool {
	if len(message) < 1 {
		return false
	}
	switch message[0] {
	case 0, 8, // echo (RFC 792)
		9, 10, // router discovery (RFC 1256)
		13, 14, 15, 16, // timestamp, information (RFC 792)
		17, 18, // address mask (RFC 950)
		42, 43: // extended echo (RFC 8335)
		return true
	}
	return false
}

// exemption6 says whether the packet p of frame f must not be answered by the ICMPv6 error
// of that type and code.
func exemption6(f *Frame, p *ipv6, kind, code uint8) Exemption {
	// Path MTU discovery works for multicast, and so do the options that ask to be
	// reported (RFC 4443 §2.4 (e.3)).
	group := kind == icmp6PacketTooBig || kind == icmp6ParameterProblem && code == icmp6UnrecognizedOption
	switch {
	case f.Dst.IsMulticast() && !group:
		return ExemptLinkDestination
	case p.dst[0] == 0xff && !group:
		return ExemptDestination
	case !isNode6(p.src):
		return ExemptSource
	case p.protocol != nextICMPv6:
		return ExemptNone
	case p.later || len(p.upper) < 1 || p.upper[0]&icmp6Informational == 0:
		return ExemptICMPError
	case p.upper[0] == icmp6Redirect:
		return ExemptRedirect
	}
	return ExemptNone
}

// isNode6 says whether ip can be one node's: neither unspecified, nor loopback, nor
// multicast (RFC 4443 §2.4 (e.6), RFC 4291 §2.5.3).
func isNode6(ip [16]byte) bool {
	return ip[0] != 0xff && ip != [16]byte{} && ip != [16]byte{15: 1}
}
