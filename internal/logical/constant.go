package logical

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// format is how a constant is written.
type format uint8

const (
	formatDecimal format = iota
	formatHex
	formatIPv4
	formatIPv6
	formatMAC
	formatString
)

// constant is a number, perhaps masked, or a string.
type constant struct {
	format format
	masked bool
	value  number // bits outside of the mask are 0
	mask   number // only if masked
	text   string // only if formatString
}

// bits is how wide a field has to be to hold the constant: an address needs all of its bits.
func (c constant) bits() int {
	if width := c.format.addressBits(); width != 0 {
		return width
	}
	return max(c.value.width(), c.mask.width())
}

// String is the constant as it is written.
func (c constant) String() string { return string(c.append(nil)) }

func (c constant) append(b []byte) []byte {
	b = c.appendNumber(b, c.value)
	if !c.masked {
		return b
	}
	b = append(b, '/')
	if n, ok := c.prefixLength(); ok {
		return strconv.AppendInt(b, int64(n), 10)
	}
	return c.appendNumber(b, c.mask)
}

func (c constant) appendNumber(b []byte, n number) []byte {
	full := n.bytes()
	switch c.format {
	case formatString:
		return appendQuoted(b, c.text)
	case formatIPv4:
		return netip.AddrFrom4([4]byte(full[12:])).AppendTo(b)
	case formatIPv6:
		return netip.AddrFrom16(full).AppendTo(b)
	case formatMAC:
		for i, x := range full[10:] {
			if i > 0 {
				b = append(b, ':')
			}
			b = append(b, hexDigits[x>>4], hexDigits[x&15])
		}
		return b
	case formatHex:
		b = append(b, "0x"...)
		if n.hi != 0 {
			b = strconv.AppendUint(b, n.hi, 16)
			return fmt.Appendf(b, "%016x", n.lo)
		}
		return strconv.AppendUint(b, n.lo, 16)
	}
	return strconv.AppendUint(b, n.lo, 10)
}

const hexDigits = "0123456789abcdef"

// prefixLength is the length of an address's mask when that is a prefix.
func (c constant) prefixLength() (int, bool) {
	if !c.format.hasPrefixes() {
		return 0, false
	}
	width := c.format.addressBits()
	zeros := min(c.mask.trailingZeros(), width)
	return width - zeros, c.mask == ones(width).and(ones(zeros).not())
}

// addressBits is the width of the addresses that are written in format f, 0 if it is none of addresses.
func (f format) addressBits() int {
	switch f {
	case formatIPv4:
		return 32
	case formatMAC:
		return 48
	case formatIPv6:
		return 128
	}
	return 0
}

// hasPrefixes reports whether the length of a prefix can be the mask of a constant in format f.
func (f format) hasPrefixes() bool { return f == formatIPv4 || f == formatIPv6 }

// appendQuoted writes a string in the syntax of JSON.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// scanNumber reads a number or an address, and its mask if there is one.
func (l *lexer) scanNumber() {
	first := l.digits()
	c, problem := parseNumber(first)
	if problem != "" {
		l.invalid("%s", problem)
		return
	}
	l.tok.kind, l.tok.constant = tokNumber, c
	if next := l.peek(1); l.peek(0) != '/' || next == '/' || next == '*' {
		return // no mask, or a comment
	}
	l.pos++
	if problem := l.tok.constant.setMask(l.digits()); problem != "" {
		l.invalid("%s", problem)
	}
}

// digits takes all that can be part of a number.
func (l *lexer) digits() string {
	start := l.pos
	for {
		c := l.peek(0)
		if !isIDStart(c) && !(c >= '0' && c <= '9') && c != ':' || c == '.' && l.peek(1) == '.' {
			return l.text[start:l.pos]
		}
		l.pos++
	}
}

// setMask gives c the mask that s says: a number in the same form or the length of a prefix. Bits of
// the value that the mask leaves out are dropped, so that 10.0.0.1/24 is 10.0.0.0/24.
func (c *constant) setMask(s string) (problem string) {
	if s == "" {
		return "Integer constant expected."
	}
	mask, problem := parseNumber(s)
	width := c.format.addressBits()
	switch {
	case problem != "":
		return problem
	case c.format.hasPrefixes() && mask.format == formatDecimal && !small(uint64(width)).less(mask.value):
		mask.value = ones(width).and(ones(width - int(mask.value.lo)).not())
	case mask.format > formatHex || c.format > formatHex:
		if mask.format != c.format {
			return "Value and mask have incompatible formats."
		}
	}
	if mask.format == formatHex {
		c.format = formatHex
	}
	c.masked, c.mask, c.value = true, mask.value, c.value.and(mask.value)
	return ""
}

const invalidNumber = "Invalid numeric constant."

// parseNumber reads a number or an address without mask.
func parseNumber(s string) (c constant, problem string) {
	switch {
	case strings.IndexByte(s, ':') >= 0:
		return parseColons(s)
	case strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X"):
		return parseHex(s)
	case strings.IndexByte(s, '.') >= 0:
		a, err := netip.ParseAddr(s)
		if err != nil {
			return c, invalidNumber
		}
		b := a.As4()
		return constant{format: formatIPv4, value: numberOf(b[:])}, ""
	}
	if len(s) > 1 && s[0] == '0' {
		return c, "Decimal constants must not have leading zeros."
	}
	for i := 0; i < len(s); i++ {
		digit := uint64(s[i] - '0')
		if digit > 9 {
			return c, invalidNumber
		}
		over, lo := bits.Mul64(c.value.lo, 10)
		lo, carry := bits.Add64(lo, digit, 0)
		if over+carry != 0 {
			return c, "Decimal constants must be less than 2**64."
		}
		c.value.lo = lo
	}
	return c, ""
}

func parseHex(s string) (c constant, problem string) {
	c.format = formatHex
	if len(s) == 2 {
		return c, "Hex digits expected following 0x."
	}
	for i := 2; i < len(s); i++ {
		d, ok := hexDigit(s[i])
		if !ok {
			return c, "Invalid syntax in hexadecimal constant."
		}
		if c.value.hi>>60 != 0 {
			return c, "Hexadecimal constant requires more than 128 bits."
		}
		c.value = c.value.shiftLeft(4)
		c.value.lo |= uint64(d)
	}
	return c, ""
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// parseColons reads an Ethernet or IPv6 address.
func parseColons(s string) (constant, string) {
	if mac, ok := parseMAC(s); ok {
		return constant{format: formatMAC, value: mac}, ""
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return constant{}, invalidNumber
	}
	b := a.As16()
	return constant{format: formatIPv6, value: numberOf(b[:])}, ""
}

// parseMAC reads six groups of one or two hexadecimal digits.
func parseMAC(s string) (number, bool) {
	var mac, group uint64
	groups, digits := 0, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ':' {
			if digits == 0 || digits > 2 {
				return number{}, false
			}
			mac, group = mac<<8|group, 0
			groups, digits = groups+1, 0
			continue
		}
		d, ok := hexDigit(s[i])
		if !ok {
			return number{}, false
		}
		group = group<<4 | uint64(d)
		digits++
	}
	return small(mac), groups == 6
}
