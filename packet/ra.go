package packet

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"
	"time"
)

// NDRouterAdvertisement is the ICMPv6 type of a router advertisement (RFC 4861 §4.2).
const NDRouterAdvertisement uint8 = 134

// Options of router advertisements (RFC 4861 §4.6, RFC 8106 §5).
const (
	optionPrefix = 3
	optionMTU    = 5
	optionRDNSS  = 25
	optionDNSSL  = 31

	prefixOptionLen = 32
	mtuOptionLen    = 8
	dnsHeaderLen    = 8 // of both DNS options: type, length, reserved, lifetime
)

// Flags of an advertisement (RFC 4861 §4.2) and of its prefixes (RFC 4861 §4.6.2).
const (
	flagManaged    = 0x80
	flagOther      = 0x40
	flagOnLink     = 0x80
	flagAutonomous = 0x40
)

// Limits of domain names (RFC 1035 §2.3.4), in octets.
const (
	maxDomainLen = 255 // on the wire, with the root's length octet
	maxLabelLen  = 63
)

// raMaxLen is how long the ICMPv6 message of an advertisement can be that passes every
// link, as it must not be fragmented (RFC 6980 §5). It is a multiple of 8, as options are.
const raMaxLen = minIPv6MTU - ipv6HeaderLen

// InfiniteLifetime is the lifetime of a prefix, or of DNS data, that never ends (RFC 4861
// §4.6.2, RFC 8106 §5). Any longer duration means the same.
const InfiniteLifetime = math.MaxUint32 * time.Second

// RouterAdvertisement is what a router tells the hosts of a link (RFC 4861 §4.2). Times go
// into whole seconds or milliseconds, rounded up; the greatest value that fits stands for
// longer ones, and zero for negative ones.
type RouterAdvertisement struct {
	HopLimit      uint8         // for the hosts' own packets; 0 says nothing
	Managed       bool          // the flag M: addresses are to be had by DHCPv6
	Other         bool          // the flag O: other configuration is to be had by DHCPv6
	Lifetime      time.Duration // as default router, in seconds up to 65535; 0: it is none
	ReachableTime time.Duration // in milliseconds on the wire; 0 says nothing
	RetransTimer  time.Duration // in milliseconds on the wire; 0 says nothing
	MTU           uint32        // of the link in octets; no option if below 1280, which hosts ignore (§6.3.4)
	SourceMAC     MAC           // the router's link-layer address; no option if zero
	Prefixes      []RAPrefix
	RDNSS         []netip.Addr  // recursive DNS servers in order of preference (RFC 8106 §5.1)
	RDNSSLifetime time.Duration // in seconds, of RDNSS and of DNSSL
	DNSSL         []string      // search domains in order of preference (RFC 8106 §5.2)
}

// RAPrefix is a prefix information option (RFC 4861 §4.6.2).
type RAPrefix struct {
	Prefix           netip.Prefix  // bits beyond its length don't matter
	OnLink           bool          // the flag L: its addresses are on the link
	Autonomous       bool          // the flag A: hosts may form addresses with it (RFC 4862 §5.5.3)
	Valid, Preferred time.Duration // lifetimes in seconds, at most InfiniteLifetime
}

// AppendRA appends a frame with a router advertisement (RFC 4861 §4.2). With tagged, the
// frame carries one customer tag with the tag control information tci. Hosts take it only
// from a link-local srcIP (RFC 4861 §6.1.2); dstIP is ff02::1, or the host that solicited
// it. The options are, in this order, source link-layer address, MTU, prefixes, RDNSS and
// DNSSL. Left out is what has no form on the wire: a prefix or server that isn't IPv6, a
// search domain that isn't made of labels of 1 to 63 octets and 255 in all (RFC 1035
// §3.1), and what doesn't fit into an IPv6 packet of 1280 octets any more.
func AppendRA(b []byte, dst, src MAC, tagged bool, tci uint16, srcIP, dstIP [16]byte, ra *RouterAdvertisement) []byte {
	b = appendHeader(b, dst, src, tagged, tci, EtherTypeIPv6)
	header := len(b)
	b, start := appendIPv6Header(b, srcIP, dstIP, 0)
	var flags uint8
	if ra.Managed {
		flags |= flagManaged
	}
	if ra.Other {
		flags |= flagOther
	}
	b = append(b, NDRouterAdvertisement, 0, 0, 0, ra.HopLimit, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(units(ra.Lifetime, time.Second, math.MaxUint16)))
	b = binary.BigEndian.AppendUint32(b, units(ra.ReachableTime, time.Millisecond, math.MaxUint32))
	b = binary.BigEndian.AppendUint32(b, units(ra.RetransTimer, time.Millisecond, math.MaxUint32))
	if !ra.SourceMAC.IsZero() {
		b = appendLinkLayerOption(b, optionSourceLinkLayer, ra.SourceMAC)
	}
	if ra.MTU >= minIPv6MTU {
		b = append(b, optionMTU, mtuOptionLen/8, 0, 0)
		b = binary.BigEndian.AppendUint32(b, ra.MTU)
	}
	end := start + raMaxLen
	b = appendPrefixes(b, end, ra.Prefixes)
	b = appendRDNSS(b, end, ra.RDNSS, ra.RDNSSLifetime)
	b = appendDNSSL(b, end, ra.DNSSL, ra.RDNSSLifetime)
	binary.BigEndian.PutUint16(b[header+4:], uint16(len(b)-start))
	return sealICMPv6(b, start, srcIP, dstIP)
}

// units gives d in whole units, rounded up, from 0 to limit.
func units(d, unit time.Duration, limit uint32) uint32 {
	switch n := d / unit; {
	case d <= 0:
		return 0
	case n >= time.Duration(limit):
		return limit
	case d%unit != 0:
		return uint32(n) + 1
	default:
		return uint32(n)
	}
}

// appendPrefixes appends the options that end before b is longer than end.
func appendPrefixes(b []byte, end int, prefixes []RAPrefix) []byte {
	for i := range prefixes {
		p := &prefixes[i]
		if !p.Prefix.IsValid() || !isIPv6(p.Prefix.Addr()) || len(b)+prefixOptionLen > end {
			continue
		}
		var flags uint8
		if p.OnLink {
			flags |= flagOnLink
		}
		if p.Autonomous {
			flags |= flagAutonomous
		}
		ip := p.Prefix.Masked().Addr().As16()
		b = append(b, optionPrefix, prefixOptionLen/8, uint8(p.Prefix.Bits()), flags)
		b = binary.BigEndian.AppendUint32(b, units(p.Valid, time.Second, math.MaxUint32))
		b = binary.BigEndian.AppendUint32(b, units(p.Preferred, time.Second, math.MaxUint32))
		b = append(b, 0, 0, 0, 0)
		b = append(b, ip[:]...)
	}
	return b
}

func isIPv6(ip netip.Addr) bool { return ip.Is6() && !ip.Is4In6() }

// appendRDNSS appends one option with the servers that fit before end, if there is any.
func appendRDNSS(b []byte, end int, servers []netip.Addr, lifetime time.Duration) []byte {
	start := len(b)
	b = appendDNSHeader(b, optionRDNSS, lifetime)
	content := len(b)
	for _, server := range servers {
		if !isIPv6(server) || len(b)+16 > end {
			continue
		}
		ip := server.As16()
		b = append(b, ip[:]...)
	}
	return endOption(b, start, content)
}

// appendDNSSL appends one option with the domains that fit before end, if there is any.
func appendDNSSL(b []byte, end int, domains []string, lifetime time.Duration) []byte {
	start := len(b)
	b = appendDNSHeader(b, optionDNSSL, lifetime)
	content := len(b)
	for _, domain := range domains {
		b = appendDomain(b, end, domain)
	}
	return endOption(b, start, content)
}

// appendDNSHeader appends the beginning of a DNS option whose length is not yet known.
func appendDNSHeader(b []byte, kind uint8, lifetime time.Duration) []byte {
	b = append(b, kind, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, units(lifetime, time.Second, math.MaxUint32))
}

// endOption fills the option that begins at start up to a multiple of 8 octets and sets its
// length. An option without content, or without room for any, is taken back.
func endOption(b []byte, start, content int) []byte {
	if len(b) == content {
		return b[:start]
	}
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	b[start+1] = uint8((len(b) - start) / 8)
	return b
}

// appendDomain appends a domain name as labels with the root's at the end (RFC 1035 §3.1),
// or nothing if it can't be one or doesn't end before end. A dot at its end makes no
// difference.
func appendDomain(b []byte, end int, domain string) []byte {
	start := len(b)
	rest := strings.TrimSuffix(domain, ".")
	// Every label has a length octet where the text has a dot, the first and the root one more.
	if length := len(rest) + 2; length > maxDomainLen || start+length > end {
		return b
	}
	for more := true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if label == "" || len(label) > maxLabelLen {
			return b[:start]
		}
		b = append(b, uint8(len(label)))
		b = append(b, label...)
	}
	return append(b, 0)
}
