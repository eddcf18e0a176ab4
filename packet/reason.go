package packet

import "errors"

// Reason says in which way a packet is malformed. The set is bounded, so that a
// Reason can index an array of counters and its String can be a metric label.
type Reason uint8

// The ways in which a packet can be malformed, with the sentence each one breaks.
const (
	// ReasonNone is the zero Reason: not malformed.
	ReasonNone Reason = iota
	// ReasonFrameTruncated: shorter than its Ethernet header and tags.
	ReasonFrameTruncated
	// ReasonARPTruncated: shorter than 28 octets (RFC 826).
	ReasonARPTruncated
	// ReasonARPHardwareType: hardware type is not 1, Ethernet (RFC 826).
	ReasonARPHardwareType
	// ReasonARPProtocolType: protocol type is not 0x0800, IPv4 (RFC 826).
	ReasonARPProtocolType
	// ReasonARPAddressLength: address lengths are not 6 and 4 (RFC 826).
	ReasonARPAddressLength
	// ReasonIPv6Truncated: shorter than its header, its extension headers or its
	// payload length say (RFC 8200 §3).
	ReasonIPv6Truncated
	// ReasonIPv6Version: version is not 6 (RFC 8200 §3).
	ReasonIPv6Version
	// ReasonNDFragmented: neighbour discovery with a fragment header (RFC 6980 §5).
	ReasonNDFragmented
	// ReasonNDHopLimit: hop limit is not 255 (RFC 4861 §6.1.1, §7.1.1, §7.1.2).
	ReasonNDHopLimit
	// ReasonNDChecksum: ICMPv6 checksum is wrong (RFC 4861 §6.1.1, §7.1.1, §7.1.2).
	ReasonNDChecksum
	// ReasonNDCode: ICMPv6 code is not 0 (RFC 4861 §6.1.1, §7.1.1, §7.1.2).
	ReasonNDCode
	// ReasonNDTruncated: ICMPv6 length is less than 24, of a router solicitation less
	// than 8 (RFC 4861 §6.1.1, §7.1.1, §7.1.2).
	ReasonNDTruncated
	// ReasonNDTarget: target is a multicast address (RFC 4861 §7.1.1, §7.1.2).
	ReasonNDTarget
	// ReasonNDOptionLength: an option of length 0, or one that reaches beyond the
	// message (RFC 4861 §4.6, §6.1.1, §7.1.1, §7.1.2).
	ReasonNDOptionLength
	// ReasonNDSource: source is a multicast address (RFC 4291 §2.7).
	ReasonNDSource
	// ReasonNDUnspecifiedDestination: solicitation from :: to something else than a
	// solicited-node address (RFC 4861 §7.1.1).
	ReasonNDUnspecifiedDestination
	// ReasonNDUnspecifiedLinkLayer: solicitation from :: with a source link-layer
	// option (RFC 4861 §6.1.1, §7.1.1).
	ReasonNDUnspecifiedLinkLayer
	// ReasonNDSolicitedMulticast: advertisement to a multicast address with the
	// solicited flag (RFC 4861 §7.1.2).
	ReasonNDSolicitedMulticast
	// ReasonIPv4Truncated: shorter than its header (RFC 1812 §5.2.2).
	ReasonIPv4Truncated
	// ReasonIPv4Version: version is not 4 (RFC 1812 §5.2.2).
	ReasonIPv4Version
	// ReasonIPv4Length: header length is less than 20 octets, or total length less than
	// header length (RFC 1812 §5.2.2).
	ReasonIPv4Length
	// ReasonIPv4Checksum: header checksum is wrong (RFC 1812 §5.2.2).
	ReasonIPv4Checksum
	// ReasonDHCPTruncated: shorter than its header, or than UDP says (RFC 2131 §2,
	// RFC 8415 §8, RFC 768).
	ReasonDHCPTruncated
	// ReasonDHCPOption: an option that reaches beyond the message, or of another length than
	// it has (RFC 2132 §2, RFC 8415 §21.1).
	ReasonDHCPOption

	reasonCount
)

// NumReasons is the length of an array indexed by Reason.
const NumReasons = int(reasonCount)

var reasonNames = [NumReasons]string{
	ReasonNone:                     "none",
	ReasonFrameTruncated:           "frame-truncated",
	ReasonARPTruncated:             "arp-truncated",
	ReasonARPHardwareType:          "arp-hardware-type",
	ReasonARPProtocolType:          "arp-protocol-type",
	ReasonARPAddressLength:         "arp-address-length",
	ReasonIPv6Truncated:            "ipv6-truncated",
	ReasonIPv6Version:              "ipv6-version",
	ReasonNDFragmented:             "nd-fragmented",
	ReasonNDHopLimit:               "nd-hop-limit",
	ReasonNDChecksum:               "nd-checksum",
	ReasonNDCode:                   "nd-code",
	ReasonNDTruncated:              "nd-truncated",
	ReasonNDTarget:                 "nd-target",
	ReasonNDOptionLength:           "nd-option-length",
	ReasonNDSource:                 "nd-source",
	ReasonNDUnspecifiedDestination: "nd-unspecified-destination",
	ReasonNDUnspecifiedLinkLayer:   "nd-unspecified-link-layer",
	ReasonNDSolicitedMulticast:     "nd-solicited-multicast",
	ReasonIPv4Truncated:            "ipv4-truncated",
	ReasonIPv4Version:              "ipv4-version",
	ReasonIPv4Length:               "ipv4-length",
	ReasonIPv4Checksum:             "ipv4-checksum",
	ReasonDHCPTruncated:            "dhcp-truncated",
	ReasonDHCPOption:               "dhcp-option",
}

// String gives the reason's name: lower case, words joined by hyphens.
func (r Reason) String() string {
	if r >= reasonCount {
		return "unknown"
	}
	return reasonNames[r]
}

// Malformed is the error of a packet that breaks its protocol's rules.
type Malformed struct {
	Reason Reason
}

func (m *Malformed) Error() string { return "malformed packet: " + m.Reason.String() }

// The errors exist beforehand because a flood of malformed packets must not turn
// into garbage for the collector.
var malformed = func() (errs [NumReasons]*Malformed) {
	for r := range errs {
		errs[r] = &Malformed{Reason: Reason(r)}
	}
	return errs
}()

// Errors of packets that are something else than what was looked for. They are no fault of
// the packet.
var (
	// ErrNotND: neither a neighbour solicitation nor a neighbour advertisement.
	ErrNotND = errors.New("not a neighbour solicitation or advertisement")
	// ErrNotNS: no neighbour solicitation.
	ErrNotNS = errors.New("not a neighbour solicitation")
	// ErrNotRS: no router solicitation.
	ErrNotRS = errors.New("not a router solicitation")
	// ErrNotDHCP: no message of DHCP that is read here.
	ErrNotDHCP = errors.New("not a dhcp message")
	// ErrNotIPv4: a frame with another EtherType than that of IPv4.
	ErrNotIPv4 = errors.New("not an ipv4 packet")
	// ErrNotIPv6: a frame with another EtherType than that of IPv6.
	ErrNotIPv6 = errors.New("not an ipv6 packet")
)

// ReasonOf gives the reason if err is, or wraps, a *Malformed.
func ReasonOf(err error) (Reason, bool) {
	if m, ok := errors.AsType[*Malformed](err); ok {
		return m.Reason, true
	}
	return ReasonNone, false
}
