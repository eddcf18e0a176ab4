package core

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/internal/view"
	"github.com/isat-sdn/isat/packet"
)

// Choice says which bindings or stations are listed: those that have all of what it names.
type Choice struct {
	Network string
	Switch  uint64 // datapath id
	Port    string
	MAC     packet.MAC
	Prefix  netip.Prefix
	// Of bindings alone, in the words of view.Binding.
	State, Origin string
	// After leaves out what is not behind it, if it names a network.
	After Place
	// Limit is how many are listed at the most, the first by their places; 0 for all.
	Limit int
}

// Place orders lists: by the name of the network and VLAN, then bindings by address and
// stations by MAC and switch.
type Place struct {
	Network string
	VLAN    uint16
	IP      netip.Addr
	MAC     packet.MAC
	Switch  uint64
}

func (p *Place) compare(o *Place) int {
	return cmp.Or(strings.Compare(p.Network, o.Network), cmp.Compare(p.VLAN, o.VLAN), p.IP.Compare(o.IP),
		bytes.Compare(p.MAC[:], o.MAC[:]), cmp.Compare(p.Switch, o.Switch))
}

// Bindings returns the bindings that are chosen, in no order. It looks at all but shows
// only those, for that is what takes time.
func (c *Core) Bindings(choice Choice) []view.Binding {
	list := listing[*binding.Binding]{choice: &choice, place: func(b *binding.Binding) Place {
		return Place{Network: c.names[b.Network], VLAN: b.VLAN, IP: b.IP()}
	}}
	for b := range c.table.Bindings {
		if c.chosenBinding(&choice, b) {
			list.add(b)
		}
	}
	return shown(list.all(), c.ViewBinding)
}

func (c *Core) chosenBinding(choice *Choice, b *binding.Binding) bool {
	return (choice.Network == "" || choice.Network == c.names[b.Network]) &&
		(choice.Switch == 0 || choice.Switch == b.Switch) &&
		(choice.MAC.IsZero() || choice.MAC == b.MAC) &&
		(!choice.Prefix.IsValid() || choice.Prefix.Contains(b.IP())) &&
		(choice.State == "" || choice.State == stateName(b)) &&
		(choice.Origin == "" || choice.Origin == b.Origin.String()) &&
		(choice.Port == "" || c.onPort(c.table.StationOf(b), choice.Port))
}

// Stations returns the stations that are chosen, likewise.
func (c *Core) Stations(choice Choice) []view.Station {
	list := listing[*binding.Station]{choice: &choice, place: func(s *binding.Station) Place {
		return Place{Network: c.names[s.Network], VLAN: s.VLAN, MAC: s.MAC, Switch: s.Switch}
	}}
	for s := range c.table.Stations {
		if c.chosenStation(&choice, s) {
			list.add(s)
		}
	}
	return shown(list.all(), c.viewStation)
}

func (c *Core) chosenStation(choice *Choice, s *binding.Station) bool {
	within := func(b *binding.Binding) bool { return choice.Prefix.Contains(b.IP()) }
	return (choice.Network == "" || choice.Network == c.names[s.Network]) &&
		(choice.Switch == 0 || choice.Switch == s.Switch) &&
		(choice.MAC.IsZero() || choice.MAC == s.MAC) &&
		(!choice.Prefix.IsValid() || slices.ContainsFunc(c.table.BindingsOf(s), within)) &&
		(choice.Port == "" || c.onPort(s, choice.Port))
}

// onPort says whether a station, nil for none, is behind a port of that name.
func (c *Core) onPort(s *binding.Station, port string) bool {
	if s == nil {
		return false
	}
	sw := c.switches[s.Switch]
	return sw != nil && c.portName(sw, s.Port) == port
}

func shown[T, V any](list []T, show func(T) V) []V {
	out := make([]V, len(list))
	for i, one := range list {
		out[i] = show(one)
	}
	return out
}

// listing keeps the first of what is added, as many as the choice allows. It sorts
// whenever it holds twice as many, and takes nothing from then on that is behind the last.
type listing[T any] struct {
	choice *Choice
	place  func(T) Place
	list   []T
	last   *Place
}

func (l *listing[T]) add(one T) {
	if after := &l.choice.After; after.Network != "" || l.last != nil {
		at := l.place(one)
		if after.Network != "" && at.compare(after) <= 0 || l.last != nil && at.compare(l.last) >= 0 {
			return
		}
	}
	l.list = append(l.list, one)
	if limit := l.choice.Limit; limit > 0 && len(l.list) >= 2*limit {
		l.cut()
	}
}

func (l *listing[T]) cut() {
	slices.SortFunc(l.list, func(a, b T) int {
		x, y := l.place(a), l.place(b)
		return x.compare(&y)
	})
	l.list = l.list[:l.choice.Limit]
	last := l.place(l.list[len(l.list)-1])
	l.last = &last
}

func (l *listing[T]) all() []T {
	if limit := l.choice.Limit; limit > 0 && len(l.list) > limit {
		l.cut()
	}
	return l.list
}
