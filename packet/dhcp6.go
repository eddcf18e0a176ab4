package packet

import "encoding/binary"

// DHCPv6 message types (RFC 8415 §7.3).
const (
	DHCP6Reply   uint8 = 7
	DHCP6Release uint8 = 8
	DHCP6Decline uint8 = 9
)

const (
	dhcp6ClientPort = 546 // RFC 8415 §7.2
	dhcp6ServerPort = 547
	dhcp6HeaderLen  = 4 // type and transaction (RFC 8415 §8)

	// Options (RFC 8415 §21).
	dhcp6OptionClientID = 1
	dhcp6OptionIANA     = 3
	dhcp6OptionIATA     = 4
	dhcp6OptionIAAddr   = 5

	dhcp6OptionHeader = 4  // code and length
	dhcp6IANALen      = 12 // IAID, T1, T2 (RFC 8415 §21.4)
	dhcp6IATALen      = 4  // IAID (RFC 8415 §21.5)
	dhcp6IAAddrLen    = 24 // address, preferred and valid lifetime (RFC 8415 §21.6)

	maxDUIDLen = 130 // RFC 8415 §11.1
	// MaxDHCP6Addresses is how many addresses of a message are read.
	MaxDHCP6Addresses = 16
)

// DHCP6 is a view of a DHCPv6 message between a client and a server. What relay agents say
// to servers is none (RFC 8415 §9). Its slice aliases the bytes given to Parse.
type DHCP6 struct {
	Type      uint8    // DHCP6Reply and its like
	Src, Dst  [16]byte // of the IPv6 header
	DUID      []byte   // of the client, nil without the option
	NumLeases int
	leases    [MaxDHCP6Addresses]DHCP6Lease
}

// DHCP6Lease is an address with what is left of its life.
type DHCP6Lease struct {
	Addr  [16]byte
	Valid uint32 // seconds; the highest is for ever (RFC 8415 §7.7)
}

// Leases are the addresses of the identity associations, temporary ones among them; those
// beyond MaxDHCP6Addresses are left out.
func (d *DHCP6) Leases() []DHCP6Lease { return d.leases[:d.NumLeases] }

// Parse fills the view from an IPv6 packet, which may be followed by a frame's padding. The
// error is ErrNotDHCP for a packet that is no message of a client or a server, otherwise a
// *Malformed. On error the view is undefined.
func (d *DHCP6) Parse(b []byte) error {
	var ip ipv6
	if err := ip.parse(b); err != nil {
		return err
	}
	if ip.protocol != protocolUDP || ip.later || len(ip.upper) < udpHeaderLen {
		return ErrNotDHCP
	}
	to := binary.BigEndian.Uint16(ip.upper[2:])
	if to != dhcp6ClientPort && to != dhcp6ServerPort {
		return ErrNotDHCP
	}
	message, ok := udpData(ip.upper)
	if !ok || len(message) < dhcp6HeaderLen {
		return malformed[ReasonDHCPTruncated]
	}
	d.Type, d.Src, d.Dst = message[0], ip.src, ip.dst
	d.DUID, d.NumLeases = nil, 0
	if (d.Type == DHCP6Reply) != (to == dhcp6ClientPort) || d.Type != DHCP6Reply && d.Type != DHCP6Release && d.Type != DHCP6Decline {
		return ErrNotDHCP
	}
	if !d.readOptions(message[dhcp6HeaderLen:]) {
		return malformed[ReasonDHCPOption]
	}
	return nil
}

// readOptions reads the options of a message; false means that one has a length that can't
// be.
func (d *DHCP6) readOptions(b []byte) bool {
	for len(b) > 0 {
		kind, value, rest, ok := cutDHCP6Option(b)
		if !ok {
			return false
		}
		b = rest
		switch kind {
		case dhcp6OptionClientID:
			if len(value) < 1 || len(value) > maxDUIDLen {
				return false
			}
			d.DUID = value
		case dhcp6OptionIANA:
			ok = len(value) >= dhcp6IANALen && d.readAddresses(value[dhcp6IANALen:])
		case dhcp6OptionIATA:
			ok = len(value) >= dhcp6IATALen && d.readAddresses(value[dhcp6IATALen:])
		}
		if !ok {
			return false
		}
	}
	return true
}

// readAddresses reads the options of an identity association, likewise.
func (d *DHCP6) readAddresses(b []byte) bool {
	for len(b) > 0 {
		kind, value, rest, ok := cutDHCP6Option(b)
		if !ok {
			return false
		}
		b = rest
		if kind != dhcp6OptionIAAddr {
			continue
		}
		if len(value) < dhcp6IAAddrLen {
			return false
		}
		if d.NumLeases < MaxDHCP6Addresses {
			d.leases[d.NumLeases] = DHCP6Lease{Addr: [16]byte(value), Valid: binary.BigEndian.Uint32(value[20:])}
			d.NumLeases++
		}
	}
	return true
}

// cutDHCP6Option takes the first option off b (RFC 8415 §21.1).
func cutDHCP6Option(b []byte) (kind uint16, value, rest []byte, ok bool) {
	if len(b) < dhcp6OptionHeader {
		return 0, nil, nil, false
	}
	end := dhcp6OptionHeader + int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < end {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[dhcp6OptionHeader:end], b[end:], true
}
