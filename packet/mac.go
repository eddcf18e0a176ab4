package packet

import (
	"encoding/hex"
	"fmt"
)

// MAC is an Ethernet (EUI-48) address. The zero MAC means "none".
type MAC [6]byte

// Broadcast is the address of every station.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an address of six pairs of hexadecimal digits, separated by
// colons or by hyphens.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	if err := m.parse(s); err != nil {
		return MAC{}, err
	}
	return m, nil
}

func (m *MAC) parse(s string) error {
	const length = len("00:00:00:00:00:00")
	if len(s) != length {
		return macError(s)
	}
	separator := s[2]
	if separator != ':' && separator != '-' {
		return macError(s)
	}
	for i := range m {
		high, ok1 := hexDigit(s[3*i])
		low, ok2 := hexDigit(s[3*i+1])
		if !ok1 || !ok2 {
			return macError(s)
		}
		if i < len(m)-1 && s[3*i+2] != separator {
			return macError(s)
		}
		m[i] = high<<4 | low
	}
	return nil
}

func macError(s string) error {
	const shown = 40 // a MAC that is longer than this is not worth repeating
	if len(s) > shown {
		s = s[:shown] + "..."
	}
	return fmt.Errorf("parse MAC address %q: want six pairs of hexadecimal digits such as 02:00:00:00:00:01", s)
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// MACFromUint64 is the inverse of MAC.Uint64. The upper 16 bits are ignored.
func MACFromUint64(v uint64) MAC {
	return MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// Uint64 gives the address as a number, first octet most significant: the form in
// which a 48-bit register field holds it.
func (m MAC) Uint64() uint64 {
	return uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 |
		uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

// IsMulticast says whether the address names a group; Broadcast is one
// (IEEE 802-2014 §8.2.2, the I/G bit).
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// IsBroadcast says whether the address is Broadcast.
func (m MAC) IsBroadcast() bool { return m == Broadcast }

// IsZero says whether the address is all zero, which no station has.
func (m MAC) IsZero() bool { return m == MAC{} }

// AppendText appends the form of String.
func (m MAC) AppendText(b []byte) ([]byte, error) {
	for i := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, m[i:i+1])
	}
	return b, nil
}

// String gives six pairs of lower-case hexadecimal digits separated by colons.
func (m MAC) String() string {
	var buffer [17]byte
	text, _ := m.AppendText(buffer[:0])
	return string(text)
}

// MarshalText gives the form of String.
func (m MAC) MarshalText() ([]byte, error) { return m.AppendText(make([]byte, 0, 17)) }

// UnmarshalText reads what ParseMAC reads. On error the MAC is unchanged.
func (m *MAC) UnmarshalText(text []byte) error {
	parsed, err := ParseMAC(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}
