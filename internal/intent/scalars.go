package intent

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/isat-sdn/isat/packet"
)

// scalar is a value as it was written: 0000000000000001 and 02:00 are read as text, not
// as the numbers that YAML would make of them.
type scalar struct {
	text   string
	at     place
	quoted bool
}

// scalarOf gives the text of a scalar that stands on one line. Its place isn't set.
func scalarOf(node ast.Node) (scalar, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return scalar{text: n.Value, quoted: !isPlain(n.Token)}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{text: node.GetToken().Value}, true
	}
	return scalar{}, false
}

// scalar reads a required field of one word; want says what is expected.
func (d *decoder) scalar(f fields, key, want string) (scalar, bool) {
	node, ok := f.values[key]
	if !ok {
		if !f.misspelt[key] {
			d.failf(f.at, "%s is missing: want %s", key, want)
		}
		return scalar{at: f.at}, false
	}
	return d.scalarNode(node, key, want)
}

func (d *decoder) scalarNode(node ast.Node, what, want string) (scalar, bool) {
	s, ok := scalarOf(node)
	s.at = d.nodePlace(node)
	if !ok {
		d.failf(s.at, "%s is %s: want %s", what, describe(node), want)
	}
	return s, ok
}

const wantName = "1 to 63 of the characters a-z, 0-9 and -"

func (d *decoder) name(f fields) item[string] {
	s, ok := d.scalar(f, "name", wantName)
	if ok && !validName(s.text) {
		d.failf(s.at, "name %q can't be used: want %s", shorten(s.text), wantName)
		ok = false
	}
	return item[string]{s.text, s.at, ok}
}

func validName(s string) bool {
	return len(s) >= 1 && len(s) <= MaxNameLen && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// number reads the network's number, which only the default network may leave out.
func (d *decoder) number(f fields, name item[string]) item[uint32] {
	isDefault := name.ok && name.value == DefaultName
	if _, ok := f.values["number"]; !ok && isDefault {
		return item[uint32]{DefaultNumber, f.at, true}
	}
	n := d.uintField(f, "number", 1, MaxNetworkNumber)
	switch {
	case !n.ok:
	case isDefault && n.value != DefaultNumber:
		d.failf(n.at, "number %d can't be used: want %d, or leave it out", n.value, DefaultNumber)
		n.ok = false
	case name.ok && !isDefault && n.value == DefaultNumber:
		d.failf(n.at, "number %d is that of the network %q: want another one from 2 to %d", n.value, DefaultName, MaxNetworkNumber)
		n.ok = false
	}
	return n
}

// uintField reads a required whole number in plain decimal digits.
func (d *decoder) uintField(f fields, key string, low, high uint32) item[uint32] {
	want := fmt.Sprintf("a whole number from %d to %d", low, high)
	s, ok := d.scalar(f, key, want)
	if !ok {
		return item[uint32]{at: s.at}
	}
	value, err := parseUint(s.text)
	switch {
	case s.quoted && err == nil:
		d.failf(s.at, "%s %q is text: want %s, without quotes", key, s.text, want)
	case !s.quoted && len(s.text) > 1 && s.text[0] == '0' && isDigits(strings.TrimLeft(s.text, "0")):
		d.failf(s.at, "%s %s begins with a zero: want %s in plain decimal digits", key, shorten(s.text), want)
	case s.quoted || err != nil && !isDigits(s.text):
		d.failf(s.at, "%s %q is not a number: want %s", key, shorten(s.text), want)
	case err != nil || value < low || value > high:
		d.failf(s.at, "%s %s is out of range: want %s", key, shorten(s.text), want)
	default:
		return item[uint32]{value, s.at, true}
	}
	return item[uint32]{at: s.at}
}

// parseUint reads decimal digits. A leading zero is refused, as YAML 1.1 takes such a
// number for an octal one.
func parseUint(s string) (uint32, error) {
	if len(s) > 1 && s[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseUint(s, 10, 32)
	return uint32(v), err
}

// isDigits says whether s is a number, be it one too large or too small.
func isDigits(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

func (d *decoder) unknown(f fields) Unknown {
	return Unknown(d.word(f, "unknown", "policy", unknownNames[:]))
}

func (d *decoder) role(f fields) PortRole {
	return PortRole(d.word(f, "role", "role", roleNames[:]))
}

// word reads an optional field that is one of several words and gives its index: 0, the
// default, if it isn't there or is refused.
func (d *decoder) word(f fields, key, what string, words []string) int {
	if _, ok := f.values[key]; !ok {
		return 0
	}
	s, ok := d.scalar(f, key, "one of "+strings.Join(words, ", "))
	if !ok {
		return 0
	}
	i := slices.Index(words, s.text)
	if i < 0 {
		d.failf(s.at, "%s %q is no %s: %s", key, shorten(s.text), what, suggest(s.text, words))
		return 0
	}
	return i
}

// boolField reads an optional field that is false without it.
func (d *decoder) boolField(f fields, key string) bool {
	if _, ok := f.values[key]; !ok {
		return false
	}
	s, ok := d.scalar(f, key, "true or false")
	if ok && (s.quoted || s.text != "true" && s.text != "false") {
		d.failf(s.at, "%s %q is neither true nor false: want one of them, without quotes", key, shorten(s.text))
	}
	return s.text == "true"
}

// secondsField reads an optional duration of whole seconds from low to high. It is not ok
// without the field.
func (d *decoder) secondsField(f fields, key string, low, high time.Duration) item[time.Duration] {
	return d.duration(f, key, fmt.Sprintf("one from %s to %s, such as 90s or 10m", seconds(low), seconds(high)), low, high)
}

// duration is secondsField that says in other words what is expected.
func (d *decoder) duration(f fields, key, want string, low, high time.Duration) item[time.Duration] {
	if _, ok := f.values[key]; !ok {
		return item[time.Duration]{at: f.at}
	}
	s, ok := d.scalar(f, key, "a duration, "+want)
	if !ok {
		return item[time.Duration]{at: s.at}
	}
	value, err := time.ParseDuration(s.text)
	switch {
	case err != nil:
		d.failf(s.at, "%s %q is not a duration: want %s", key, shorten(s.text), want)
	case value%time.Second != 0:
		d.failf(s.at, "%s %s has a fraction of a second: want whole seconds", key, shorten(s.text))
	case value < low || value > high:
		d.failf(s.at, "%s %s is out of range: want %s", key, shorten(s.text), want)
	default:
		return item[time.Duration]{value, s.at, true}
	}
	return item[time.Duration]{at: s.at}
}

// seconds prints a duration of whole seconds without the units that are zero at its end.
func seconds(d time.Duration) string {
	s := d.String()
	if d != 0 && strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const wantSwitch = "a bridge name or a datapath id of 16 hexadecimal digits"

func (d *decoder) switchRef(f fields) item[SwitchRef] {
	s, ok := d.scalar(f, "switch", wantSwitch)
	if !ok {
		return item[SwitchRef]{at: s.at}
	}
	ref, err := ParseSwitchRef(s.text)
	if err != nil {
		d.failf(s.at, "%v", err)
	}
	return item[SwitchRef]{ref, s.at, err == nil}
}

// portRef reads a port. What YAML takes for a number is a port number, and a port whose
// name consists of digits needs quotes.
func (d *decoder) portRef(f fields) item[PortRef] {
	want := fmt.Sprintf("a port name, or a port number from 1 to %d", uint32(MaxPortNumber))
	s, ok := d.scalar(f, "port", want)
	if !ok {
		return item[PortRef]{at: s.at}
	}
	if !s.quoted {
		number, err := parseUint(s.text)
		if err == nil && number >= 1 && number <= MaxPortNumber {
			return item[PortRef]{PortRef{Number: number}, s.at, true}
		}
		if err == nil || isDigits(s.text) {
			d.failf(s.at, "port %s is out of range: want %s", shorten(s.text), want)
			return item[PortRef]{at: s.at}
		}
	}
	if err := checkPortName(s.text); err != nil {
		d.failf(s.at, "port %q %v: want %s", shorten(s.text), err, want)
		return item[PortRef]{at: s.at}
	}
	return item[PortRef]{PortRef{Name: s.text}, s.at, true}
}

const wantPrefix = "one such as 10.1.0.0/16 or fd00:1::/64"

func (d *decoder) prefix(f fields) item[netip.Prefix] {
	s, ok := d.scalar(f, "prefix", wantPrefix)
	if !ok {
		return item[netip.Prefix]{at: s.at}
	}
	prefix, err := netip.ParsePrefix(s.text)
	if err != nil || prefix.Addr().Is4In6() {
		d.failf(s.at, "subnet %q is not an address and a prefix length: want %s", shorten(s.text), wantPrefix)
		return item[netip.Prefix]{at: s.at}
	}
	if masked := prefix.Masked(); masked != prefix {
		d.failf(s.at, "subnet %s has host bits set: want %s", prefix, masked)
		return item[netip.Prefix]{at: s.at}
	}
	if prefix.Bits() == 0 || !isHost(prefix.Addr()) && !prefix.Addr().IsUnspecified() {
		d.failf(s.at, "subnet %s holds no hosts' addresses: want %s", prefix, wantPrefix)
		return item[netip.Prefix]{at: s.at}
	}
	return item[netip.Prefix]{prefix, s.at, true}
}

const wantAddress = "the address of a host, such as 10.1.0.1 or fd00:1::1"

// address reads the address of a host.
func (d *decoder) address(f fields, key string) item[netip.Addr] {
	s, ok := d.scalar(f, key, wantAddress)
	if !ok {
		return item[netip.Addr]{at: s.at}
	}
	return d.addressText(s, key)
}

func (d *decoder) addressText(s scalar, key string) item[netip.Addr] {
	ip, err := netip.ParseAddr(s.text)
	switch {
	case err != nil || ip.Zone() != "":
		d.failf(s.at, "%s %q is not an IP address: want %s", key, shorten(s.text), wantAddress)
	case ip.Is4In6():
		d.failf(s.at, "%s %s is an IPv4 address in IPv6 form: want %s", key, s.text, ip.Unmap())
	case !isHost(ip):
		d.failf(s.at, "%s %s is %s address: want %s", key, ip, addressKind(ip), wantAddress)
	default:
		return item[netip.Addr]{ip, s.at, true}
	}
	return item[netip.Addr]{at: s.at}
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isHost says whether a host may have the address.
func isHost(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLoopback() && !isReserved(ip)
}

// isReserved says whether an address is of "this network", or of what is kept for
// the future, the broadcast address among it (RFC 1122 §3.2.1.3): the switches
// answer nobody who asks for one.
func isReserved(ip netip.Addr) bool {
	return ip.Is4() && (ip.As4()[0] == 0 || ip.As4()[0] >= 240)
}

func addressKind(ip netip.Addr) string {
	switch {
	case ip.IsMulticast():
		return "a multicast"
	case ip.IsLoopback():
		return "a loopback"
	case ip.IsUnspecified():
		return "the unspecified"
	case ip == limitedBroadcast:
		return "the broadcast"
	}
	return "a reserved"
}

const wantMAC = "the MAC address of a station, such as 02:00:00:00:00:01"

func (d *decoder) mac(f fields, key string) item[packet.MAC] {
	s, ok := d.scalar(f, key, wantMAC)
	if !ok {
		return item[packet.MAC]{at: s.at}
	}
	return d.macText(s, key)
}

func (d *decoder) macText(s scalar, key string) item[packet.MAC] {
	mac, err := packet.ParseMAC(s.text)
	switch {
	case err != nil:
		d.failf(s.at, "%s %q is not a MAC address: want %s", key, shorten(s.text), wantMAC)
	case mac.IsZero():
		d.failf(s.at, "%s %s is all zero: want %s", key, mac, wantMAC)
	case mac.IsMulticast():
		d.failf(s.at, "%s %s is a multicast or broadcast address: want %s", key, mac, wantMAC)
	case mac == OwnMAC:
		d.failf(s.at, "%s %s is isat's own, from which nobody may send: want %s", key, mac, wantMAC)
	default:
		return item[packet.MAC]{mac, s.at, true}
	}
	return item[packet.MAC]{at: s.at}
}

// macList reads the field macs of a binding.
func (d *decoder) macList(f fields) []packet.MAC {
	nodes := d.list(f, "macs", "MAC addresses")
	if len(nodes) == 0 {
		if node := f.values["macs"]; isNull(node) || node.Type() == ast.SequenceType {
			d.failf(d.place(f, "macs"), "macs is empty: want at least one MAC address")
		}
		return nil
	}
	var macs []packet.MAC
	seen := make(map[packet.MAC]bool, len(nodes))
	for _, node := range nodes {
		s, ok := d.scalarNode(node, "macs entry", wantMAC)
		if !ok {
			continue
		}
		mac := d.macText(s, "macs entry")
		if mac.ok && seen[mac.value] {
			d.failf(mac.at, "macs has %s twice: want each once", mac.value)
			continue
		}
		if mac.ok {
			seen[mac.value] = true
			macs = append(macs, mac.value)
		}
	}
	return macs
}
