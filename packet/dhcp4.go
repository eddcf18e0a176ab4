package packet

import "encoding/binary"

// DHCP message types (RFC 2131 §3.1, RFC 2132 §9.6).
const (
	DHCPDecline uint8 = 4
	DHCPAck     uint8 = 5
	DHCPRelease uint8 = 7
)

const (
	protocolUDP  = 17
	udpHeaderLen = 8

	dhcpServerPort = 67 // RFC 2131 §4.1
	dhcpClientPort = 68

	dhcpBootRequest = 1
	dhcpBootReply   = 2
	dhcpHeaderLen   = 236 // before the options' cookie (RFC 2131 §2)
	dhcpOptions     = dhcpHeaderLen + 4
	dhcpCookie      = 0x63825363 // RFC 2131 §3
	dhcpEthernet    = 1          // hardware type

	// Where fields begin (RFC 2131 §2).
	dhcpCIAddr = 12
	dhcpYIAddr = 16
	dhcpCHAddr = 28
	dhcpSName  = 44
	dhcpFile   = 108

	// Options (RFC 2132 §3.1, §9).
	dhcpOptionPad         = 0
	dhcpOptionRequestedIP = 50
	dhcpOptionLeaseTime   = 51
	dhcpOptionOverload    = 52
	dhcpOptionMessageType = 53
	dhcpOptionServerID    = 54
	dhcpOptionEnd         = 255
)

// DHCP4 is a view of a DHCP message (RFC 2131 §2).
type DHCP4 struct {
	Type      uint8   // of the message: DHCPAck and its like
	Reply     bool    // from a server
	Client    MAC     // the client's hardware address
	CIAddr    [4]byte // what the client has
	YIAddr    [4]byte // what the server gives it
	Requested [4]byte // what the client asks for, or declines; zero without the option
	Server    [4]byte // which server it is from or to; zero without the option
	HasLease  bool
	Lease     uint32 // seconds, if HasLease; the highest is for ever (RFC 2131 §3.3)
}

// Parse fills the view from an IPv4 packet, which may be followed by a frame's padding. The
// error is ErrNotDHCP for a packet that is no DHCP message to a server or a client, or that
// is about another hardware than Ethernet, otherwise a *Malformed. On error the view is
// undefined.
func (d *DHCP4) Parse(b []byte) error {
	var ip ipv4
	if err := ip.parse(b); err != nil {
		return err
	}
	if ip.protocol != protocolUDP || ip.later || len(ip.payload) < udpHeaderLen {
		return ErrNotDHCP
	}
	to := binary.BigEndian.Uint16(ip.payload[2:])
	if to != dhcpServerPort && to != dhcpClientPort {
		return ErrNotDHCP
	}
	message, ok := udpData(ip.payload)
	if !ok || len(message) < dhcpOptions {
		return malformed[ReasonDHCPTruncated]
	}
	if binary.BigEndian.Uint32(message[dhcpHeaderLen:]) != dhcpCookie || message[1] != dhcpEthernet || message[2] != byte(len(d.Client)) {
		return ErrNotDHCP
	}
	*d = DHCP4{
		Reply: message[0] == dhcpBootReply, Client: MAC(message[dhcpCHAddr:]),
		CIAddr: [4]byte(message[dhcpCIAddr:]), YIAddr: [4]byte(message[dhcpYIAddr:]),
	}
	// A reply goes to a client, a request to a server.
	if message[0] != dhcpBootRequest && !d.Reply || d.Reply != (to == dhcpClientPort) {
		return ErrNotDHCP
	}
	return d.parseOptions(message)
}

// parseOptions reads the options, and those that overflowed into the fields of names, in
// the order of RFC 3396 §5.
func (d *DHCP4) parseOptions(message []byte) error {
	overload, ok := d.readOptions(message[dhcpOptions:])
	if ok && overload&1 != 0 {
		_, ok = d.readOptions(message[dhcpFile:dhcpHeaderLen])
	}
	if ok && overload&2 != 0 {
		_, ok = d.readOptions(message[dhcpSName:dhcpFile])
	}
	switch {
	case !ok:
		return malformed[ReasonDHCPOption]
	case d.Type == 0:
		return ErrNotDHCP // BOOTP
	}
	return nil
}

// readOptions reads a list of options (RFC 2132 §2). ok is false if one has a length that
// can't be.
func (d *DHCP4) readOptions(b []byte) (overload uint8, ok bool) {
	for len(b) > 0 && b[0] != dhcpOptionEnd {
		if b[0] == dhcpOptionPad {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return 0, false
		}
		kind, value := b[0], b[2:2+int(b[1])]
		b = b[2+len(value):]
		switch {
		case kind == dhcpOptionMessageType && len(value) == 1:
			d.Type = value[0]
		case kind == dhcpOptionOverload && len(value) == 1:
			overload = value[0]
		case kind == dhcpOptionLeaseTime && len(value) == 4:
			d.HasLease, d.Lease = true, binary.BigEndian.Uint32(value)
		case kind == dhcpOptionRequestedIP && len(value) == 4:
			d.Requested = [4]byte(value)
		case kind == dhcpOptionServerID && len(value) == 4:
			d.Server = [4]byte(value)
		case isFixed(kind):
			return 0, false
		}
	}
	return overload, true
}

// isFixed says whether an option that is read here came with another length than it has.
func isFixed(kind uint8) bool {
	switch kind {
	case dhcpOptionMessageType, dhcpOptionOverload, dhcpOptionLeaseTime, dhcpOptionRequestedIP, dhcpOptionServerID:
		return true
	}
	return false
}

// udpData is what a UDP packet carries; ok is false if it says that it is longer than it is
// (RFC 768).
func udpData(b []byte) (data []byte, ok bool) {
	if len(b) < udpHeaderLen {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length < udpHeaderLen || length > len(b) {
		return nil, false
	}
	return b[udpHeaderLen:length], true
}
