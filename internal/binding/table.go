package binding

import (
	"hash/maphash"
	"slices"

	"github.com/isat-sdn/isat/packet"
)

// Config sets the limits of a Table.
type Config struct {
	Limits Limits
	Rules  Rules
	Seed   maphash.Seed // keeps hosts from choosing addresses that collide
}

// Permitted is what an operator asked for an address: the MACs that may hold
// it. The first is answered with until another of them announces itself
// (RFC 9161 §3.1; VRRP).
type Permitted struct {
	Key    Key
	MACs   []packet.MAC
	Origin Origin // Static or Gateway
	Router bool
}

// Change is one replacement in the table: Old is nil for a new binding, New for
// one that is gone.
type Change struct{ Old, New *Binding }

// Table holds bindings and stations. Lookup may be called from any goroutine;
// everything else belongs to the one writer.
type Table struct {
	limits     Limits
	rules      Rules
	bindings   *index[Key, Binding, *Binding]
	stations   *index[StationKey, Station, *Station]
	configured map[Key]Permitted
	byOwner    map[owner][]Key           // configured addresses of a MAC
	room       slab                      // of stations
	several    map[StationKey][][16]byte // addresses of stations that have several
	listed     []*Binding                // what BindingsOf returned last
	attached   map[Location]*attachment
	networks   map[uint32]*Counts
	kinds      [Static + 1][Duplicate + 1]int // bindings by origin and state
	leases     map[Key]lease
	moves      map[Key]moveLog // of addresses that changed their MAC of late
}

// owner is a MAC in a segment, on whichever switch.
type owner struct {
	Segment
	MAC packet.MAC
}

// Counts tells how much is known in one place or network.
type Counts struct{ Bindings, Stations int }

// attachment lists the stations behind one port, in no order.
type attachment struct {
	stations []stationRef
	Counts
}

// stationRef names a station on a switch, in 12 bytes and without a pointer.
type stationRef struct {
	network uint32
	vlan    uint16
	mac     packet.MAC
}

func (r stationRef) on(id uint64) StationKey {
	return StationKey{Switch: id, Segment: Segment{r.network, r.vlan}, MAC: r.mac}
}

// NewTable returns an empty table.
func NewTable(config Config) *Table {
	return &Table{
		limits:     config.Limits.withDefaults(),
		rules:      config.Rules,
		bindings:   newIndex[Key, Binding](config.Seed),
		stations:   newIndex[StationKey, Station](config.Seed),
		configured: make(map[Key]Permitted),
		byOwner:    make(map[owner][]Key),
		several:    make(map[StationKey][][16]byte),
		attached:   make(map[Location]*attachment),
		networks:   make(map[uint32]*Counts),
		leases:     make(map[Key]lease),
		moves:      make(map[Key]moveLog),
	}
}

// SetRules changes how long bindings may live. Those that are there follow when
// they are heard, or silent, next.
func (t *Table) SetRules(r Rules) { t.rules = r }

// Lookup returns the binding of an address, or nil. It takes no lock, allocates
// nothing and may be called from any goroutine.
func (t *Table) Lookup(key Key) *Binding { return t.bindings.get(key) }

// LookupAll stores the binding of each address, or nil, in found, which must be
// as long as keys. It is what Lookup is, and faster for many addresses.
func (t *Table) LookupAll(keys []Key, found []*Binding) { t.bindings.getAll(keys, found) }

// Station returns where a MAC is, or nil.
func (t *Table) Station(key StationKey) *Station { return t.stations.get(key) }

// StationOf returns the station that a binding is at home with, or nil.
func (t *Table) StationOf(b *Binding) *Station {
	return t.stations.get(homeOf(b))
}

func homeOf(b *Binding) StationKey {
	return StationKey{Switch: b.Switch, Segment: b.Segment, MAC: b.MAC}
}

// Permitted returns what the operator asked for an address.
func (t *Table) Permitted(key Key) (Permitted, bool) {
	p, ok := t.configured[key]
	return p, ok
}

// Len returns the number of bindings and of stations.
func (t *Table) Len() Counts {
	return Counts{Bindings: t.bindings.count, Stations: t.stations.count}
}

// CountsAt returns what is known behind one attachment.
func (t *Table) CountsAt(at Location) Counts {
	if a := t.attached[at]; a != nil {
		return a.Counts
	}
	return Counts{}
}

// CountsIn returns what is known in one network.
func (t *Table) CountsIn(network uint32) Counts {
	if c := t.networks[network]; c != nil {
		return *c
	}
	return Counts{}
}

// CountsOf returns how many bindings have an origin and a state.
func (t *Table) CountsOf(o Origin, s State) int { return t.kinds[o][s] }

// Bindings yields every binding, in no order.
func (t *Table) Bindings(yield func(*Binding) bool) { t.bindings.all(yield) }

// Stations yields every station, in no order.
func (t *Table) Stations(yield func(*Station) bool) { t.stations.all(yield) }

// StationsAt yields the stations behind one attachment. The writer may remove the
// one that it is given meanwhile.
func (t *Table) StationsAt(at Location) func(yield func(*Station) bool) {
	return func(yield func(*Station) bool) {
		a := t.attached[at]
		if a == nil {
			return
		}
		// From the end: what fills the place of one that is removed was there before.
		for i := len(a.stations) - 1; i >= 0; i = min(i, len(a.stations)) - 1 {
			if !yield(t.stations.get(a.stations[i].on(at.Switch))) {
				return
			}
		}
	}
}

func (t *Table) network(number uint32) *Counts {
	c := t.networks[number]
	if c == nil {
		c = new(Counts)
		t.networks[number] = c
	}
	return c
}

// set publishes a binding in place of old (nil for a new one) and keeps the
// station's list and the counts true.
func (t *Table) set(old, b *Binding) {
	t.bindings.put(b)
	t.kinds[b.Origin][b.State]++
	if old != nil {
		t.kinds[old.Origin][old.State]--
	}
	if old != nil && homeOf(old) == homeOf(b) {
		if s := t.StationOf(b); s != nil && slices.Contains(t.addressesOf(s), b.Addr) {
			return
		}
	}
	if old != nil {
		t.unlink(old)
	} else {
		t.network(b.Network).Bindings++
	}
	if s := t.StationOf(b); s != nil {
		t.bind(s, b.Addr)
		t.attached[s.Location()].Bindings++
	}
}

// drop takes a binding out of the table.
func (t *Table) drop(b *Binding) {
	t.bindings.remove(b.Key)
	t.unlink(b)
	t.network(b.Network).Bindings--
	t.kinds[b.Origin][b.State]--
}

// unlink takes a binding off its station's list.
func (t *Table) unlink(b *Binding) {
	if s := t.StationOf(b); s != nil && t.unbind(s, b.Addr) {
		t.attached[s.Location()].Bindings--
	}
}

func (t *Table) attach(s *Station) {
	a := t.attached[s.Location()]
	if a == nil {
		a = new(attachment)
		t.attached[s.Location()] = a
	}
	s.at = uint32(len(a.stations))
	a.stations = append(a.stations, stationRef{s.Network, s.VLAN, s.MAC})
	a.Stations++
	a.Bindings += len(t.addressesOf(s))
}

// detach fills the place of a station in the list with the last one.
func (t *Table) detach(s *Station) {
	a := t.attached[s.Location()]
	last := len(a.stations) - 1
	a.stations[s.at] = a.stations[last]
	t.stations.get(a.stations[last].on(s.Switch)).at = s.at
	a.stations = a.stations[:last]
	a.Stations--
	a.Bindings -= len(t.addressesOf(s))
	if last == 0 {
		delete(t.attached, s.Location())
	}
}

// Places yields the attachments of a switch behind which something is known.
func (t *Table) Places(onSwitch uint64) func(yield func(Location) bool) {
	return func(yield func(Location) bool) {
		for at := range t.attached {
			if at.Switch == onSwitch && !yield(at) {
				return
			}
		}
	}
}
