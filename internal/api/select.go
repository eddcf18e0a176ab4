package api

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/isat-sdn/isat/internal/view"
)

// SelectBindings returns the bindings that match f in the order of the API:
// by network name, VLAN, then address, IPv4 before IPv6, cut to what comes
// after f.After and to f.Limit. It reorders the slice that it is given.
func SelectBindings(list []view.Binding, f Filter) ([]view.Binding, error) {
	after, err := parseCursor(f.After)
	if err != nil {
		return nil, err
	}
	m := newMatcher(f)
	return selectSorted(list, f.Limit, after, m.binding, func(b *view.Binding) key {
		ip, _ := netip.ParseAddr(b.IP)
		return key{network: b.Network, vlan: b.VLAN, ip: ip, text: b.IP}
	}), nil
}

// SelectStations does for stations what [SelectBindings] does for bindings.
// The order is network name, VLAN, MAC, switch.
func SelectStations(list []view.Station, f Filter) ([]view.Station, error) {
	after, err := parseCursor(f.After)
	if err != nil {
		return nil, err
	}
	m := newMatcher(f)
	return selectSorted(list, f.Limit, after, m.station, func(s *view.Station) key {
		return key{network: s.Network, vlan: s.VLAN, text: stationID(s)}
	}), nil
}

// BindingCursor returns the value for Filter.After that continues a list
// behind b.
func BindingCursor(b view.Binding) string { return cursor(b.Network, b.VLAN, b.IP) }

// StationCursor returns the value for Filter.After that continues a list
// behind s.
func StationCursor(s view.Station) string { return cursor(s.Network, s.VLAN, stationID(&s)) }

// stationID tells a station from others of its network: a MAC may be behind several
// switches.
func stationID(s *view.Station) string { return s.MAC + "/" + s.Switch }

func cursor(network string, vlan uint16, id string) string {
	return network + "/" + strconv.Itoa(int(vlan)) + "/" + id
}

// key is the place of an object in a list. ip is invalid, thus equal, for
// objects that are not ordered by address.
type key struct {
	network string
	vlan    uint16
	ip      netip.Addr
	text    string
}

func (k key) compare(o key) int {
	return cmp.Or(
		cmp.Compare(k.network, o.network),
		cmp.Compare(k.vlan, o.vlan),
		k.ip.Compare(o.ip),
		cmp.Compare(k.text, o.text),
	)
}

// Position is what a cursor says. ID is an address, or the MAC of a station and its
// switch, with a slash between them.
type Position struct {
	Network string
	VLAN    uint16
	ID      string
}

// Position gives what After says, or nothing if it is no cursor.
func (f Filter) Position() Position {
	p, _ := parsePosition(f.After)
	return p
}

func parsePosition(s string) (Position, error) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) != 3 {
		return Position{}, Errorf(ErrInvalid, "read cursor %q: it is not one that a list returned as next", s)
	}
	vlan, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil {
		return Position{}, Errorf(ErrInvalid, "read cursor %q: %q is not a VLAN", s, parts[1])
	}
	return Position{parts[0], uint16(vlan), parts[2]}, nil
}

func parseCursor(s string) (*key, error) {
	if s == "" {
		return nil, nil
	}
	p, err := parsePosition(s)
	if err != nil {
		return nil, err
	}
	k := &key{network: p.Network, vlan: p.VLAN, text: p.ID}
	k.ip, _ = netip.ParseAddr(p.ID)
	return k, nil
}

func selectSorted[T any](list []T, limit int, after *key, match func(*T) bool, keyOf func(*T) key) []T {
	type keyed struct {
		key
		index int
	}
	keep := make([]keyed, 0, len(list))
	for i := range list {
		if !match(&list[i]) {
			continue
		}
		k := keyOf(&list[i])
		if after != nil && k.compare(*after) <= 0 {
			continue
		}
		keep = append(keep, keyed{k, i})
	}
	slices.SortFunc(keep, func(a, b keyed) int { return a.compare(b.key) })
	if limit > 0 && len(keep) > limit {
		keep = keep[:limit]
	}
	out := make([]T, len(keep))
	for i, k := range keep {
		out[i] = list[k.index]
	}
	return out
}

// matcher is a Filter with its address parsed once.
type matcher struct {
	Filter
	prefix netip.Prefix
}

func newMatcher(f Filter) *matcher {
	return &matcher{Filter: f, prefix: f.Prefix()}
}

// Prefix gives the addresses that IP means, or an invalid prefix if it means none.
func (f Filter) Prefix() netip.Prefix {
	p, _ := parsePrefix(f.IP)
	return p
}

// parsePrefix reads an address, as a prefix of its full length, or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is not a prefix such as 10.0.0.0/24", s)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not an IP address", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func (m *matcher) empty() bool {
	return m.Network == "" && m.Switch == "" && m.Port == "" && m.MAC == "" && m.IP == "" &&
		m.State == "" && m.Origin == ""
}

func is(want, have string) bool { return want == "" || want == have }

func (m *matcher) holds(ip string) bool {
	if m.IP == "" {
		return true
	}
	a, err := netip.ParseAddr(ip)
	return err == nil && m.prefix.Contains(a)
}

func (m *matcher) binding(b *view.Binding) bool {
	return is(m.Network, b.Network) && is(m.Switch, b.Switch) && is(m.Port, b.Port) && is(m.MAC, b.MAC) && m.holds(b.IP) &&
		is(m.State, b.State) && is(m.Origin, b.Origin)
}

func (m *matcher) station(s *view.Station) bool {
	return is(m.Network, s.Network) && is(m.Switch, s.Switch) && is(m.Port, s.Port) && is(m.MAC, s.MAC) &&
		(m.IP == "" || slices.ContainsFunc(s.Bindings, m.holds))
}

func (m *matcher) port(p *view.Port) bool {
	inNetwork := m.Network == "" || slices.ContainsFunc(p.Networks, func(n string) bool {
		name, _, _ := strings.Cut(n, "@")
		return name == m.Network
	})
	return inNetwork && is(m.Switch, p.Switch) && is(m.Port, p.Name) && is(m.MAC, p.MAC)
}

func (m *matcher) network(n *view.Network) bool { return is(m.Network, n.Name) }

func (m *matcher) sw(s *view.Switch) bool { return is(m.Switch, s.ID) }

// object matches whatever a change carries, by value or by pointer, and names
// the object so that a watch can remember it.
func (m *matcher) object(o any) (name string, match bool) {
	switch o := o.(type) {
	case view.Switch:
		return o.ID, m.sw(&o)
	case *view.Switch:
		return o.ID, m.sw(o)
	case view.Port:
		return o.Switch + "/" + o.Name, m.port(&o)
	case *view.Port:
		return o.Switch + "/" + o.Name, m.port(o)
	case view.Network:
		return o.Name, m.network(&o)
	case *view.Network:
		return o.Name, m.network(o)
	case view.Binding:
		return BindingCursor(o), m.binding(&o)
	case *view.Binding:
		return BindingCursor(*o), m.binding(o)
	case view.Station:
		return StationCursor(o), m.station(&o)
	case *view.Station:
		return StationCursor(*o), m.station(o)
	}
	return "", false
}
